"""What is being done before there is anything to count, for a person who waits."""

from __future__ import annotations

import sys
import time

from puzzlecam_cli.errors import LINE
from puzzlecam_cli.view.lines import say

FIRST, EVERY, MOST = 0.3, 2.0, 10.0  # seconds until the first line, to the second, and at most between two


class Teller:
    """A `Tell` that prints a line on stderr now and then; none where all is done at once."""

    def __init__(self) -> None:
        self._next = time.monotonic() + FIRST
        self._pause = EVERY

    def __call__(self, words: str) -> None:
        if time.monotonic() >= self._next and sys.stderr is not None:
            self._next = time.monotonic() + self._pause
            self._pause = min(MOST, 1.5 * self._pause)
            say(words, most=LINE)

    def now(self, words: str) -> None:
        """Print what takes long in any case."""
        self._next = 0.0
        self(words)
