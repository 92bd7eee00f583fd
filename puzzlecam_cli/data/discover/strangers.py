"""Files that hold tags and cannot be read: what to make of them. One row each."""

from __future__ import annotations

from pathlib import Path

from puzzlecam_cli.data.discover.candidate import Unusable
from puzzlecam_cli.data.discover.place import Place

SUFFIXES = dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), "is a table of a program: save it as CSV") | {
    ".parquet": "is a Parquet file: write it as CSV",
    ".mat": "is a file of MATLAB: write its tags as CSV",
    ".zip": "is an archive: unpack it",
}
LABELME = "is of labelme: convert its files to COCO JSON, for example with `labelme2coco`"


def find(place: Place) -> list[Unusable]:
    """What could have tags, the first file of each kind."""
    found: dict[str, Path] = {}
    for folder, names in place.folders.items():
        json = next((folder / name for name in names if name.lower().endswith(".json")), None)
        if json and _is_labelme(json):
            found.setdefault(LABELME, json)
        for name in names:
            if why := SUFFIXES.get(Path(name).suffix.lower()):
                found.setdefault(why, folder / name)
    return [Unusable(str(path), why) for why, path in found.items()]


def _is_labelme(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b'"shapes"' in file.read(4096)
    except OSError:
        return False
