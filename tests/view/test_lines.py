"""Lines are broken between words on a terminal, and nowhere else."""

from __future__ import annotations

from io import StringIO

import pytest

from puzzlecam_cli.view.lines import say


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_is_broken_between_words_on_a_terminal_and_whole_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text, terminal, pipe = "stale        " + "because of it " * 20 + "x" * 70, Terminal(), StringIO()
    say(text, hang=13, stream=terminal)
    say(text, hang=13, stream=pipe)
    lines = terminal.getvalue().splitlines()
    assert pipe.getvalue() == text + "\n"
    assert " ".join(terminal.getvalue().split()) == " ".join(text.split())
    assert all(len(line) <= 60 for line in lines[:-1])
    assert all(line.startswith(" " * 13) for line in lines[1:])
