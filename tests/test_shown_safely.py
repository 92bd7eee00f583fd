"""What is shown and written of a run harms nothing: other files, narrow terminals, files that make no sense."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Note, as_record
from puzzlecam_cli.files import as_json
from puzzlecam_cli.run.scores import read_scores
from puzzlecam_cli.session.report import write_report
from puzzlecam_cli.use.comparison.bootstrap import differences
from puzzlecam_cli.view.event_file import EventReader
from puzzlecam_cli.view.terminal_pictures import show_blocks, shows_no_blocks

Puzzlecam = Callable[..., Result]


@pytest.mark.parametrize(("out", "foreign"), [("r.html", ".r.html.2024"), ("*.html", ".other.html.2024")])
def test_a_report_elsewhere_removes_nobody_s_file(finished_run: Path, tmp_path: Path, out: str, foreign: str) -> None:
    (tmp_path / foreign).write_text("mine")
    assert write_report(finished_run, tmp_path / out, photos=0).is_file()
    assert (tmp_path / foreign).read_text() == "mine"


def test_a_report_s_link_stays_a_link(finished_run: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "there.html", tmp_path / "link.html"
    write_report(finished_run, target, photos=0)
    link.symlink_to(target)
    write_report(finished_run, link, photos=0)
    assert link.is_symlink()
    link.unlink()
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="link to nothing"):
        write_report(finished_run, link, photos=0)


@pytest.mark.parametrize(
    "command", [["report", "--out", "PIPE"], ["show", "--out", "PIPE"], ["compare", "--out", "PIPE"]]
)
def test_a_pipe_is_refused_not_waited_for(
    puzzlecam: Puzzlecam, finished_run: Path, tmp_path: Path, command: list[str]
) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    words = [str(tmp_path / "pipe.png") if word == "PIPE" else word for word in command[1:]]
    runs = [finished_run] * (2 if command[0] == "compare" else 1)
    result = puzzlecam(command[0], *runs, *words)
    assert result.exit_code == 2
    assert "pipe" in result.stderr


def test_a_file_is_no_run_whatever_lies_beside_it(puzzlecam: Puzzlecam, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = puzzlecam("report", tmp_path / "file")
    assert result.exit_code == 2
    assert "error: run-missing" in result.stderr


@pytest.mark.parametrize(
    "damage",
    [{"sweep": 7}, {"sweep": [[]]}, {"sweep": [[0.5, 10**400]]}, {"iou": {}}, {"threshold": float("nan")}],
    ids=["no list", "no pair", "too large", "no class", "no number"],
)
def test_scores_that_make_no_sense_are_refused_where_they_are_read(
    finished_run: Path, tmp_path: Path, damage: dict[str, Any]
) -> None:
    scores = json.loads((finished_run / "eval/scores.json").read_text())
    scores["results"][0] |= damage
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    with pytest.raises(UserError, match=r"scores\.json"):
        read_scores(tmp_path / "scores.json")


def test_a_run_whose_scores_lack_the_sweep_is_watched_and_reported(
    puzzlecam: Puzzlecam, finished_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    scores = json.loads((run / "eval/scores.json").read_text())
    for result in scores["results"]:
        result.pop("sweep", None)
    (run / "eval/scores.json").write_text(json.dumps(scores))
    assert puzzlecam("watch", run, "--once").exit_code == 0
    assert write_report(run, photos=0).is_file()


def test_a_line_longer_than_any_event_is_passed_over_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puzzlecam_cli.view.event_file.LONGEST_LINE", 200)
    note = as_json({"time": "2026-01-01T00:00:00+00:00"} | as_record(Note("cams", "read")))
    file, reader = tmp_path / "events.jsonl", EventReader(tmp_path / "events.jsonl")
    file.write_text(f"{note}\n{'x' * 450}")
    assert [event for _, event in reader.read()] == [Note("cams", "read")]
    file.write_text(f"{note}\n{'x' * 450}{note}\n{note}\n")
    assert [event for _, event in reader.read()] == [Note("cams", "read")]


def test_a_comparison_without_the_data_says_that_they_are_not_there(
    puzzlecam: Puzzlecam, finished_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    shutil.rmtree(run / "data")
    result = puzzlecam("compare", finished_run, run)
    assert result.exit_code == 2
    assert "error: data-missing" in result.stderr


@pytest.mark.parametrize("columns", [1, 2, 20, 31])
def test_pictures_fit_any_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    show_blocks([("photo", Image.new("RGB", (40, 30)))] * 3)
    assert "▀" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_half_blocks_are_not_for_terminals_without_colours(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert shows_no_blocks()


def test_resamples_are_drawn_in_parts_that_fit_many_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn in other parts, from the same random numbers, the intervals are the same."""
    counts = np.random.default_rng(0).integers(1, 50, (4, 3, 81))
    whole = differences([counts, counts[::-1]], 100, 0)
    monkeypatch.setattr("puzzlecam_cli.use.comparison.bootstrap.CELLS", 7 * 3 * 81)
    assert differences([counts, counts[::-1]], 100, 0) == whole
