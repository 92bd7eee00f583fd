"""What the puzzle is about: maps of a photo, and of its tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.cam import normalize_cams
from puzzlecam_cli.method.puzzle import merge, tile
from puzzlecam_cli.models.build import build
from puzzlecam_cli.run.model_file import load_model, read_description

Map = NDArray[np.float32]


def puzzle_maps(
    model: Path, photos: Sequence[tuple[Image.Image, int]], *, side: int, rows: int = 2
) -> list[tuple[Image.Image, Map, Map, Map]]:
    """Maps of one class of each photo, by a trained classifier on the CPU.

    Args:
        model: the classifier's file.
        photos: each with a class 1..C.
        side: pixels to which the photo is brought, each way: what the classifier was trained on.

    Returns:
        For each photo: itself as it was seen; and (1, h, w) maps in [0, 1): of the whole, of the tiles, each divided
        by its own maximum, and of the tiles together, divided by theirs.

    Raises:
        UserError: the file does not say what it is, is damaged, or its backbone is not installed.
    """
    description = read_description(model)
    if description is None or description.head["kind"] != "classifier":
        raise UserError("model-foreign", f"{model} is no classifier that says what it is")
    network = build(description)
    load_model(model, network)
    network.eval()
    mean, std = (torch.tensor(values)[:, None, None] for values in (description.mean, description.std))
    cell = rows * max(description.multiple, 1)
    side = max(1, round(side / cell)) * cell
    found = []
    for photo, index in photos:
        seen = photo.resize((side, side), Image.Resampling.BICUBIC)
        image = (torch.from_numpy(np.array(seen)).permute(2, 0, 1).float() / 255 - mean) / std
        with torch.inference_mode():
            whole = network(image[None])[:, index - 1 : index].float()
            tiles = network(tile(image[None], rows))[:, index - 1 : index].float()
        each, merged = merge(normalize_cams(tiles), rows), normalize_cams(merge(tiles, rows))
        found.append((photo, normalize_cams(whole)[0].numpy(), each[0].numpy(), merged[0].numpy()))
    return found
