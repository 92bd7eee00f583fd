"""Files that hold tags and cannot be read: what to make of them. One row each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from puzzlecam_cli.data.discover.candidate import Unusable
from puzzlecam_cli.data.discover.place import Place

TABLES = "is a table of a program: save it as CSV"
SUFFIXES = dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), TABLES) | {
    ".parquet": "is a Parquet file: write it as CSV",
    ".mat": "is a file of MATLAB: write its tags as CSV",
    ".pkl": "is a pickle, which may run anything and is not opened: write its tags as CSV",
    ".zip": "is an archive: unpack it",
}
# What stands at the beginning of JSON files that are not read.
JSON = {
    '"shapes"': "is of labelme: convert its files to COCO JSON, for example with `labelme2coco`",
    '"annotations"': "may be of Label Studio: export as COCO or CSV there",
    '"_via_': "is of VIA: export as COCO there",
    '"regions"': "is of VIA: export as COCO there",
}
FEW = 20  # JSON files of a folder that are looked into
_HEAD = 4096  # characters


def find(place: Place) -> Iterator[Unusable]:
    """What could have tags, the first file of each kind."""
    told: set[str] = set()
    for folder, names in place.folders.items():
        json = [name for name in names if name.lower().endswith(".json")][:FEW]
        for name in (*json, *(name for name in names if Path(name).suffix.lower() in SUFFIXES)):
            why = _why(folder / name)
            if why and why not in told:
                told.add(why)
                yield Unusable(str(folder / name), why)


def _why(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix != ".json":
        return SUFFIXES.get(suffix)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    return next((why for word, why in JSON.items() if word in head), None)
