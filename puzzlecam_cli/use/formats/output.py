"""The folder that labels are given out in: what in it is ours, so that nothing of anybody else's is overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePath

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.disk.walk import MADE, MARK, WRITTEN, Walk
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import append_line, ready_to_append, replacing
from puzzlecam_cli.plain_file import is_folder
from puzzlecam_cli.text import quoted

RECORDS = ".puzzlecam"  # the folder of what is known of the others
SHOWN = 3  # images that are named
LAST = 2  # states of a file that are remembered: a process may be killed between telling of a new one and moving it


def of_the_wrong_kind(root: Path, names: Iterable[str]) -> list[str]:
    """What is there in the place of files to be written and is a folder, or in that of their folders and is none."""
    files = dict.fromkeys(names)
    folders = {os.path.dirname(name) for name in files}  # noqa: PTH120 -- a Path doubles the time of 10,000
    folders |= {str(above) for name in folders for above in PurePath(name).parents}
    return [
        *(name for name in sorted(folders) if os.path.lexists(root / name) and not is_folder(root / name)),
        *(name for name in files if is_folder(root / name)),
    ]


def check_new(root: Path, account: str, ours: Collection[str] = ()) -> None:
    """Whether results lie in a folder already, of the same command; or nothing that they would be mixed up with.

    Args:
        account: the file in `.puzzlecam` by which the command knows its results, `MADE` or `WRITTEN`.
        ours: names of files that are to be overwritten.

    Raises:
        UserError: `output-folder`.
    """
    hint = "--out names another folder, which need not be there"
    is_predicted, is_written = (os.path.isfile(root / MARK / name) for name in (MADE, WRITTEN))  # noqa: PTH113
    if is_predicted and account != MADE:
        raise UserError("output-folder", f"{root} holds what `predict` made: labels would be mixed with it", hint=hint)
    if is_written and not is_predicted and account != WRITTEN:
        raise UserError(
            "output-folder", f"{root} holds what `labels` wrote: predictions would be mixed with it", hint=hint
        )
    if is_predicted or is_written or not is_folder(root):
        return
    try:
        images = list(islice((name for name in Walk(root).some() if name not in ours), SHOWN))
    except UserError:  # a folder in it cannot be listed: nobody will start from it
        return
    if images:
        said = f"{root} holds images: pictures of labels would be taken for photos, or photos for results"
        raise UserError("output-folder", said, tuple(quoted(name, 200) for name in images), hint)


class Output:
    """A folder and a list of the files that were written into it: name, size and time, and what it was made of.

    A file that is not as the list says was put there, or corrected, by somebody.
    """

    def __init__(self, root: Path):
        self.root = root
        self._list = root / RECORDS / "written.jsonl"
        self._known: dict[str, list[tuple[str, str]]] = {}
        if self._list.is_file():
            for line in self._list.read_text(encoding="utf-8", errors="replace").splitlines():
                self._take(line)
        ready_to_append(self._list, '["')

    def strangers(self, names: Iterable[str]) -> list[str]:
        """Of the files that are to be written, those that are there and not as they were written."""
        states = ((name, stat_of(f"{self.root}/{name}")) for name in names)
        there = [(name, state) for name, state in states if state != "-" or os.path.lexists(self.root / name)]
        return [name for name, state in there if state not in (known for known, _ in self._known.get(name, ()))]

    def is_made(self, name: str, of: str) -> bool:
        """Whether a file is there, as it was written, and made of the very same."""
        return (stat_of(f"{self.root}/{name}"), of) in self._known.get(name, ())

    @contextmanager
    def replacing(self, name: str, of: str = "") -> Iterator[Path]:
        """As `files.replacing`, and remembered; `of` says what it is made of."""
        with replacing(self.root / name) as temporary:
            yield temporary
            self._list.parent.mkdir(parents=True, exist_ok=True)
            line = json.dumps([name, stat_of(str(temporary)), of])
            append_line(self._list, line)
            self._take(line)

    def _take(self, line: str) -> None:
        try:
            name, state, of = json.loads(line)
            self._known[name] = [*self._known.get(name, []), (state, of)][-LAST:]
        except (ValueError, TypeError, RecursionError):  # torn, or not ours: its file is not known then
            return
