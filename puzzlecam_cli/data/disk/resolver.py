"""Which file belongs to an image id. The one place that knows."""

from __future__ import annotations

import difflib
import os
import re
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.text import quoted

_ADVISED = 8  # as many as `shorten` shows; the search for a likeness takes milliseconds each
_LOOKED_AT = 2000  # names compared for one likeness
_WALKED = 100_000  # files looked at below sub-folders, once something is missing


@dataclass
class _Folder:
    """What one `scandir` saw. Keys are canonical, values the names on disk."""

    path: str
    names: dict[str, list[str]] = field(default_factory=dict)
    stems: dict[str, list[str]] = field(default_factory=dict)  # of files with one of the suffixes
    odd: set[str] = field(default_factory=set)  # links, folders, pipes


class FileIndex:
    """The files of a folder by image id: a suffix in any case, names in NFC or NFD, sub-folders as the ids name them.

    A folder is listed when an id first asks for it; nothing is read at first.

    Args:
        folder: where ids begin; need not be there.
        suffixes: of the files that count, e.g. `(".jpg", ".png")`.
    """

    def __init__(self, folder: Path, suffixes: Sequence[str]):
        self.folder = folder
        self._suffixes = frozenset(suffix.lower() for suffix in suffixes)
        self._folders: dict[str, _Folder | None] = {}

    def __contains__(self, image_id: str) -> bool:
        """Whether there is a file of an id, or several."""
        return bool(self._files(image_id)[1])

    def find(self, image_id: str) -> Path | None:
        """The file of an id; None if there is none.

        Raises:
            UserError: `file-ambiguous`: two files have this id (`a.jpg` and `a.png`; `é` in NFC and in NFD).
        """
        folder, names = self._files(image_id)
        if len(names) > 1:
            raise UserError(
                "file-ambiguous",
                f"{len(names)} files in {folder.path} are {quoted(image_id)}",
                tuple(_on_disk(name) for name in names),
                "keep one of them there: an id has one file",
            )
        return Path(folder.path, names[0]) if names else None

    def missing(self, ids: Iterable[str], *, needed: bool = True) -> list[str]:
        """A line for each id without exactly one usable file; see `unusable`."""
        return [f"{quoted(image_id)}: {reason}" for image_id, reason in self.unusable(ids, needed=needed).items()]

    def unusable(self, ids: Iterable[str], *, needed: bool = True) -> dict[str, str]:
        """The ids without exactly one usable file: what is wrong, and for the first what would be right.

        Args:
            needed: False: an id may be without a file (not with two, or with a broken link).
        """
        problems: dict[str, str] = {}
        for image_id in ids:
            folder, names = self._files(image_id)
            if len(names) > 1:
                problems[image_id] = f"is {' and '.join(map(_on_disk, names))}; keep one"
            elif names and names[0] in folder.odd:
                if problem := why_no_file(Path(folder.path, names[0])):
                    problems[image_id] = f"{_on_disk(names[0])} {problem}"
            elif not names and needed:
                advice = self.suggest(image_id) if len(problems) < _ADVISED else ""
                problems[image_id] = f"not there{f'; {advice}' if advice else ''}"
        return problems

    def suggest(self, image_id: str) -> str:
        """What would be right instead of an id that no file has (leave out `.jpg`); empty if nothing is like it."""
        written = canonical(image_id)
        above, slash, name = written.rpartition("/")
        stem, _, suffix = written.rpartition(".")
        if f".{suffix.lower()}" in self._suffixes and stem in self:
            return f"leave out {quoted('.' + suffix)}"
        for piece in (written.strip("\"' "), *re.split(r"[\s,;|]+", written)):
            bare = piece.rpartition(".")[0] if piece not in self else piece
            if piece != written and bare in self:
                return f"write {quoted(bare)} alone"
        listed = self._open(above)
        if listed is None and slash and not self._found_elsewhere(name):
            return f"there is no folder {quoted(above)}"
        if listed:
            if other := next((other for other in listed.names if other.rpartition(".")[0] == name), None):
                return f"there is {quoted(other)}, which is none of {' '.join(sorted(self._suffixes))}"
            alike = [other for other in listed.stems if other.strip().casefold() == name.strip().casefold()]
            if alike:
                return f"is written {' or '.join(quoted(above + slash + other) for other in alike[:3])}"
        if places := self._found_elsewhere(name):
            return f"write {' or '.join(quoted(place) for place in places[:3])}, which is there"
        close = difflib.get_close_matches(name, neighbours(name, listed.stems), n=2, cutoff=0.8) if listed else []
        return f"did you mean {' or '.join(quoted(above + slash + other) for other in close)}?" if close else ""

    def stats(self, ids: Iterable[str]) -> list[str]:
        """Size and time of change (ns) of each id's file as `<size> <mtime_ns>`, `-` without one: for fingerprints."""
        found = map(self._files, ids)
        return [" ".join(stat_of(f"{folder.path}/{name}") for name in names) or "-" for folder, names in found]

    def _files(self, image_id: str) -> tuple[_Folder, list[str]]:
        """The folder an id lies in, and the names of its files there: one if all is well."""
        above, _, name = canonical(image_id).rpartition("/")
        folder = self._open(above) or _Folder("")
        names = folder.stems.get(name, [])
        if len(names) > 1:  # a folder called `a.jpg` is no file, unless it is all there is
            names = sorted(n for n in names if n not in folder.odd or not Path(folder.path, n).is_dir()) or names
        return folder, names

    def _open(self, below: str) -> _Folder | None:
        """A folder below ours by its canonical path; None if it is not there."""
        if below not in self._folders:
            folder = self._scan(str(self.folder))
            for part in below.split("/") if below else ():  # one by one: `..` is in no folder's list
                names = folder.names.get(part, []) if folder else []
                if folder and len(names) > 1:
                    where = tuple(map(_on_disk, names))
                    raise UserError(
                        "file-ambiguous", f"{len(names)} folders in {folder.path} are {quoted(part)}", where
                    )
                folder = self._scan(f"{folder.path}/{names[0]}") if folder and names else None
            self._folders[below] = folder
        return self._folders[below]

    def _scan(self, path: str) -> _Folder | None:
        folder = _Folder(path)
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = canonical(entry.name)
                    folder.names.setdefault(name, []).append(entry.name)
                    stem, dot, suffix = name.rpartition(".")
                    if stem and dot + suffix.lower() in self._suffixes:
                        folder.stems.setdefault(stem, []).append(entry.name)
                    if not entry.is_file(follow_symlinks=False):
                        folder.odd.add(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UserError("data-unreadable", f"the folder {path} cannot be listed ({error.strerror})") from None
        return folder

    def _found_elsewhere(self, name: str) -> list[str]:
        """Ids whose last part is a name, with its suffix or without, in any folder."""
        stem, dot, suffix = name.rpartition(".")
        return self._below.get(name) or self._below.get(stem if dot + suffix.lower() in self._suffixes else name, [])

    @cached_property
    def _below(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        files = ((above, name) for above, _, names in os.walk(self.folder) for name in names)
        for above, name in islice(files, _WALKED):
            stem, dot, suffix = canonical(name).rpartition(".")
            if stem and dot + suffix.lower() in self._suffixes:
                image_id = os.path.relpath(f"{above}/{stem}", self.folder)
                found.setdefault(stem, []).append(canonical(image_id))
        return found


def neighbours(name: str, names: Iterable[str]) -> list[str]:
    """The names that begin most like a name: a folder of a million is not compared one by one."""
    ordered = sorted(names)
    middle = bisect(ordered, name)
    return ordered[max(middle - _LOOKED_AT // 2, 0) : middle + _LOOKED_AT // 2]


def stat_of(file: str) -> str:
    try:
        status = os.stat(file)  # noqa: PTH116 -- a Path doubles the time of 10,000
    except OSError:
        return "-"
    return f"{status.st_size} {status.st_mtime_ns}"


def _on_disk(name: str) -> str:
    form = "" if name == canonical(name) else " (NFD)"
    return f"{quoted(name)}{form}"
