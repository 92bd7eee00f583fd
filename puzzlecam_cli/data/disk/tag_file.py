"""Where the tags of a folder of photos are: the file that a setting names, or the one that lies there."""

from __future__ import annotations

import os
from collections.abc import Container
from difflib import get_close_matches
from pathlib import Path

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import is_folder

NAMES = ("tags", "labels", "annotations", "metadata")  # what people call it
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xml", ".txt")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")  # of any other name
_HINT = "data.tags names the file, or is `folders` where a sub-folder is a class"


def find_tag_file(root: Path, others: Container[str] = ()) -> Path | None:
    """The one file in a folder that tags may be in; None if there is none.

    Args:
        others: names of files there that are something else.

    Raises:
        UserError: `tags-ambiguous`: there are several.
    """
    files = {name: Path(name.lower()) for name in sorted(_names(root)) if name not in others}
    called = [name for name, low in files.items() if low.stem in NAMES and low.suffix in ENDINGS]
    found = called or [name for name, low in files.items() if low.suffix in TABLES]
    if len(found) > 1:
        raise UserError("tags-ambiguous", f"{len(found)} files in {root} may hold the tags", shorten(found), _HINT)
    return root / found[0] if found else None


def annotation_folder(written: Path, root: Path) -> Path | None:
    """The folder of VOC's annotations that a setting names, as it stands or below the root; None if it names none."""
    places = (place for place in (written, root / written) if is_folder(place))
    return next((place for place in places if any(place.rglob("*.xml"))), None)


def no_tag_file(written: Path, root: Path) -> UserError:
    """The error for a setting that names no file."""
    places = [place for place in (written, root / written) if is_folder(place)]
    if places:
        return UserError("tags-missing", f"data.tags: {places[0]} is a folder, no tag file", hint=_HINT)
    there = [name for name in _names(root) if Path(name).suffix.lower() in (*ENDINGS, ".xlsx", ".xls", ".ods")]
    close = get_close_matches(written.name, there, 1)
    where = (f"in {root}: {', '.join(shorten(sorted(there)))}",) if there else ()
    looked = "" if written.is_absolute() else f", nor {root / written}"
    hint = (f"did you mean {close[0]}? " if close else "") + _HINT
    return UserError("tags-missing", f"there is no tag file {written}{looked}", where, hint)


def _names(root: Path) -> list[str]:
    """The files of a folder that are not hidden."""
    try:
        with os.scandir(root) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".") and not entry.is_dir()]
    except OSError:
        return []  # `Walk` says it
