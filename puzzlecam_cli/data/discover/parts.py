"""Which photos are trained on and which are measured on, where a list, a column or a sub-folder says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.parts.part_of import FALSE, TRAIN, TRUE, VAL
from puzzlecam_cli.text import quoted

FEW = 20  # photos, of which none are set aside
_WORDS = {"train": TRAIN, "val": VAL}  # the likeliest first
_LISTS = ("", "ImageSets/Segmentation", "ImageSets/Main", "ImageSets", "splits", "lists")  # where people keep them


@dataclass(frozen=True)
class Parts:
    """A division of the photos: values of `data.train` and `data.val`, and where it is from, in words."""

    train: str | None
    val: str | float | None
    what: str


def by_share(photos: int) -> Parts:
    """The division of photos of which nothing else says how they are divided."""
    if photos < FEW:
        what = "the one photo is not set aside" if photos == 1 else f"of {photos} photos none is set aside"
        return Parts(None, None, what)
    return Parts(None, 0.2, "a fifth of the photos, drawn evenly over the classes")


def in_columns(columns: Mapping[str, Sequence[str]]) -> list[Parts]:
    """The divisions that a table's further columns may be, in their order."""
    return [parts for name, values in columns.items() if (parts := _in_column(name, values))]


def _in_column(name: str, values: Sequence[str]) -> Parts | None:
    spelt = {value.strip().casefold(): value.strip() for value in sorted(values, reverse=True)}
    if len(spelt) < 2:
        return None
    spelt.pop("", None)
    what = f"column {quoted(name)}"
    part = _part_of(name.casefold().removeprefix("is").strip("_- "))
    yes, no = (next((value for value in words if value in spelt), None) for words in (TRUE, FALSE))
    if part and yes and no and len(spelt) == 2:
        train, val = (yes, no) if part == "train" else (no, yes)
        return Parts(f"{name}={spelt[train]}", f"{name}={spelt[val]}", what)
    named = [next((value for value in words if value in spelt), None) for words in _WORDS.values()]
    if not named[0] or not all(map(_part_of, spelt)):
        return None
    unused = ", ".join(quoted(value) for value in sorted(spelt.keys() - set(named)))
    first, second = (value and f"{name}={spelt[value]}" for value in named)
    return Parts(first, second, f"{what}; {unused} is not used" if unused else what)


def _part_of(word: str) -> str | None:
    return next((part for part, words in _WORDS.items() if word in words), None)


def in_folders(ids: Iterable[str]) -> Parts | None:
    """The division by the first folders of ids, where all of them name parts."""
    first = {image_id.partition("/")[0]: image_id for image_id in ids}
    named = {name.casefold(): name for name, image_id in first.items() if "/" in image_id}
    if len(named) < max(2, len(first)) or not all(map(_part_of, named)):
        return None
    train, val = (next((named[word] for word in words if word in named), None) for words in _WORDS.values())
    return Parts(train, val, f"sub-folders {quoted(train)} and {quoted(val)}") if train and val else None


def in_lists(place: Place, root: Path) -> Parts | None:
    """The lists train.txt and val.txt, in one of the folders where people keep them; not whether they can be read."""
    homes = dict.fromkeys((place.folder, root, root.parent if root != place.folder else root, place.above))
    found: list[Path | None] = []
    for words in _WORDS.values():
        places = (home / folder / f"{word}.txt" for home in homes for folder in _LISTS for word in words)
        found.append(next((path for path in places if path.is_file()), None))
    train, val = (str(path) if path else None for path in found)
    return Parts(train, val, " and ".join(filter(None, (train, val)))) if train or val else None
