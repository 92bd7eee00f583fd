"""What lies in a folder: photos, and files that may say something of them. Names only; no file is read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from puzzlecam_cli.data.disk.mask_folder import ENDING
from puzzlecam_cli.data.disk.near_misses import MASKS
from puzzlecam_cli.data.disk.walk import RUN_FILES, Walk, holds_results
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.photos import Tell, silent

_MANY = 50  # files of one suffix in a folder are one a photo, and none of them is about all photos
_MASK_SUFFIXES = (".png", ".gif", ".bmp", ".tif", ".tiff")  # a JPEG is none: its compression makes up numbers
LISTS = "ImageSets"  # VOC's folder of lists
_BESIDE = 10_000  # entries beside the folder that are looked at


@dataclass(frozen=True)
class Match:
    """Which photos a list of names means.

    Args:
        root: the deepest folder that holds them all.
        found: how many names stand for a photo.
        missing: the names that stand for none.
    """

    root: Path
    found: int
    missing: tuple[str, ...]

    @property
    def is_nearly_all(self) -> bool:
        """Whether some photos are not there, but most are: those can be used."""
        return 0 < len(self.missing) <= self.found


class Place:
    """A folder as somebody has it.

    Args:
        folder: what was named.
        given: the one file that tags are to be taken from; None: whatever is found.
        tell: is told of what is being done.
    """

    def __init__(self, folder: Path, given: Path | None = None, tell: Tell = silent):
        self.folder = folder
        self.given = given
        self.tell = tell

    @cached_property
    def folders(self) -> dict[Path, list[str]]:
        """The names of the files in each folder, the nearest first; without hidden ones, runs and results of ours."""
        found: dict[Path, list[str]] = {}
        walked: set[str] = set()  # real paths: links may go in a circle
        seen = 0
        home = f"{os.path.realpath(self.folder)}/"
        for at, (above, folders, files) in enumerate(os.walk(self.folder, followlinks=True)):
            real = os.path.realpath(above)
            is_around = f"{real}/".startswith(home) or home.startswith(f"{real}/")
            is_twice = real in walked or (at and is_around and Path(above).is_symlink())
            if is_twice or (at and (RUN_FILES.issubset(files) or holds_results(above))):
                folders.clear()
                continue
            walked.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found[Path(above)] = sorted(name for name in files if not name.startswith("."))
            seen += len(files)
            self.tell(f"looking through {self.folder}: {seen:,} files")
        return dict(sorted(found.items(), key=lambda item: (len(item[0].parts), item[0])))

    @cached_property
    def mask_folders(self) -> tuple[Path, ...]:
        """The folders that hold masks, also beside the folder itself: one called `with_mask` may be a class."""
        own = self.folder.absolute().name
        beside = (path for path in _entries(self.above) if path.name != own and path.is_dir())
        called = [path for path in (*self.folders, *beside) if path != self.folder and MASKS.fullmatch(path.name)]
        photos = {
            canonical(name.rpartition(".")[0])
            for folder, names in self.folders.items()
            if not any(mask == folder or mask in folder.parents for mask in called)
            for name in names
        }
        return tuple(path for path in called if _holds_masks(path, photos) and not _is_made(path))

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """What to say of folders inside and beside that are called as if they held masks, and hold what we made."""
        near = (path for folder in (self.folder, self.above) for path in _entries(folder))
        called = (path for path in near if MASKS.fullmatch(path.name) and path.is_dir())
        return tuple(f"{path} holds labels of this tool, no masks" for path in called if _is_made(path))

    @cached_property
    def walk(self) -> Walk:
        """The photos, without what lies in folders of masks."""
        return Walk(self.folder, but=[path for path in self.mask_folders if path in self.folders], tell=self.tell)

    def is_photo(self, written: str) -> bool:
        """Whether a name stands for a photo here, or for several."""
        return bool(self.walk.named(written))

    def match(self, names: Iterable[str]) -> Match:
        """Which photos a list means. Of several photos of one name the one where most others lie is meant."""
        homes: Counter[str] = Counter()
        meant: list[list[str]] = []
        missing: list[str] = []
        for name in names:
            ids = self.walk.named(name)
            if ids:
                meant.append(ids)
                homes.update({_above(image_id) for image_id in ids})
            else:
                missing.append(name)
        places = {_above(image_id) or "." for ids in meant for image_id in _at_home(ids, homes)}
        above = os.path.commonpath(places) if places else ""
        return Match(self.folder / above, len(meant), tuple(missing))

    def about_all(self, suffixes: Iterable[str]) -> Iterator[Path]:
        """The files that may be about all photos, by suffix: those inside, the nearest first, then those beside.

        Only the given one where one is given.
        """
        wanted = tuple(suffixes)
        if self.given is not None:
            yield from [self.given] if self.given.suffix.lower() in wanted else []
            return
        yield from (path for path in self._single if path.suffix.lower() in wanted)
        for path in _entries(self.above, wanted):
            if path.is_file():
                yield path

    @cached_property
    def _single(self) -> list[Path]:
        """The files inside of whose suffix there are few in their folder."""
        found: list[Path] = []
        for folder, names in self.folders.items():
            suffixes = [os.path.splitext(name)[1].lower() for name in names]  # noqa: PTH122 -- of 100,000 names
            count = Counter(suffixes)
            if min(count.values(), default=_MANY) < _MANY and LISTS not in folder.relative_to(self.folder).parts:
                found += (folder / name for name, s in zip(names, suffixes, strict=True) if count[s] < _MANY)
        return found

    @cached_property
    def above(self) -> Path:
        """The folder above, in the words in which the folder was named."""
        return self.folder.parent if self.folder.name not in ("", "..") else self.folder / ".."

    def is_beside(self, path: Path) -> bool:
        """Whether a file or folder lies beside the folder, not in it: it may be about something else."""
        return path.parent == self.above

    def takes_some(self, match: Match) -> bool:
        """Whether names that stand for no photo are left out: where they are few, or the file is the given one."""
        return bool(match.missing) and (match.is_nearly_all or self.given is not None)

    @property
    def photo_folders(self) -> set[Path]:
        """The folders that photos lie in, not only below."""
        return {self.folder / _above(image_id) for image_id in self.walk.files}


def _holds_masks(folder: Path, photos: set[str]) -> bool:
    """Whether one of the files below is called like a photo, with the suffix of a mask."""
    for name in islice((name for _, _, names in os.walk(folder) for name in names), _BESIDE):
        stem, dot, suffix = canonical(name).rpartition(".")
        ending = ENDING.fullmatch(stem)
        if dot + suffix.lower() in _MASK_SUFFIXES and (stem in photos or (ending and ending[1] in photos)):
            return True
    return False


def _is_made(folder: Path) -> bool:
    """Whether what lies in a folder was made by us: scored against it, our labels would look perfect."""
    around = (folder, *folder.absolute().parents[:2])  # a run's labels lie at RUN/rw/pseudo_labels
    return holds_results(folder) or any(all((place / name).is_file() for name in RUN_FILES) for place in around)


def _at_home(ids: list[str], homes: Counter[str]) -> list[str]:
    """Those of several ids that lie where most others do; it may be that several do."""
    most = max(homes[_above(image_id)] for image_id in ids)
    return [image_id for image_id in ids if homes[_above(image_id)] == most]


def _above(image_id: str) -> str:
    return image_id.rpartition("/")[0]


def _entries(folder: Path, suffixes: tuple[str, ...] = ("",)) -> list[Path]:
    """What lies in a folder and ends in one of the suffixes; no more than a person would lay beside photos."""
    try:
        found = (path for path in islice(folder.iterdir(), _BESIDE) if path.name.lower().endswith(suffixes))
        return sorted(islice((path for path in found if not path.name.startswith(".")), _MANY))
    except OSError:
        return []
