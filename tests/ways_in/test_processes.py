"""Way in: how many processes are asked for, and what is found in the folder they share."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group import launch, lock
from puzzlecam_cli.group.lock import LOCK, Holder, holder_of, run_lock
from puzzlecam_cli.recipe.schema import Runtime
from puzzlecam_cli.session.plan import status_of

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of 2 cores, not started by a launcher."""
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "ACCELERATE_MIXED_PRECISION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(launch, "cores", lambda: 2)


# asked for, GPUs, and the number or what is said
COUNTS: dict[str, tuple[int | None, int, int | str]] = {
    "none said, a CPU": (None, 0, 1),
    "none said, three GPUs": (None, 3, 3),
    "one": (1, 3, 1),
    "two on a CPU": (2, 0, 2),
    "as many as GPUs": (3, 3, 3),
    "four a core": (8, 0, 8),
    "more than four a core": (9, 0, "9 processes are too many for 2 cores; 8 are possible"),
    "99": (99, 0, "99 processes are too many"),
    "a billion": (10**9, 0, "1000000000 processes are too many"),
    "more than GPUs": (4, 3, "4 processes need as many GPUs, and 3 can be seen"),
    "a billion on GPUs": (10**9, 3, "3 can be seen"),
    "zero": (0, 0, "--num-processes is 0"),
    "less than zero": (-1, 3, "--num-processes is -1"),
}


@pytest.mark.parametrize(("wanted", "gpus", "expected"), COUNTS.values(), ids=COUNTS)
def test_as_many_processes_as_are_possible(
    monkeypatch: pytest.MonkeyPatch, wanted: int | None, gpus: int, expected: int | str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    if isinstance(expected, int):
        assert launch.group_size(wanted, Runtime()) == expected
        launch.check_launch(wanted, Runtime())
        return
    for check in (launch.group_size, launch.check_launch):
        with pytest.raises(UserError, match=expected):
            check(wanted, Runtime())


ASKED = {
    "zero": ("train-cls", ["--num-processes", "0"], "--num-processes"),
    "less than zero": ("seg", ["--num-processes", "-1"], "--num-processes"),
    "words": ("cams", ["--num-processes", "many"], "--num-processes"),
    "a fraction": ("cams", ["--num-processes", "1.5"], "--num-processes"),
    "99": ("run-all", ["--num-processes", "99"], "error: too-many-processes"),
    "a billion": ("run-all", ["--num-processes", "1000000000"], "error: too-many-processes"),
    "26 digits": ("run-all", ["--num-processes", "9" * 26], "processes are too many"),
    "99 to compare": ("ablate", ["--num-processes", "99"], "error: too-many-processes"),
}


@pytest.mark.parametrize(("command", "options", "said"), ASKED.values(), ids=ASKED)
def test_a_number_that_cannot_be_is_refused_before_anything_is_made(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, command: str, options: list[str], said: str
) -> None:
    result = puzzlecam(command, tiny_recipe, "--run", tmp_path / "run", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stage", ["train-cls", "run-all"])
def test_more_processes_than_photos_in_a_batch_are_refused_before_any_is_started(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "run_group", None)
    result = puzzlecam(stage, tiny_recipe, "--run", tmp_path / "run", "--num-processes", 4)
    assert result.exit_code == 2
    for words in ("batch-too-small", "4 processes need a batch", "train_cls.batch 3", "--num-processes 3"):
        assert words in result.stderr


def note(**changes: object) -> bytes:
    """The note of a process of this machine that is gone."""
    gone = Holder(2**22 + 1, socket.gethostname(), "2024-05-01 10:00:00+00:00", "puzzlecam seg voc_resnet50", "1")
    return json.dumps(asdict(gone) | changes).encode()


def ours(**changes: object) -> bytes:
    """The note of this process, which lives."""
    return note(pid=os.getpid(), born=lock._born(os.getpid()), **changes)


def file(content: bytes, age: float = 0) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)
        os.utime(path, (time.time() - age,) * 2)

    return make


def link(path: Path) -> None:
    path.parent.with_name("mine.txt").write_text("mine")
    path.symlink_to("../mine.txt")


# what lies at `run.lock`, whether somebody works there, and what is said if the lock is wanted
LOCKS: dict[str, tuple[Callable[[Path], object], bool, str | None]] = {
    "nothing": (lambda path: None, False, None),
    "an empty file": (file(b""), False, None),
    "a note cut short": (file(note()[:30]), False, None),
    "a note of one that is gone": (file(note()), False, None),
    "a note of one that lives": (file(ours()), True, None),  # it is us: the lock is ours to take
    "a note of another machine": (file(note(host="node7")), True, None),
    "an old note of another machine": (file(note(host="node7"), age=1000), False, None),
    "a note without a birth, of one that lives": (file(note(pid=os.getpid(), born=None)), True, None),
    "a note without a birth, of one that is gone": (file(note(born=None)), False, None),
    "a pid that is none": (file(note(pid=-1)), False, None),
    "a pid in words": (file(note(pid="../../etc")), False, None),
    "a pid of 26 digits": (file(note(pid=10**26)), False, None),
    "a host that is a list": (file(note(host=["x"])), False, None),
    "a note with more": (file(note(more=1)), False, None),
    "100,000 brackets": (file(b"[" * 100_000), False, "is no lock of a run"),
    "a list": (file(b"[]"), False, "is no lock of a run"),
    "somebody's text": (file(b"my passwords"), False, "is no lock of a run"),
    "somebody's bytes": (file(b"\x80\xff"), False, "is no lock of a run"),
    "a link to a file": (link, False, "is a link, which is not followed"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), False, "is a link, which is not followed"),
    "a link to itself": (lambda path: path.symlink_to(path.name), False, "is a link, which is not followed"),
    "a folder": (lambda path: path.mkdir(), False, "cannot be used: Is a directory"),
    "a pipe": (lambda path: os.mkfifo(path), False, "is no file"),
    "a socket": (lambda path: os.mknod(path, 0o140644), False, "cannot be used"),
}


