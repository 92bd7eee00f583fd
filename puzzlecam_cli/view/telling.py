"""What is being done before there is anything to count, for a person who waits."""

from __future__ import annotations

import sys
import time

from puzzlecam_cli.errors import printable

FIRST, EVERY = 0.3, 2.0  # seconds until the first line, and between two


class Teller:
    """A `Tell` that prints a line on stderr now and then; none where all is done at once."""

    def __init__(self) -> None:
        self._next = time.monotonic() + FIRST

    def __call__(self, words: str) -> None:
        if time.monotonic() >= self._next and sys.stderr is not None:
            self._next = time.monotonic() + EVERY
            print(printable(words), file=sys.stderr, flush=True)
