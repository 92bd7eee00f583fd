"""Log lines and words, and that a terminal is shown what it can show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from puzzlecam_cli.events import Doing, Progress
from puzzlecam_cli.view.plain import PlainView
from puzzlecam_cli.view.words import duration
from tests.view.story import STORY


def test_plain_lines_tell_the_same_story_without_flooding(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainView() as view:
        for _, event in STORY:
            view(event)
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == "voc: train-cls, cams, affinity, rw, seg, eval in runs/voc"
    assert "train-cls: kept, recipe and inputs unchanged" in lines
    assert "cams: maps  100/100 images" in lines
    assert "cams: maps  41/100 images" not in lines  # less than ten seconds after the one before
    assert "cams: done after 26 s" in lines
    assert not any("loading" in line for line in lines)  # it took no time here


def test_plain_lines_tell_what_cannot_be_counted_where_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puzzlecam_cli.view.plain.SILENT", 0.05)
    with PlainView() as view:
        view(Doing("seg", "loading the first batch"))
        time.sleep(0.2)
        view(Doing("seg", "making the first step"))
        view(Progress("seg", "epoch 1/2", 1, 9, "steps"))
        time.sleep(0.2)
    lines = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["seg: loading the first batch", "seg: epoch 1/2  1/9 steps"]


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
        ({"TERM": "xterm", "PYTHONIOENCODING": "ascii"}, ("+  cams", r"n\xe9", r"\x1b[2J >")),
        ({"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}, ("✓  cams", "né", r"\x1b[2J ▸")),
        ({"TERM": "xterm", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}, ("✓  cams", "né", r"\x1b[2J ▸")),
        ({"TERM": "dumb", "PYTHONIOENCODING": "ascii"}, ("cams: started, 1 -> 2", r"n\xe9", r"\x1b[2J >")),
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
