"""What the display shows, read as text."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from puzzlecam_cli.events import Event, Metric, Note, Progress, RunStarted, StageEnded, StageKept, StageStarted
from puzzlecam_cli.view.dashboard import Screen
from puzzlecam_cli.view.plain import PlainView
from puzzlecam_cli.view.words import duration

STORY: list[tuple[float, Event]] = [
    (0, RunStarted("voc", "runs/voc", ("train-cls", "cams", "affinity", "rw"))),
    (0, StageKept("train-cls", "recipe and inputs unchanged")),
    (0, StageStarted("cams", "cams.flip changed: true → false")),
    (1, Progress("cams", "maps", 1, 100)),
    (11, Progress("cams", "maps", 41, 100)),
    (26, Progress("cams", "maps", 100, 100)),
    (26, StageEnded("cams", "done", 26.0)),
    (26, StageStarted("affinity", "cams is made anew")),
    (30, Metric("affinity", 0, {"loss": 0.5, "lr": 0.1})),
    (30, Progress("affinity", "epoch 1/3", 1, 30, "steps")),
    (31, Note("affinity", "only 7 images: batches of 7, not 8")),
    (40, Metric("affinity", 10, {"loss": 0.25, "lr": 0.05})),
    (40, Progress("affinity", "epoch 2/3", 11, 30, "steps")),
]


def screen_at(seconds: float) -> list[str]:
    """The lines on the screen at a time of the story."""
    screen = Screen()
    for at, event in STORY:
        if at <= seconds:
            screen.take(event, at)
    output = io.StringIO()
    Console(file=output, width=110, color_system=None).print(screen.draw(seconds))
    return [line.rstrip() for line in output.getvalue().splitlines()]


def test_the_screen_lists_every_stage_with_its_state() -> None:
    title, *stages = screen_at(11)[:5]
    assert title == "voc  runs/voc"
    assert [line.split()[:2] for line in stages] == [["✓", "train-cls"], ["▸", "cams"], ["·", "affinity"], ["·", "rw"]]
    assert "kept, recipe and inputs unchanged" in stages[0]
    assert "41%  maps" in stages[1]
    assert stages[1].endswith("11 s")


def test_the_screen_tells_rate_and_time_left() -> None:
    assert "41/100 images  4.0 images/s  15 s left" in screen_at(11)[5]


def test_the_screen_shows_losses_and_notes_of_a_training() -> None:
    text = "\n".join(screen_at(40))
    assert "37%  epoch 2/3" in text
    assert "11/30 steps  1.0 steps/s  19 s left  loss 0.250  lr 0.05  █▁" in text
    assert "affinity: only 7 images" in text


def test_a_finished_stage_keeps_its_time() -> None:
    assert screen_at(40)[2].split() == ["✓", "cams", "maps", "26", "s"]


def test_a_failed_stage_is_marked() -> None:
    screen = Screen()
    for event in (RunStarted("voc", "runs/voc", ("cams",)), StageStarted("cams", "x"), StageEnded("cams", "failed", 1)):
        screen.take(event, 0)
    output = io.StringIO()
    Console(file=output, width=80, color_system=None).print(screen.draw(0))
    assert output.getvalue().splitlines()[1].startswith("× cams")


def test_plain_lines_tell_the_same_story_without_flooding(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView()
    for _, event in STORY:
        view(event)
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == "voc: train-cls, cams, affinity, rw in runs/voc"
    assert "train-cls: kept, recipe and inputs unchanged" in lines
    assert "cams: maps  100/100 images" in lines
    assert "cams: maps  41/100 images" not in lines  # less than ten seconds after the one before
    assert "cams: done after 26 s" in lines


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 m 00 s"), (3599, "59 m 59 s"), (7500, "2 h 05 m")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


ON_A_TERMINAL = """
import os, pty, sys, time
from pathlib import Path
pid, terminal = pty.fork()
if pid == 0:
    from puzzlecam_cli.cli.streams import prepare_streams
    from puzzlecam_cli.events import Note, Progress, RunStarted, StageStarted
    from puzzlecam_cli.session.member import Member
    from puzzlecam_cli.session.views import open_views
    prepare_streams()
    with open_views(Member(None, None, True), Path(sys.argv[1]), plain=False) as emit:
        for event in (RunStarted("a", "né", ("cams",)), StageStarted("cams", "1 → 2"), Progress("cams", "maps", 1, 2)):
            emit(event)
        emit(Note("cams", chr(27) + "[2J ▸"))
    sys.exit()
output = b""
try:
    while chunk := os.read(terminal, 4096):
        output += chunk
except OSError:
    pass
sys.stdout.buffer.write(output)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"TERM": "xterm", "PYTHONIOENCODING": "ascii"}, ("> cams", r"n\xe9", r"\x1b[2J \u25b8")),
        ({"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}, ("▸ cams", "né", r"\x1b[2J ▸")),
        ({"TERM": "xterm", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}, ("▸ cams", "né", r"\x1b[2J ▸")),
        ({"TERM": "dumb", "PYTHONIOENCODING": "ascii"}, ("cams: started, 1 -> 2", r"n\xe9", r"\x1b[2J \u25b8")),
        ({"TERM": "", "PYTHONIOENCODING": "utf-8"}, ("cams: started, 1 → 2", "né", r"\x1b[2J ▸")),
    ],
    ids=["ASCII", "UTF-8", "without colours", "dumb and ASCII", "no TERM"],
)
def test_a_terminal_is_shown_what_it_can_show(
    tmp_path: Path, variables: dict[str, str], shown: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", ON_A_TERMINAL, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | variables
    result = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    text = result.stdout.decode()
    assert result.returncode == 0, text
    assert "\x1b[2J" not in text
    words = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)  # without styles and moves of the cursor
    assert all(part in words for part in shown), words
