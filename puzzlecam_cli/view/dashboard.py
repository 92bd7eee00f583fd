"""The live display on the terminal that stderr is; `view.drawing` draws it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from puzzlecam_cli.events import Event, Note
from puzzlecam_cli.view.drawing import draw
from puzzlecam_cli.view.fold import after, caught_up
from puzzlecam_cli.view.lines import say
from puzzlecam_cli.view.snapshot import NOTES
from puzzlecam_cli.view.strokes import Pen

A_SECOND = 2  # drawings


class Frame:
    """Lines that are drawn again and again at the same place, for whatever width the terminal has by then.

    Args:
        lines: of (width, height, pen), at most as wide and as high.
    """

    def __init__(self, console: Console, lines: Callable[[int, int, Pen], Sequence[Text]]):
        self.console, self._lines = console, lines
        self._drawn: Sequence[Text] = ()
        self._width = console.width
        self.live = Live(console=console, get_renderable=self._draw, refresh_per_second=A_SECOND)

    def _draw(self) -> Group:
        width, height = self.console.size
        if width != self._width:
            self._wipe(width)
        self._drawn = self._lines(width, height, Pen(self.console.encoding))
        return Group(*self._drawn)

    def _wipe(self, width: int) -> None:
        """Wipe out the last drawing, which a terminal that became narrower has broken into more lines."""
        rows = sum(max(-(-line.cell_len // width), 1) for line in self._drawn)
        if rows and self.console.is_terminal:
            up = f"\x1b[{rows - 1}A" if rows > 1 else ""
            down = "\n" * (len(self._drawn) - 1)  # to where Live, which knows nothing of this, goes up from
            self.console.file.write(f"\r{up}\x1b[J{down}")
        self._width = width


class Dashboard:
    """What is known of a run by its events; `past` ones are of commands that have ended."""

    def __init__(self, past: Sequence[tuple[float, Event]] = ()) -> None:
        self.snapshot = caught_up(past)
        self._notes: list[str] = []
        self._is_over = False
        self._frame = Frame(Console(stderr=True), self._lines)

    def __enter__(self) -> Dashboard:
        self._frame.live.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        """Leave the last drawing, and below it every note as a whole."""
        self._is_over = True
        self._frame.live.refresh()
        self._frame.live.__exit__(None, None, None)
        left_out = len(self._notes) - NOTES
        for note in self._notes[-NOTES:]:
            say(note, hang=2)
        if left_out > 0:
            say(f"... and {left_out} notes before these; all are in events.jsonl")

    def __call__(self, event: Event) -> None:
        if isinstance(event, Note):
            self._notes.append(event.text if event.stage == "run" else f"{event.stage}: {event.text}")
        self.snapshot = after(self.snapshot, time.time(), event)

    def _lines(self, width: int, height: int, pen: Pen) -> list[Text]:
        return draw(self.snapshot, time.time(), width, height, pen, with_notes=not self._is_over)
