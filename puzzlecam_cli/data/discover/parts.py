"""Which photos are trained on and which are measured on, where a list or a column says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.lists import read_ids
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

TRAIN = ("train", "training")
VAL = ("val", "valid", "validation", "dev", "test", "testing")  # the likeliest first
_FOLDERS = ("", "ImageSets/Segmentation", "ImageSets/Main", "ImageSets", "splits", "lists")
_YES, _NO = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True)
class Parts:
    """A division of the photos: values of `data.train` and `data.val`, and where it is from, in words."""

    train: str | None
    val: str | None
    what: str


def in_columns(columns: Mapping[str, Sequence[str]]) -> list[Parts]:
    """The divisions that a table's further columns may be, in their order."""
    found = (_column(name, values) for name, values in columns.items())
    return [parts for parts in found if parts is not None]


def _column(name: str, values: Sequence[str]) -> Parts | None:
    spelt: dict[str, set[str]] = {}
    for value in values:
        spelt.setdefault(value.strip().casefold(), set()).add(value.strip())
    spelt.pop("", None)
    what = f"column {quoted(name)}"
    if part := _part_of(name):
        yes, no = ([v for v in spelt if v in words] for words in (_YES, _NO))
        if len(spelt) == 2 and yes and no:
            of = {"yes": f"{name}={min(spelt[yes[0]])}", "no": f"{name}={min(spelt[no[0]])}"}
            return Parts(of["yes"], of["no"], what) if part == "train" else Parts(of["no"], of["yes"], what)
    if not all(map(_part_of, spelt)) or not any(value in TRAIN for value in spelt):
        return None
    named = {part: next((value for value in words if value in spelt), None) for part, words in _WORDS.items()}

    def setting(part: str) -> str | None:
        value = named[part]
        if value is None:
            return None
        return f"{name}={min(spelt[value])}" if len(spelt[value]) == 1 else name

    left = [value for value in spelt if value not in named.values()]
    unused = f"; {', '.join(map(quoted, sorted(left)))} is not used" if left else ""
    return Parts(setting("train"), setting("val"), what + unused)


_WORDS = {"train": TRAIN, "val": VAL}


def _part_of(word: str) -> str | None:
    """`train` or `val`, if a word means one: `is_valid` does."""
    bare = word.casefold().removeprefix("is_").removeprefix("is").strip("_- ")
    return next((part for part, words in _WORDS.items() if bare in words), None)


def in_lists(place: Place, root: Path, tell: Callable[[str], None]) -> Parts | None:
    """The lists train.txt and val.txt, in one of the folders where people keep them.

    Args:
        tell: is told of lists that cannot be used.
    """
    files = {part: next(_usable(place, root, words, tell), None) for part, words in _WORDS.items()}
    named = [path for path in files.values() if path is not None]
    if not named:
        return None
    train, val = (str(path) if path else None for path in files.values())
    return Parts(train, val, " and ".join(map(str, named)))


def _usable(place: Place, root: Path, words: Sequence[str], tell: Callable[[str], None]) -> Iterator[Path]:
    homes = dict.fromkeys((place.folder, root, root.parent if root != place.folder else root, place.above))
    for home in homes:
        for folder in _FOLDERS:
            for word in words:
                path = home / folder / f"{word}.txt"
                if path.is_file() and _is_list(path, place, tell):
                    yield path


def _is_list(path: Path, place: Place, tell: Callable[[str], None]) -> bool:
    try:
        ids = read_ids(path, place.is_photo)
    except UserError as error:
        tell(f"{path} is no list of photos: {error.problem}")
        return False
    missing = [image_id for image_id in ids if not place.is_photo(image_id)]
    if missing:
        tell(f"{path} names {len(missing)} of {len(ids)} photos that are not there, such as {quoted(missing[0])}")
    return not missing
