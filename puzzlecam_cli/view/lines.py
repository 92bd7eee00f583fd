"""Lines of text for a person: broken between words where a terminal ends, whole in a pipe or a file."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from textwrap import wrap
from typing import TextIO

from puzzlecam_cli.errors import printable

NARROWEST = 40  # characters; with less, what hangs would have no room


def say(text: str, *, hang: int = 0, most: int = 5000, stream: TextIO | None = None) -> None:
    """Print one line, on stderr unless another stream is given.

    Args:
        hang: characters by which what follows the first line of a terminal is set in.
        most: see `printable`.
    """
    stream = sys.stderr if stream is None else stream
    if stream is not None:  # under some services there is none
        print(fitted(printable(text, most), stream, hang), file=stream, flush=True)


def fitted(line: str, stream: TextIO, hang: int = 0) -> str:
    """A line as it is shown on a stream: in several where that is a terminal. A word is never broken."""
    if not stream.isatty():
        return line
    width = max(NARROWEST, get_terminal_size().columns)
    hang = hang if hang + NARROWEST <= width else 2
    broken = wrap(line, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False)
    return "\n".join(broken) or line
