"""A model file of this program, which says all of itself: `puzzlecam predict` takes it wherever it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from puzzlecam_cli.models.description import Description
from puzzlecam_cli.run.model_file import save_model
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.use.export.kinds import Array, Runner
from puzzlecam_cli.use.export.portable import Portable


def write(network: nn.Module, description: Description, out: Path, precision: str, photos: Iterable[Array]) -> None:
    """See `Writer`."""
    save_model(out, network, description)


def open_runner(path: Path) -> Runner:
    """See `Writer`."""
    description, network = open_model(path)
    whole = Portable(network, description).eval()

    @torch.inference_mode()
    def run(images: Array) -> tuple[Array, Array]:
        labels, probabilities = whole(torch.from_numpy(images))
        return labels.numpy(), probabilities.numpy()

    return run
