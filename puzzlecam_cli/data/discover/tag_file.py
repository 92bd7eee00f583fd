"""A table of tags inside the folder or beside it: CSV, TSV, JSON lines, exports of image tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.classes.class_list import FILES, read_classes
from puzzlecam_cli.data.discover import voc
from puzzlecam_cli.data.discover.candidate import Candidate, Unusable, left_out
from puzzlecam_cli.data.discover.coco import is_coco
from puzzlecam_cli.data.discover.masks import masks_here
from puzzlecam_cli.data.discover.parts import by_share, in_columns, in_folders, in_lists
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.tables.tags import TagTable, read_tags
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.text import marked, quoted

SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".xml", ".txt")
_HEAD = 64 << 10  # bytes that tell of what kind a file is
_MOST = 2000  # pieces of it that may name a photo
_PIECES = re.compile(r"[,;|\t\n\r\"'<>{}\[\]=]+")
_CELL = re.compile(r"\s*\"?([^,;\t|\"]+?)\"?\s*[,;\t|]\s*\S|(\S+)\s+\S")


def find(place: Place) -> Iterator[Candidate | Unusable]:
    """Every table that names photos of the folder; VOC's annotations are one, where no lists are with them."""
    for path in [place.given] if place.given else [*_annotations(place), *_tables(place)]:
        place.tell(f"reading {path}")
        if not place.given and "submission" in path.stem.lower():
            yield Unusable(str(path), "is a form for answers, as Kaggle has it", is_meant=False)
            continue
        try:
            yield _candidate(path, place)
        except UserError as error:
            is_meant = path.is_dir() or (not why_no_file(path) and _mentions_photos(path, place))
            yield Unusable.because(str(path), error, is_meant=is_meant)


def _tables(place: Place) -> Iterator[Path]:
    for path in place.about_all(SUFFIXES):
        if why_no_file(path):
            if path.suffix.lower() == ".csv":
                yield path  # a pipe, a device, a link to nothing: that is said
            continue
        if not _may_be_tags(path, place) or is_coco(path):
            continue
        if not place.is_beside(path) or _mentions_photos(path, place):
            yield path


def _mentions_photos(path: Path, place: Place) -> bool:
    """Whether a file that only lies beside the folder begins with names of its photos."""
    return any(place.is_photo(piece) for piece in _PIECES.split(_head(path))[:_MOST])


def _annotations(place: Place) -> Iterator[Path]:
    """The folders with VOC's annotations of photos that are here, the topmost ones."""
    found: list[Path] = []
    folders = dict(place.folders)
    beside = place.above / "Annotations"
    if beside.is_dir():
        folders[beside] = sorted(path.name for path in beside.glob("*.xml"))
    for folder, names in folders.items():
        xml = [name for name in names if name.lower().endswith(".xml")]
        if not xml or any(other in folder.parents for other in found) or voc.lists_of(folder.parent):
            continue
        if place.is_photo(xml[0][:-4]) and "<annotation>" in _head(folder / xml[0]):
            found.append(folder)
            yield folder


def _may_be_tags(path: Path, place: Place) -> bool:
    """Whether it is worth reading: lists of ids, of classes and a photo's own XML or JSON are no tables of tags."""
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".xml", ".json"):
        return True
    head = _head(path)
    if suffix == ".xml":
        return "<annotations" in head
    if suffix == ".json":  # one that names a single photo is that photo's own
        named = {name for piece in _PIECES.split(head)[:_MOST] if (name := "".join(place.walk.named(piece)))}
        return len(named) >= min(2, len(place.walk.files))
    cells = [_CELL.match(line) for line in head.splitlines()[:20]]
    return any(place.is_photo((cell[1] or cell[2]).strip()) for cell in cells if cell)


def _head(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_HEAD)
    mark, codec = marked(data) or (b"", "utf-8")
    return data[len(mark) :].decode(codec, "replace")


def _candidate(path: Path, place: Place) -> Candidate:
    table, classes, facts = _read(path, place)
    match = place.match(table.names)
    if not match.found:
        first = table.names[0]
        what = f"names no photo of {place.folder}; its first name is {quoted(first)}{place.walk.like(first)}"
        raise UserError("tags-strange", what)
    data: dict[str, Any] = {"kind": "folder", "root": match.root, "tags": path}
    reasons: dict[str, str] = {}
    if place.takes_some(match):
        data["on_error"] = "skip"
        reasons["on_error"] = f"{_rows(len(match.missing))} not here"
        facts.append(left_out(path, reasons["on_error"]))
    above = "" if match.root == place.folder else f"{match.root.relative_to(place.folder).as_posix()}/"
    below = [image_id.removeprefix(above) for image_id in place.walk.files if image_id.startswith(above)]
    if elsewhere := len(place.walk.files) - len(below):
        facts.append(f"{elsewhere:,} photos outside of {match.root} are not used")
    if classes:
        data["classes"] = classes
        reasons["classes"] = "the order of the classes"
    if masks := masks_here(place, match.root, facts):
        data["masks"] = masks
        reasons["masks"] = "for scores only"
    divisions = (*in_columns(table.columns), in_lists(place, match.root), in_folders(below), by_share(match.found))
    told = tuple(filter(None, divisions))
    inside = {folder for folder in place.mask_folders if folder in place.folders}
    is_same = match.root == place.folder and inside <= {masks} and (classes or not (match.root / FILES[0]).is_file())
    return Candidate(
        str(path),
        str(path),
        data,
        reasons,
        tuple(facts),
        divisions=told,
        is_misfit=len(match.missing) > match.found,
        known=(place.walk, table) if is_same else None,
    )


def _rows(missing: int) -> str:
    return f"{missing:,} rows are of photos that are" if missing > 1 else "1 row is of a photo that is"


def _read(path: Path, place: Place) -> tuple[TagTable, Path | None, list[str]]:
    """The table, the list of classes with it or with the photos if it has all of the table's, and why it has not."""
    lists = (folder / name for folder in (path.parent, place.folder) for name in FILES)
    file = next((file for file in lists if file != path and file.is_file()), None)
    why = ""
    if file:
        try:
            names = read_classes(file).names
        except UserError as error:
            why = error.problem.removeprefix(f"{file} ")
        else:
            table = read_tags(path, classes=names, is_photo=place.is_photo)
            lacking = sorted(set(table.classes) - set(names))
            if not lacking:
                return table, file, []
            why = f"it lacks {', '.join(map(quoted, shorten(lacking, 3)))}"
    return read_tags(path, is_photo=place.is_photo), None, [f"{file} is not used: {why}"] if why else []
