"""Regular files, read at once and never waited for: no pipe, no device, no file that claims terabytes."""

from __future__ import annotations

import errno
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


def read_file(path: Path, *, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    Raises:
        UserError: `data-missing`, or `data-unreadable` for what is no file, is too large or may not be read.
    """
    if problem := why_no_file(path):
        raise UserError("data-missing" if problem == "is not there" else "data-unreadable", f"{path} {problem}")
    try:
        size = path.stat().st_size
        bound = min(limit, max(size, 1 << 20))  # what is asked for is allocated
        with path.open("rb") as file:
            data = b"" if size > limit else file.read(bound + 1)
    except OSError as error:
        raise UserError("data-unreadable", f"{path} cannot be read ({error.strerror})") from None
    if size > limit or len(data) > bound:
        raise UserError("data-unreadable", f"{path} is larger than {limit >> 20} MB, or grows while it is read")
    return data
