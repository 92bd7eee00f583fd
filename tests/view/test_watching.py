"""A run seen from elsewhere: whether it lives, and how to go on with one that does not. Nothing is touched."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import Result

from puzzlecam_cli.events import (
    Doing,
    Event,
    Metric,
    Progress,
    RunEnded,
    RunStarted,
    StageEnded,
    StageStarted,
    as_record,
)
from puzzlecam_cli.group.lock import LOCK, SILENCE, Holder, here, run_lock, typed
from puzzlecam_cli.view.event_file import EventFile, EventReader
from puzzlecam_cli.view.strokes import Pen
from puzzlecam_cli.view.watching import Watched, Watcher, draw_watched

Run = Callable[..., Result]
BEGIN = RunStarted("voc", "runs/voc", ("cams", "seg"), "puzzlecam run-all voc --set seed=1", here())
WORK = (BEGIN, StageStarted("cams", "not made yet"), Progress("cams", "maps", 3, 9))
ENDED = (*WORK, StageEnded("cams", "done", 3), StageStarted("seg", ""), StageEnded("seg", "done", 4), RunEnded("done"))


def tell(root: Path, *events: Event) -> None:
    root.mkdir(exist_ok=True)
    file = EventFile(root / "events.jsonl")
    for event in events:
        file(event)


def seen(root: Path) -> Watched:
    return Watcher(root).look()


def text_of(watched: Watched) -> str:
    return "\n".join(line.plain for line in draw_watched(watched, watched.snapshot.seen, 100, 40, Pen()))


@contextmanager
def held(root: Path) -> Iterator[None]:
    """A process works on the run: this one."""
    with run_lock(root, print):
        yield


def left_behind(root: Path, *, host: str, silent: float) -> None:
    """The lock of a process that is gone, or that is on another machine."""
    note = Holder(2**22 + 1, host, "2026-01-01", "puzzlecam run-all voc", "7")
    (root / LOCK).write_text(json.dumps(asdict(note)))
    gone = (root / LOCK).stat().st_mtime - silent
    os.utime(root / LOCK, (gone, gone))


def test_a_run_is_told_by_its_lock_and_its_last_words(tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    assert seen(root).state == "waits"
    with held(root):
        assert seen(root).state == "begins"
        tell(root, *WORK)
        found = seen(root)
        assert (found.state, found.stage, found.command) == ("runs", "cams", "")
        assert found.holder is not None
        assert found.holder.pid == os.getpid()
    tell(root, *ENDED)
    assert seen(root).state == "finished"
    with held(root):  # the next command, which has not said anything yet
        assert seen(root).state == "begins"


@pytest.mark.parametrize(
    ("last", "state"),
    [
        ([RunEnded("failed", "no masks")], "failed"),
        ([RunEnded("interrupted")], "interrupted"),
        ([StageEnded("cams", "interrupted", 4.0)], "interrupted"),  # by a version that did not say that it ended
        ([StageEnded("cams", "failed", 4.0)], "failed"),
        ([], "dead"),
    ],
)
def test_of_a_run_that_is_over_too_early_the_stage_and_the_very_command_are_told(
    puzzlecam: Run, tmp_path: Path, last: list[Event], state: str
) -> None:
    root = tmp_path / "run"
    tell(root, *WORK, *last)
    found = seen(root)
    assert (found.state, found.stage, found.command) == (state, "cams", "puzzlecam run-all voc --set seed=1")
    text = text_of(found)
    assert f"{state}" in text
    assert "in cams" in text
    assert puzzlecam("watch", root).stdout.endswith("\nto go on:\npuzzlecam run-all voc --set seed=1\n")
    assert "▸" not in text
    assert ("no masks" in text) == any(isinstance(event, RunEnded) and bool(event.reason) for event in last)


def test_a_run_that_failed_before_its_first_stage_says_why(tmp_path: Path) -> None:
    tell(tmp_path, BEGIN, Doing("run", "checking"), RunEnded("failed", "the disk is too small"))
    assert "failed at" in text_of(seen(tmp_path))
    assert "before its first stage: the disk is too small" in text_of(seen(tmp_path))


def test_a_process_of_this_machine_that_is_gone_is_dead_at_once(tmp_path: Path) -> None:
    tell(tmp_path, *WORK)
    left_behind(tmp_path, host=socket.gethostname(), silent=0)
    assert seen(tmp_path).state == "dead"


def test_on_another_machine_a_run_lives_by_its_signs_of_life(tmp_path: Path) -> None:
    tell(tmp_path, *WORK)
    left_behind(tmp_path, host="node7", silent=SILENCE / 2)
    assert seen(tmp_path).state == "runs"
    assert f"process {2**22 + 1} on node7 works on it" in text_of(seen(tmp_path))
    left_behind(tmp_path, host="node7", silent=SILENCE * 2)
    assert seen(tmp_path).state == "dead"
    assert "on node7 is gone without a word" in text_of(seen(tmp_path))


def test_a_command_typed_elsewhere_is_told_with_its_folder_and_an_unknown_one_by_the_run(tmp_path: Path) -> None:
    tell(
        tmp_path, RunStarted("voc", "x", ("cams",), "puzzlecam run-all voc", "/home/some one"), RunEnded("interrupted")
    )
    assert seen(tmp_path).command == "cd '/home/some one' && puzzlecam run-all voc"
    tell(tmp_path, RunStarted("voc", "x", ("cams",)), RunEnded("interrupted"))
    assert seen(tmp_path).command == f"puzzlecam run-all {tmp_path}"


def test_what_is_written_meanwhile_is_read_on_and_what_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert list(reader.read()) == []
    tell(tmp_path, *WORK[:2])
    assert [event for _, event in reader.read()] == list(WORK[:2])
    time = '{"time": "2026-01-01T00:00:00+00:00", '
    odd = [
        '"event": "Later", "x": 1}',
        '"event": "Progress", "stage": 3}',
        '"event": "Note", "stage": ["a"], "text": 1}',
    ]
    huge = '"event": "Progress", "stage": "cams", "task": "maps", "done": 1' + 400 * "0" + ', "total": 9}'
    with path.open("a") as file:
        file.write("".join(f"{time}{line}\n" for line in (*odd, huge)) + "no JSON\n[1]\n")
        file.write(f'{time}"event": "Note", "stage": "run", "text": "new here", "of": "a later version"}}\n')
        file.write(f'{time}"event": "Metric", "stage": "cams", "step": 1, "values": {{"loss": null}}}}\n{time}"event"')
    note, metric = (event for _, event in reader.read())
    assert as_record(note) == {"event": "Note", "stage": "run", "text": "new here"}
    assert isinstance(metric, Metric)
    assert metric.values["loss"] != metric.values["loss"]  # not a number: JSON has none
    assert list(reader.read()) == []


def test_watch_draws_once_where_there_is_no_terminal_and_changes_nothing(puzzlecam: Run, tmp_path: Path) -> None:
    tell(tmp_path, *WORK, RunEnded("interrupted"))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = puzzlecam("watch", tmp_path)
    assert result.exit_code == 0, result.output
    assert "interrupted at" in result.stdout
    assert "3 of 9 maps" in result.stdout
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_watch_gives_the_snapshot_as_json(puzzlecam: Run, tmp_path: Path) -> None:
    tell(tmp_path, *WORK, Metric("cams", 1, {"loss": float("nan")}))
    found = json.loads(puzzlecam("watch", tmp_path, "--json").stdout)
    assert (found["state"], found["stage"], found["recipe"]) == ("dead", "cams", "voc")
    assert found["stages"][0]["count"]["done"] == 3
    assert found["goes_on"] == BEGIN.command


def test_watch_shows_a_finished_run_with_its_scores(puzzlecam: Run, finished_run: Path) -> None:
    result = puzzlecam("watch", finished_run, "--once")
    assert result.exit_code == 0, result.output
    assert "finished at" in result.stdout
    assert result.stdout.count("✓") == 6
    assert "pseudo labels" in result.stdout
    assert "what to do next:" in result.stdout


def test_a_folder_that_is_not_there_is_refused(puzzlecam: Run, tmp_path: Path) -> None:
    result = puzzlecam("watch", tmp_path / "nothing")
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["/usr/bin/puzzlecam", "seg", "a b"], "puzzlecam seg 'a b'"),
        (["/x/puzzlecam_cli/__main__.py", "seg"], "puzzlecam seg"),
        (["my_script.py", "seg"], ""),
        (["/x/ipykernel_launcher.py", "-f", "kernel.json"], ""),
    ],
)
def test_what_was_typed_is_known_of_our_own_commands_alone(
    arguments: list[str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", arguments)
    assert typed() == command
