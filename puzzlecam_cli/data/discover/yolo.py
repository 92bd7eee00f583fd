"""YOLO: a text a photo with numbers of classes and boxes or polygons, whose names stand in data.yaml or a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.discover.candidate import Candidate, Unusable
from puzzlecam_cli.data.discover.parts import Parts, by_share, in_folders
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.parts.part_of import TRAIN, VAL
from puzzlecam_cli.data.yolo.description import FILES, read_description
from puzzlecam_cli.errors import UserError

_OBJECT = re.compile(r"\d+(\s+[\d.eE+-]+){4,}\s*")
_LOOKED_AT = 100  # texts of a folder; those of photos that show nothing are empty


def find(place: Place) -> Iterator[Candidate | Unusable]:
    """The topmost folder with such texts and a file that says what their numbers mean."""
    if place.given is not None:
        files = [place.given] if place.given.name in FILES or place.given.suffix in (".yaml", ".yml") else []
    else:
        files = [folder / name for folder, names in place.folders.items() for name in FILES if name in names]
    if not files or not (place.given or any(_has_texts(folder, names) for folder, names in place.folders.items())):
        return
    file = files[0]
    try:
        parts = read_description(file).parts
    except UserError as error:
        yield Unusable.because(str(file), error)
        return
    data: dict[str, Any] = {"kind": "yolo", "root": file.parent, "train": None, "val": None}
    if file.name not in FILES:
        data["names"] = file
    train = next((word for word in TRAIN if word in parts), None)
    val = next((word for word in VAL if word in parts), None)
    ids = list(place.walk.files)
    told = (
        Parts(train, val, f"parts {train} and {val} of {file}") if train and val else None,
        in_folders(ids) if file.parent == place.folder else None,
        by_share(len(ids)),
    )
    yield Candidate(str(file), f"{file} (YOLO)", data, {}, divisions=tuple(filter(None, told)))


def _has_texts(folder: Path, names: list[str]) -> bool:
    texts = [name for name in names if name.lower().endswith(".txt")]
    return any(_is_text(folder / name) for name in texts[:_LOOKED_AT])


def _is_text(path: Path) -> bool:
    """Whether the first line is an object as YOLO writes it."""
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 16).decode("utf-8", "replace")
    except OSError:
        return False
    return _OBJECT.fullmatch(line) is not None