@pytest.mark.parametrize(("make", "is_held", "said"), LOCKS.values(), ids=LOCKS)
def test_what_lies_in_the_place_of_the_lock_is_told_and_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], is_held: bool, said: str | None
) -> None:
    monkeypatch.setattr(lock, "SILENCE", 90.0)
    root = tmp_path / "run"
    root.mkdir()
    make(root / LOCK)
    before = sorted((path.name, path.lstat().st_size) for path in tmp_path.rglob("*") if path.name != "run")
    assert (holder_of(root) is not None) is is_held
    if said is None:
        monkeypatch.setattr(lock, "SILENCE", 0.01)
        with run_lock(root, lambda text: None):
            holder = holder_of(root)
            assert holder is not None
            assert holder.pid == os.getpid()
        assert list(root.iterdir()) == []
        return
    with pytest.raises(UserError, match=said) as caught, run_lock(root, lambda text: None):
        pass
    assert str(root / LOCK) in caught.value.problem
    assert sorted((path.name, path.lstat().st_size) for path in tmp_path.rglob("*") if path.name != "run") == before


FOLDERS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "below a file": (lambda path: (path / "a").write_text("x") and path / "a" / "run", "Not a directory"),
    "a name too long": (lambda path: path / ("n" * 300), "File name too long"),
    "a path too long": (lambda path: path / ("n/" * 3000), "File name too long"),
    "a link to nowhere": (lambda path: (path / "a").symlink_to("no") or path / "a", "is a link"),
    "a pipe": (lambda path: os.mkfifo(path / "a") or path / "a", "exists"),
    "of the kernel": (lambda path: Path("/proc/run"), "cannot be used"),
}


@pytest.mark.parametrize(("make", "said"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_that_cannot_be_is_named(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    root = make(tmp_path)
    with pytest.raises(UserError, match=said) as caught, run_lock(root, lambda text: None):
        pass
    assert caught.value.reference == "run-folder"


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EACCES, "permission is denied"), (errno.EROFS, "the folder is read-only"), (errno.ENOSPC, "disk is full")],
    ids=["of another user", "on a read-only disk", "on a full disk"],
)
def test_a_folder_where_nothing_can_be_written_is_named(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    """Refused by a stand-in for the system: modes of files say nothing to root."""
    real = os.open

    def refuse(path: Path, *rest: object) -> int:
        if Path(path).name == LOCK:
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path / "run")
    assert result.exit_code == 2
    assert said in result.stderr
    assert str(tmp_path / "run" / LOCK) in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def running(_preloaded: None, tiny_recipe: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A training under way in `tmp_path / "run"`."""
    options = ["--run", str(tmp_path / "run"), "-s", "train_cls.epochs=100000"]
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "puzzlecam_cli", "train-cls", str(tiny_recipe), *options]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    metrics, end = tmp_path / "run" / "train-cls" / "metrics.jsonl", time.monotonic() + 100
    while not (metrics.exists() and metrics.stat().st_size):
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


def test_status_says_running_while_it_runs_and_interrupted_when_it_was_killed(
    running: subprocess.Popen[bytes], tiny_recipe: Path, tmp_path: Path
) -> None:
    def state() -> str:
        return status_of(tiny_recipe, tmp_path / "run", changes=["train_cls.epochs=100000"])[0].state

    assert state() == "running"
    holder = holder_of(tmp_path / "run")
    assert holder is not None
    assert holder.pid == running.pid
    assert holder.command.startswith("puzzlecam train-cls")
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert (tmp_path / "run" / LOCK).exists()
    assert state() == "interrupted"
