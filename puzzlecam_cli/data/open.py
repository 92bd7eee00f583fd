"""From the recipe's data section to a `PhotoSet`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from puzzlecam_cli.data.photos import PhotoSet
from puzzlecam_cli.data.voc import VocFolder
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.data import Data, SyntheticData, VocData
from puzzlecam_cli.recipe.schema import Recipe

Tick = Callable[[int, int], None]


def resolve_data(data: Data, run: Path) -> VocData:
    """The VOC-layout folder that holds the data; for synthetic data it may not be written yet."""
    if isinstance(data, VocData):
        return data
    return VocData(kind="voc", root=data.root or run / "data", train="train", val="val")


def data_fingerprint(recipe: Recipe, run: Path, split: str, *, tags: bool = False, masks: bool = False) -> str:
    """A hash of a split's files, or for synthetic data, what they will be made from. Reads, never writes."""
    if isinstance(recipe.data, SyntheticData):
        return f"synthetic {_content(recipe.data, recipe.seed)}"
    return VocFolder(recipe.data).fingerprint(split, tags=tags, masks=masks)


def open_data(recipe: Recipe, run: Path, tick: Tick | None = None) -> PhotoSet:
    """Open the data; synthetic pictures are written first if they are not there as the recipe wants them.

    Raises:
        UserError: the folder is missing, or another's files lie where synthetic pictures should go.
    """
    settings = resolve_data(recipe.data, run)
    if isinstance(recipe.data, SyntheticData):
        _write_once(recipe.data, recipe.seed, settings.root, tick)
    return VocFolder(settings)


def _content(data: SyntheticData, seed: int) -> str:
    return json.dumps({"version": 1, "seed": seed} | data.model_dump(exclude={"kind", "root"}))


def _write_once(data: SyntheticData, seed: int, root: Path, tick: Tick | None) -> None:
    marker = root / "synthetic.json"
    content = _content(data, seed)
    if marker.is_file() and marker.read_text() == content:
        return
    if root.exists() and any(root.iterdir()) and not marker.is_file():
        raise UserError(
            "folder-not-empty",
            f"{root} holds files that are not ours",
            hint="--set data.root= an empty folder",
        )
    from puzzlecam_cli.data.synthetic import write_synthetic

    # The marker goes in first, unfinished, so that an interrupted writing is known as ours and begun again.
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    marker.write_text("unfinished")
    write_synthetic(
        root,
        train=data.pictures,
        val=data.val_pictures,
        size=data.size,
        classes=data.classes,
        seed=seed,
        progress=tick,
    )
    marker.write_text(content)
