"""Lists of photos: one image id a line, in the styles that people have them in."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from puzzlecam_cli.data.ids import PHOTO_SUFFIXES, canonical, check_id
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import lines, quoted

_COLUMN = re.compile(r"(.*[^ \t])[ \t]+([+-]?1|[+-]?0)")
_SUFFIX = "|".join(re.escape(suffix) for suffix in PHOTO_SUFFIXES)
# DeepLab's lists: `/JPEGImages/a/b.jpg /SegmentationClassAug/a/b.png`, the second path or the first slash left out.
_PATHS = re.compile(rf"/?JPEGImages/(.+?)(?:{_SUFFIX})(?:[ \t]+/?[^/]+/(.+)(?:{_SUFFIX}))?", re.IGNORECASE)
_LONGEST_LINE = 4096  # characters; two paths of the longest ids and their folders
LISTS = ("Segmentation", "Main")  # folders of ImageSets, in the order they are looked into
_HINT = "a list holds one image id a line: the path of a photo below its folder, without suffix"


@dataclass(frozen=True)
class Entry:
    """A line of a list.

    Attributes:
        line: its number, from 1.
        text: all of it, where that can be an id; the id in DeepLab's paths.
        name: `text` without `column`.
        column: VOC's last column (`1`, `0` or `-1`), or what looks like it and belongs to the name.
    """

    line: int
    text: str
    name: str
    column: int | None = None


def find_list(root: Path, split: str, shipped: Path) -> Path:
    """The file of a list of a folder in VOC layout, or of those in `shipped`.

    Raises:
        UserError: `data-missing`: there is no such folder or no such list.
    """
    if not root.is_dir():
        said = f"{root} is no folder" if root.exists() else f"there is no folder {root}"
        raise UserError("data-missing", said, hint="--set data.root=FOLDER names your photos")
    places = [root / "ImageSets" / folder / f"{split}.txt" for folder in LISTS]
    if file := next((place for place in (*places, shipped / f"{split}.txt") if place.exists()), None):
        return file
    from puzzlecam_cli.data.disk.near_misses import list_elsewhere, recipe_for, root_elsewhere

    there = sorted({path.stem for place in places for path in place.parent.glob("*.txt")})
    close = get_close_matches(split, there, 1)
    raise UserError(
        "data-missing",
        f"there is no list {places[0]}",
        (f"lists that are there: {', '.join(shorten(there))}",) if there else (),
        (f"did you mean {quoted(close[0])}? " if close else "")
        + (root_elsewhere(root) or recipe_for(root) or list_elsewhere(root, split))
        + "a list holds one image id a line; data.train, data.val and data.score name lists",
    )


def read_entries(path: Path) -> list[Entry]:
    """The lines of a list that are not blank, in order.

    Raises:
        UserError: `data-invalid` with all lines that hold no image id, or if there is none at all; see `read_text`.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    for number, line in lines(path):
        text = line.strip(" \t")
        if not text:
            continue
        entry = _entry(number, text)
        problem = entry if isinstance(entry, str) else check_id(entry.name)
        if problem is None and isinstance(entry, Entry):
            entries.append(entry)
        else:
            problems.append(f"line {number}: {quoted(text)} {problem}")
    if problems:
        raise UserError("data-invalid", f"{len(problems)} line(s) of {path} hold no image id", shorten(problems), _HINT)
    if not entries:
        raise UserError("data-invalid", f"{path} names no image", hint=_HINT)
    return entries


def read_ids(path: Path, exists: Callable[[str], bool] | None = None, but: Collection[str] = ()) -> list[str]:
    """The image ids of a list, as they are written there, in its order.

    A last column `1`, `0` or `-1` is left out. Names may end like that, too: with `exists`, which says whether there
    is a photo of an id, the whole line is the id where there is such a photo. Should every line end like that and
    not every line be a photo, it is a column after all where both are photos. Ids in `but` are left out.

    Raises:
        UserError: `data-invalid`: see `read_entries`; or an id stands in two lines (in NFC, as files are found).
    """
    entries = read_entries(path)
    ids = [entry.name for entry in entries] if exists is None else _chosen(entries, exists)
    first: dict[str, int] = {}
    twice: dict[str, str] = {}
    for entry, image_id in zip(entries, ids, strict=True):
        earlier = first.setdefault(canonical(image_id), entry.line)
        if earlier != entry.line and image_id not in but:
            twice[image_id] = f"{quoted(image_id)}: lines {earlier} and {entry.line}"
    if twice:
        said = f"{path} names images twice"
        raise UserError("data-invalid", said, shorten(list(twice.values())), "keep one line of each", tuple(twice))
    return [image_id for image_id in ids if image_id not in but] if but else ids


def _entry(number: int, text: str) -> Entry | str:
    """A line as an entry, or what is wrong with it."""
    if len(text) > _LONGEST_LINE:
        return "is longer than paths can be"
    if paths := _PATHS.fullmatch(text):
        photo, mask = paths.groups()
        if mask is not None and mask != photo:
            return "pairs a photo with the mask of another"
        return Entry(number, photo, photo)
    if column := _COLUMN.fullmatch(text):
        whole = column[1] if check_id(text) else text  # after a tab it is the column for certain
        return Entry(number, whole, column[1], int(column[2]))
    return Entry(number, text, text)


def _chosen(entries: list[Entry], exists: Callable[[str], bool]) -> list[str]:
    every_line = all(entry.column is not None for entry in entries)
    column_first = every_line and not all(exists(entry.text) for entry in entries)
    ids = []
    for entry in entries:
        first, second = (entry.name, entry.text) if column_first else (entry.text, entry.name)
        ids.append(first if entry.column is None or exists(first) or not exists(second) else second)
    return ids
