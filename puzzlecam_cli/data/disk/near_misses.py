"""Where the files of a data set in VOC layout lie instead, when they are not where they should be: for hints."""

from __future__ import annotations

import re
import shlex
from itertools import islice
from pathlib import Path

from puzzlecam_cli.data.disk.resolver import FileIndex
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.text import quoted

_LOOKED_AT = 1000  # entries of a folder
MASKS = re.compile(r"segmentation_?class.*|.*masks?|seg|labels?|gt|ground_?truth", re.IGNORECASE)


def root_elsewhere(root: Path) -> str:
    """The folder below or above that is in VOC layout (`VOCdevkit/VOC2012`), as a sentence; empty if there is none."""
    near = (*(below / name for below in _folders(root) for name in ("", below.name)), root.parent)
    found = next((folder for folder in near if (folder / "JPEGImages").is_dir()), None)
    return f"did you mean --set data.root={found}? " if found and not (root / "JPEGImages").is_dir() else ""


def recipe_for(root: Path) -> str:
    """What writes a recipe for a folder that holds photos and is not in VOC layout; empty for any other folder."""
    if (root / "JPEGImages").is_dir() or not any(_holds_a_photo(folder) for folder in (root, *_folders(root)[:20])):
        return ""
    return f"{root} holds photos: `puzzlecam new {shlex.quote(str(root))}` writes a recipe for them; "


def _holds_a_photo(folder: Path) -> bool:
    try:
        return any(entry.suffix.lower() in PHOTO_SUFFIXES for entry in islice(folder.iterdir(), _LOOKED_AT))
    except OSError:
        return False


def list_elsewhere(root: Path, split: str) -> str:
    """Where a list lies that is not in ImageSets/Segmentation or Main, as a sentence; empty if nowhere near."""
    places = (root, root / "ImageSets", root / "ImageSets" / "Layout", root / "JPEGImages")
    found = next((place for folder in places if (place := folder / f"{split}.txt").is_file()), None)
    return f"there is {found}: move it to {root / 'ImageSets' / 'Segmentation'}; " if found else ""


def masks_elsewhere(masks: FileIndex, image_id: str) -> str:
    """Where masks may lie, none of which was found, as the end of a sentence; empty if nothing looks like masks."""
    if masks.folder.is_dir():
        like = masks.suggest(image_id)
        return f" (in {masks.folder}, for {quoted(image_id)}: {like})" if like else ""
    others = sorted(folder.name for folder in _folders(masks.folder.parent) if MASKS.fullmatch(folder.name))
    return f": there is no folder {masks.folder}, but {', '.join(shorten(others))}" if others else ""


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(entry for entry in islice(root.iterdir(), _LOOKED_AT) if entry.is_dir())
    except OSError:
        return []
