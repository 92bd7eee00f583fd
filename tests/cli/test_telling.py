"""Commands that read much say what they read, on stderr, and read it once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import Result

from puzzlecam_cli.data.disk import walk
from puzzlecam_cli.data.tables import tags
from puzzlecam_cli.view import telling
from tests.layouts import MANY, MANY_ROWS, lay, photos

Run = Callable[..., Result]
DATA = ("--set", "data={kind: folder, root: pets, val: 0.2}")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with forty photos in `pets`."""
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "pets", {**photos(*MANY), "tags.csv": f"file,tags\n{MANY_ROWS}"})
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ("run-all", "small_photos", "--plan", *DATA),
        ("data", "check", "small_photos", *DATA, "--set", "runtime.workers=0"),
        ("new", "pets", "--no-forecast"),
    ],
    ids=lambda command: command[0],
)
def test_reading_is_told_on_stderr_and_only_where_it_takes_long(
    command: tuple[str, ...], puzzlecam: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "FIRST", 3600.0)
    quick = puzzlecam(*command)
    assert quick.exit_code == 0, quick.output
    assert "looking through" not in quick.stderr
    (here / "pets.yaml").unlink(missing_ok=True)
    monkeypatch.setattr(telling, "FIRST", 0.0)
    monkeypatch.setattr(telling, "EVERY", 0.0)
    slow = puzzlecam(*command)
    assert "looking through pets: " in slow.stderr
    assert "reading pets/tags.csv" in slow.stderr
    assert slow.stdout == quick.stdout


def test_lines_are_some_time_apart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    tell = telling.Teller()
    for clock[0] in (0.1, 0.2, 0.6, 1.0, 2.5, 2.7, 4.8, 5.8):
        tell(f"at {clock[0]}")
    assert capsys.readouterr().err == "at 0.6\nat 2.7\nat 5.8\n"


@pytest.mark.parametrize("more", [{}, {"classes.txt": "cat\ndog\n"}, {"split.txt": "not a list"}], ids=str)
def test_new_reads_the_table_once_and_lists_folders_once(
    more: dict[str, Any], puzzlecam: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(here / "pets", more)
    decoded, scanned = Mock(wraps=tags.decoded), Mock(wraps=walk._listed)
    monkeypatch.setattr(tags, "decoded", decoded)
    monkeypatch.setattr(walk, "_listed", scanned)
    result = puzzlecam("new", "pets", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert (decoded.call_count, scanned.call_count) == (1, 1)
