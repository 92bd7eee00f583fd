"""Sub-folders as classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.discover.candidate import Candidate
from puzzlecam_cli.data.discover.masks import masks_here
from puzzlecam_cli.data.discover.parts import by_share, in_folders, in_lists
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.text import quoted

# What folders of photos are called that say nothing of what is on them.
# fmt: off
NO_CLASSES = frozenset((
    "images", "image", "img", "imgs", "photos", "photo", "pictures", "pics", "jpegimages", "jpegs", "jpeg", "jpg",
    "png", "data", "dataset", "raw", "input", "inputs", "all", "train", "training", "val", "valid", "validation",
    "test", "testing", "dev",
))
# fmt: on
# Folders of dates, and those of cameras (100CANON).
_DATED = re.compile(r"(19|20)\d\d([-_. ]?[01]\d([-_. ]?[0-3]\d([-_. ].*)?)?)?|DCIM|[1-9]\d\d[A-Z_][A-Z0-9_]{4}")


def find(place: Place) -> Iterator[Candidate]:
    """The folder whose sub-folders are classes: the one named, or the only one in it that leads to photos."""
    folders = place.photo_folders
    if not folders or place.folder in folders:
        return
    root = Path(place.folder)
    below = _first_names(root, folders)
    while len(below) == 1 and ((only := below[0]).casefold() in NO_CLASSES or root / only not in folders):
        root = root / only
        if root in folders:
            return
        below = _first_names(root, folders)
    in_parts = not any(root / name in folders for name in below)  # as train/CLASS and val/CLASS
    if all(name.casefold() in NO_CLASSES for name in below) and not in_parts:
        return
    ids = [file.relative_to(root).as_posix() for file in place.walk.files.values()]
    data: dict[str, Any] = {"kind": "folder", "root": root, "tags": "folders"}
    facts: list[str] = []
    if masks := masks_here(place, root, facts):
        data["masks"] = masks
    yield Candidate(
        "folders",
        "sub-folders as classes",
        data,
        {"tags": "the sub-folder a photo lies in is its class"},
        tuple(facts),
        is_guess=True,
        doubt=_doubt(below),
        divisions=tuple(filter(None, (in_folders(ids), in_lists(place, root), by_share(len(ids))))),
    )


def _doubt(below: list[str]) -> str:
    if len(below) == 1:
        return f"are one alone, {quoted(below[0])}: no photo would show anything else"
    some = ", ".join(map(quoted, shorten(below, 3)))
    return f"are called after dates or cameras: {some}" if all(map(_DATED.fullmatch, below)) else ""


def _first_names(root: Path, folders: set[Path]) -> list[str]:
    return sorted({folder.relative_to(root).parts[0] for folder in folders if folder != root})
