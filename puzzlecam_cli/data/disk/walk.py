"""All photos below a folder, and which of them a person means by a name."""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from puzzlecam_cli.data.disk.resolver import neighbours
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES, canonical, check_id
from puzzlecam_cli.data.photos import Tell, silent
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted

# Folders that systems keep beside photos, with copies of them in small; hidden ones begin with a point.
STRANGERS = frozenset({"__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found"})
RUN_FILES = frozenset({"run.json", "recipe.yaml"})  # a folder with both is a run's
MARK = ".puzzlecam"  # lies in folders of results for photos, and holds one of
MADE, WRITTEN = "made.json", "written.jsonl"  # of predictions, which have both with other forms; of labels
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^/]*")
_ID = re.compile(r"0*([1-9]\d*|0)(?:\.0)?")
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the names of photos


class Walk:
    """The photos below a folder by id: the path below it without suffix, in NFC. Listing reads no photo.

    Hidden files and folders are none of them, nor are those in `but` and in the folders of runs and of results. A link
    to a folder is followed, unless that folder is walked anyway or holds the root: so no circle is.

    Args:
        root: the folder.
        suffixes: of the files that count, in lower case; they are found in any case.
        but: folders that are left out, e.g. one of masks.
        what: the files are, for messages: photos, or masks.
        tell: is told of files that were seen.
    """

    def __init__(
        self,
        root: Path,
        suffixes: Sequence[str] = PHOTO_SUFFIXES,
        but: Sequence[Path] = (),
        what: str = "photo",
        tell: Tell = silent,
    ):
        self.root = root
        self._tell = tell
        self._what = what
        self._suffixes = frozenset(suffixes)
        self._but = frozenset(os.path.realpath(folder) for folder in but)
        self._ends: dict[tuple[int, bool], dict[str, list[str]]] = {}

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each id, sorted by id.

        Raises:
            UserError: `data-missing`: no such folder, or no photo in it; `data-unreadable`: folders cannot be listed;
                `image-id` with all names that are no ids; `file-ambiguous` with all ids that several files have.
        """
        found: dict[str, list[str]] = {}
        wrong: list[str] = []
        others: Counter[str] = Counter()
        for number, (above, path, name) in enumerate(self._walked()):
            if number % 10_000 == 0:
                self._tell(f"looking through {self.root}: {number:,} files")
            stem, dot, suffix = name.rpartition(".")
            if not (stem and dot + suffix.lower() in self._suffixes):
                others[(dot + suffix.lower()) if stem else "no suffix"] += 1
                continue
            image_id = canonical(f"{above}{stem}")
            if problem := check_id(image_id):
                wrong.append(f"{quoted(above + name, 200)} {problem}")
            found.setdefault(image_id, []).append(path + name)
        if wrong:
            raise UserError(
                "image-id",
                f"{len(wrong)} files below {self.root} have names that results cannot be called after",
                shorten(sorted(wrong)),
                "rename them",
            )
        self._refuse_several(found)
        if not found:
            there = (f"there are: {', '.join(f'{count} × {end}' for end, count in others.most_common(5))}",)
            raise UserError(
                "data-missing",
                f"there is no {self._what} below {self.root}",
                there if others else (),
                f"{self._what}s end in {' '.join(sorted(self._suffixes))}, in any case",
            )
        return {image_id: Path(found[image_id][0]) for image_id in sorted(found)}

    def some(self) -> Iterator[str]:
        """The files' paths below the folder, as they are found: for whoever wants to know whether there are any."""
        for above, _, name in self._walked():
            stem, dot, suffix = name.rpartition(".")
            if stem and dot + suffix.lower() in self._suffixes:
                yield above + name

    def named(self, written: str) -> list[str]:
        """The ids that a name may mean; several are ambiguous, none is nothing.

        A name is a whole path or the end of one, or an id is the end of it (the path of another machine, a URL). It has
        a suffix, another suffix or none; backslashes are slashes; the case counts only where several differ in it.
        """
        stem, dot, suffix = written.rpartition(".")
        if dot + suffix.lower() in self._suffixes:  # nearly all are found so, in a tenth of the time
            if stem in self.files:
                return [stem]
            if found := self._by_end(1, False).get(stem):
                return [*found]
        for fold in (False, True):
            for spelling in self._spellings(written):
                if found := self._match(spelling, fold):
                    return found
        return []

    def like(self, written: str) -> str:
        """What a name that means no photo may have meant, as the end of a sentence; empty if nothing is like it."""
        above, _, name = next(self._spellings(written), "").rpartition("/")
        names = self._by_end(1, False)
        if others := names.get(name):
            return f"; there is {' and '.join(quoted(other) for other in others[:3])}"
        close = get_close_matches(name, neighbours(name, names), 1, 0.8)
        if (number := _number(name)) and (same := next((i for n, i in names.items() if _number(n) == number), None)):
            return f"; there is {quoted(same[0])}: zeros were lost, so make the column text before the table is saved"
        if close:
            best = next((i for i in names[close[0]] if above and f"{above}/" in i), names[close[0]][0])
            return f"; did you mean {quoted(best)}?"
        return ""

    def check_root(self) -> None:
        """Raises:
        UserError: `data-missing`: there is no such folder.
        """
        if not os.path.isdir(self.root):  # noqa: PTH112 -- takes names of any length
            near = "" if self.root.is_absolute() else f" in {Path.cwd()}"
            said = (
                f"{self.root} is no folder" if os.path.lexists(self.root) else f"there is no folder {self.root}{near}"
            )
            setting = "data.root" if self._what == "photo" else "data.masks"
            raise UserError("data-missing", said, hint=f"--set {setting}=FOLDER names your {self._what}s")

    def _walked(self) -> Iterator[tuple[str, str, str]]:
        """(path below the root with its last slash, path with its last slash, name) of all files that may count."""
        self.check_root()
        home = os.path.realpath(self.root)
        walked: set[str] = set()  # real paths
        waiting = [("", f"{self.root}/", home)]
        linked: list[tuple[str, str, str]] = []  # followed when all that really lies here is known
        while waiting or linked:
            above, path, real = waiting.pop() if waiting else linked.pop(0)
            if real in walked:
                continue
            walked.add(real)
            files, folders = _listed(path)
            if above and (files.keys() >= RUN_FILES or (MARK in folders and holds_results(path))):
                continue
            yield from ((above, path, name) for name in files if not name.startswith("."))
            for name, is_link in sorted(folders.items()):
                where = os.path.realpath(path + name) if is_link else f"{real}/{name}"
                if name.startswith(".") or name.lower() in STRANGERS or where in self._but:
                    continue
                if not (is_link and (f"{where}/".startswith(f"{home}/") or f"{home}/".startswith(f"{where}/"))):
                    (linked if is_link else waiting).append((f"{above}{name}/", f"{path}{name}/", where))

    def _refuse_several(self, found: dict[str, list[str]]) -> None:
        several = [image_id for image_id, paths in found.items() if len(paths) > 1]
        if several:
            lines = [
                f"{quoted(i)}: {' and '.join(quoted(os.path.relpath(p, self.root)) for p in sorted(found[i]))}"
                for i in sorted(several)
            ]
            raise UserError(
                "file-ambiguous",
                f"{len(lines)} names below {self.root} are those of several files",
                shorten(lines),
                f"a {self._what} is called by its path without suffix: keep one file of each, or rename the others",
            )

    def _spellings(self, written: str) -> Iterator[str]:
        """The paths that a name may stand for, without suffix and as they are, the likeliest first."""
        plain = canonical(written.strip().replace("\\", "/"))
        yield from self._cut(plain)
        paths = [plain]
        if url := _URL.match(plain):
            paths.append(plain[url.end() :])
        if "?d=" in plain:  # Label Studio's local files
            paths.append(plain.rpartition("?d=")[2])
        paths += [path.partition("?")[0].partition("#")[0] for path in paths[1:]]
        paths += [canonical(unquote(path)) for path in paths if "%" in path]
        for path in dict.fromkeys(paths[1:]):
            yield from self._cut(path)
        name = paths[-1].rpartition("/")[2]
        if upload := _UPLOAD.match(name):
            yield from self._cut(name[upload.end() :])

    def _cut(self, path: str) -> Iterator[str]:
        """A path without suffix, then with it; without what leads to the root or is no name."""
        path = re.sub(r"^[A-Za-z]:/", "/", path)
        if path.startswith(self._root_in_full):
            path = path[len(self._root_in_full) :]
        path = re.sub(r"^(\.\./)+", "", posixpath.normpath(path).lstrip("/")) if path else ""
        stem, dot, suffix = path.rpartition(".")
        if stem and dot + suffix.lower() in self._suffixes:
            yield stem
        yield path

    @cached_property
    def _root_in_full(self) -> str:
        return canonical(f"{self.root.absolute().as_posix()}/")

    def _match(self, path: str, fold: bool) -> list[str]:
        """Ids that are a path; else end with it; else the longest that it ends with."""
        if not fold and path in self.files:
            return [path]
        parts = _folded(path) if fold else path.split("/")
        if found := self._by_end(len(parts), fold).get("/".join(parts), []):
            whole = [image_id for image_id in found if image_id.count("/") == len(parts) - 1]
            return whole or found
        for first in range(max(1, len(parts) - self._deepest), len(parts)):
            end = self._by_end(len(parts) - first, fold).get("/".join(parts[first:]), [])
            if whole := [image_id for image_id in end if image_id.count("/") == len(parts) - first - 1]:
                return whole
        return []

    @cached_property
    def _deepest(self) -> int:
        """How many names the longest id has."""
        return 1 + max(image_id.count("/") for image_id in self.files)

    def _by_end(self, length: int, fold: bool) -> dict[str, list[str]]:
        """Ids by their last `length` names; there is no index for each length of what is no path."""
        if length > self._deepest:
            return {}
        if (length, fold) not in self._ends:
            found: dict[str, list[str]] = {}
            for image_id in self.files:
                parts = _folded(image_id) if fold else image_id.split("/")
                if len(parts) >= length:
                    found.setdefault("/".join(parts[-length:]), []).append(image_id)
            self._ends[length, fold] = found
        return self._ends[length, fold]


def holds_results(folder: str | Path) -> bool:
    """Whether a folder is one of results that we made of photos: its pictures are none to start from."""
    marks = (f"{folder}/{MARK}/{name}" for name in (MADE, WRITTEN))
    return any(map(os.path.isfile, marks))  # that of `Path` raises where a name is too long


def _number(name: str) -> str:
    """A number without what spreadsheets take off it or add to it (`0012`, `12.0`); empty for what is none."""
    found = _ID.fullmatch(name)
    return found[1] if found else ""


def _folded(path: str) -> list[str]:
    """The names in a path without what people and tables lose: capitals, and blanks around them."""
    return [name.strip() for name in path.casefold().split("/")]


def _listed(path: str) -> tuple[dict[str, bool], dict[str, bool]]:
    """Names of what is no folder, and of folders, each with whether it is a link."""
    files: dict[str, bool] = {}
    folders: dict[str, bool] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                is_link = entry.is_symlink()
                (folders if _is_folder(entry) else files)[entry.name] = is_link
    except OSError as error:
        raise UserError("data-unreadable", f"the folder {path} cannot be listed ({error.strerror})") from None
    return files, folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False
