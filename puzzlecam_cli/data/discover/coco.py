"""Instances as COCO writes them, in JSON: one file, or one for each part, also beside the photos as Roboflow has it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.discover.candidate import Candidate, Unusable, left_out
from puzzlecam_cli.data.discover.parts import by_share
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.parts.part_of import TRAIN, VAL
from puzzlecam_cli.text import quoted

_END = 1 << 20  # bytes at the beginning and the end of a file that tell what it is
_SAMPLE = 16 << 20  # bytes that names of photos are looked for in
_NAME = re.compile(rb'"file_name"\s*:\s*("(?:[^"\\]|\\.)*")')
_KEYS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_WORD = re.compile(rf"(?<![a-z])({'|'.join((*TRAIN, *VAL))})(?![a-z])")


def is_coco(path: Path) -> bool:
    """Whether a file looks like instances of COCO: it has `images`, and `categories` or `annotations`."""
    if path.suffix.lower() != ".json":
        return False
    with path.open("rb") as file:
        data = file.read(_END)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(_END, size - _END))
        data += file.read()
    keys = {match[1] for match in _KEYS.finditer(data)}
    return b"images" in keys and bool(keys & {b"categories", b"annotations"})


def find(place: Place) -> Iterator[Candidate | Unusable]:
    """Every set of instances whose photos are here."""
    sets: dict[str, dict[str, Path]] = {}
    for path in place.about_all((".json",)):
        if path.is_file() and is_coco(path):
            part, key = _part(path)
            sets.setdefault(key, {})[part] = path
    found = {key: _candidate(place, parts) for key, parts in sets.items()}
    instances = [item for key, item in found.items() if "instances" in key]
    fits = any(isinstance(item, Candidate) and not item.is_misfit for item in instances)
    yield from instances if fits else found.values()


def _part(path: Path) -> tuple[str, str]:
    """The part that the name of a file or of its folder says, and what is left of its path without that word."""
    for text, rest in ((path.stem, str(path.parent)), (path.parent.name, f"{path.parent.parent}/*/{path.stem}")):
        if word := _WORD.search(text.lower()):
            return word[1], f"{rest}/{_WORD.sub('*', text.lower())}"
    return "", str(path)


def _candidate(place: Place, parts: dict[str, Path]) -> Candidate | Unusable:
    train = next((parts[word] for word in (*TRAIN, "") if word in parts), None)
    val = next((parts[word] for word in VAL if word in parts), None)
    if train is None:
        assert val is not None, "a set has a file"
        train, val = val, None
    names = [name for path in (train, val) if path for name in _names(path)]
    match = place.match(names)
    if not match.found:
        why = f"names no photo of {place.folder}; its first name is {quoted(names[0])}" if names else "names no photo"
        return Unusable(str(train), why, is_meant=False)
    data: dict[str, Any] = {"kind": "coco", "root": match.root, "train": str(train), "val": val and str(val)}
    reasons: dict[str, str] = {}
    if place.takes_some(match):
        data["on_error"] = "skip"
        reasons["on_error"] = "not all of its photos are here"
    unused = [str(path) for path in parts.values() if path not in (train, val)]
    facts = [f"not used: {', '.join(unused)}"] if unused else []
    facts += [left_out(train, why) for why in reasons.values()]
    divisions = () if val else (replace(by_share(match.found), train=str(train)),)
    what = f"{train}{f' and {val}' if val else ''} (COCO JSON)"
    is_misfit = len(match.missing) > match.found
    return Candidate(str(train), what, data, reasons, tuple(facts), divisions=divisions, is_misfit=is_misfit)


def _names(path: Path) -> Iterator[str]:
    """Names of photos in the first part of a file."""
    with path.open("rb") as file:
        data = file.read(_SAMPLE)
    for match in islice(_NAME.finditer(data), 2000):
        try:
            yield str(json.loads(match[1]))
        except ValueError:
            continue
