"""Regular files, read at once and never waited for: no pipe, no device, no file that claims terabytes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from puzzlecam_cli.errors import UserError

_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))


def why_no_file(path: Path) -> str | None:
    """Why a path is no regular file, to follow its name (`is a folder`); None for a regular file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "is a link to nothing" if path.is_symlink() else "is not there"
    except OSError as error:
        return "is a link to itself" if error.errno == errno.ELOOP else f"cannot be read ({error.strerror})"
    except ValueError:  # a NUL in the name
        return "is not there"
    if stat.S_ISREG(mode):
        return None
    return f"is {next((kind for test, kind in _KINDS if test(mode)), 'a device')}, not a file"


def check_place(path: Path, mark: str, what: str) -> None:
    """Whether a page may be written there.

    Args:
        mark: what pages of this kind begin with; they are replaced, nothing else is.
        what: such a page, e.g. `report`.

    Raises:
        UserError: `file-exists`, something else is there.
    """
    problem = why_no_file(path)
    if problem == "is not there":
        return
    if problem is None:
        with path.open("rb") as file:
            problem = None if file.read(len(mark)) == mark.encode() else f"is there already, and is no {what}"
    if problem:
        raise UserError("file-exists", f"{path} {problem}", hint="--out names another file")


def is_folder(path: Path) -> bool:
    """Whether there is a folder; of a name longer than names can be, there is none."""
    return os.path.isdir(path)  # noqa: PTH112 -- Path's own fails there


def read_file(path: Path, *, limit: int, kind: str = "data") -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    Args:
        kind: what the file is, for the error's reference.

    Raises:
        UserError: `<kind>-missing`, or `<kind>-unreadable` for what is no file, is too large or may not be read.
    """
    if problem := why_no_file(path):
        raise UserError(f"{kind}-{'missing' if problem == 'is not there' else 'unreadable'}", f"{path} {problem}")
    try:
        size = path.stat().st_size
        bound = min(limit, max(size, 1 << 20))  # what is asked for is allocated
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            data = b"" if size > limit else file.read(bound + 1) or b""  # None: a file of /proc with nothing yet
    except OSError as error:
        raise UserError(f"{kind}-unreadable", f"{path} cannot be read ({error.strerror})") from None
    if size > limit or len(data) > bound:
        most = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit >> 10} kB"
        raise UserError(f"{kind}-unreadable", f"{path} is larger than {most}, or grows while it is read")
    return data
