"""The display on a terminal: it finds its place again when the terminal is resized, and loses no note."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from puzzlecam_cli.events import Note
from puzzlecam_cli.view.dashboard import Dashboard, Frame
from tests.view.story import LONG, STORY


def test_a_drawing_that_a_narrower_terminal_broke_is_wiped_out_as_a_whole() -> None:
    output = io.StringIO()
    console = Console(file=output, width=100, height=30, force_terminal=True)
    frame = Frame(console, lambda width, height, pen: [Text("x" * width), Text("y")])
    console.print(frame.live.get_renderable())
    output.truncate(0)
    console.size = (40, 30)  # type: ignore[assignment]
    console.print(frame.live.get_renderable())
    written = output.getvalue().lstrip("\0")
    assert written.startswith("\r\x1b[3A\x1b[J")  # 100 cells are three rows of 40, and the cursor is in the fourth
    assert written.count("\n") == 1 + 2  # down to where the display goes up from, then two lines
    assert "x" * 40 + "\n" in written


def test_notes_are_told_as_a_whole_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Dashboard() as view:
        for _, event in STORY:
            view(event)
        view(Note("run", "all in all"))
    last = " ".join(capsys.readouterr().err.split())
    assert last.endswith(f"affinity: only 7 images: batches of 7, not 8 affinity: {LONG} all in all")
