"""The standard streams, such that no output ends the work: closed ones, readers that go, terminals without Unicode."""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.errors import for_terminal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

GONE = {errno.EPIPE, errno.EIO, errno.EBADF}  # whoever reads, such as `head`, has had enough; the terminal is closed
PLAINER = "puzzlecam-plainer"  # the name of our way to encode what an encoding has no character for


def prepare_streams() -> None:
    """Open what is closed, and make `sys.stdout` and `sys.stderr` such that writing raises only where a result is lost.

    That is where stdout goes to a full disk.
    """
    _open_closed()
    codecs.register_error(PLAINER, _plainer)
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    sys.stdout = _patient(1, sys.stdout, all_count=True)
    sys.stderr = _patient(2, sys.stderr, all_count=False)


def _open_closed() -> None:
    """Occupy closed descriptors below 3: a file of ours opened as number 2 would receive every warning."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)  # inherited, as standard streams are
            if null > 2:
                os.close(null)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return for_terminal(error.object[error.start : error.end], "ascii"), error.end


def _patient(number: int, stream: object, all_count: bool) -> io.TextIOWrapper:
    before = stream if isinstance(stream, io.TextIOWrapper) else None
    return io.TextIOWrapper(
        io.BufferedWriter(_PatientFile(number, all_count)),
        encoding=before.encoding if before else "utf-8",
        errors=PLAINER,
        line_buffering=before is None or before.line_buffering or before.write_through,
    )


class _PatientFile(io.FileIO):
    """A standard stream; once its reader is gone, what is written goes nowhere.

    Args:
        all_count: other errors, such as a full disk, are raised.
    """

    def __init__(self, number: int, all_count: bool):
        super().__init__(number, "w", closefd=False)
        self._all_count = all_count

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            while (written := super().write(data)) is None:  # another process made it non-blocking, and it is full
                select.select([], [self], [])
            return written
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # also for what is still in the buffer
            os.close(null)
            if self._all_count and error.errno not in GONE:
                raise
            return memoryview(data).nbytes
