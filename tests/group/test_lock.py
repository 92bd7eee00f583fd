"""One run at a time in a folder: who holds it is named, and who is gone holds nothing."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import Result

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group import lock
from puzzlecam_cli.group.lock import Holder, run_lock

Run = Callable[..., Result]
HOLD = """
import sys, time
from pathlib import Path
from puzzlecam_cli.group.lock import run_lock
with run_lock(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works in `tmp_path`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def leave_note(folder: Path, **changes: object) -> Holder:
    """A note of a process that is gone."""
    note = Holder(2**22 + 1, socket.gethostname(), "2024-05-01 10:00:00+00:00", "puzzlecam seg voc_resnet50", "1")
    note = Holder(**asdict(note) | changes)  # type: ignore[arg-type]
    (folder / "run.lock").write_text(json.dumps(asdict(note)))
    return note


def taken(folder: Path) -> bool:
    """Whether the lock can be taken; then the note names us while it is held, and nothing stays."""
    with run_lock(folder, lambda text: None):
        assert json.loads((folder / "run.lock").read_text())["pid"] == os.getpid()
    return not (folder / "run.lock").exists()


@pytest.mark.parametrize("command", [["run-all"], ["train-cls"], ["eval"], ["ablate", "--seeds", "0"]], ids=" ".join)
def test_a_second_run_in_the_folder_is_refused_and_told_who_is_there(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, holder: subprocess.Popen[str], command: list[str]
) -> None:
    result = puzzlecam(command[0], tiny_recipe, *command[1:], "--run", tmp_path)
    assert result.exit_code == 2
    for word in ("error: run-locked", f"process {holder.pid} on {socket.gethostname()}", "since 2", str(tmp_path)):
        assert word in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]


def test_looking_needs_no_lock(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    assert holder.poll() is None
    assert puzzlecam("status", tiny_recipe, "--run", tmp_path).exit_code == 0
    assert puzzlecam("run-all", tiny_recipe, "--run", tmp_path, "--plan").exit_code == 0


def test_a_killed_holder_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "run.lock").exists()
    assert taken(tmp_path)


@pytest.mark.parametrize("content", ["", "{", '{"pid": 3}', '{"pid": 3, "ho'])
def test_a_note_cut_short_by_a_kill_holds_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.lock").write_text(content)
    assert taken(tmp_path)


def test_a_pid_that_belongs_to_another_process_by_now_holds_nothing(tmp_path: Path) -> None:
    leave_note(tmp_path, pid=os.getppid())
    assert taken(tmp_path)


@pytest.fixture
def _folder_without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", unsupported)


@pytest.mark.usefixtures("_folder_without_locks")
def test_where_folders_have_no_locks_the_note_decides(tmp_path: Path) -> None:
    leave_note(tmp_path)
    assert taken(tmp_path)
    leave_note(tmp_path, pid=os.getppid())  # not the process that wrote the note: it began at another time
    assert taken(tmp_path)
    leave_note(tmp_path, pid=os.getppid(), born=lock._born(os.getppid()))
    with pytest.raises(UserError, match=f"process {os.getppid()} on"):
        taken(tmp_path)


def test_another_machines_note_counts_while_it_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.02)
    monkeypatch.setattr(lock, "SILENCE", 10.0)
    leave_note(tmp_path, host="node7")
    over = threading.Event()
    thread = threading.Thread(target=lock._beat, args=(tmp_path / "run.lock", over))
    thread.start()
    said: list[str] = []
    try:
        with pytest.raises(UserError) as error, run_lock((tmp_path), said.append):
            pass
    finally:
        over.set()
        thread.join()
    assert error.value.hint is not None
    assert f"if node7 is gone, delete {tmp_path / 'run.lock'}" in error.value.hint
    assert len(said) == 1
    assert "watching for 10 s" in said[0]


def test_another_machines_note_without_signs_of_life_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "SILENCE", 0.2)
    leave_note(tmp_path, host="node7")
    assert taken(tmp_path)


def test_the_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.01)
    path = tmp_path / "run.lock"
    with run_lock((tmp_path), lambda text: None):
        os.utime(path, (0, 0))
        while path.stat().st_mtime == 0:
            threading.Event().wait(0.01)
    assert not path.exists()


def test_a_folder_made_for_nothing_goes_again(tmp_path: Path) -> None:
    root = tmp_path / "runs" / "new"
    with pytest.raises(ZeroDivisionError), run_lock((root), lambda text: None):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with run_lock((root), lambda text: None):
        (root / "run.json").touch()
    assert [path.name for path in root.iterdir()] == ["run.json"]


def test_a_lock_file_deleted_by_its_holder_is_not_mistaken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder ends between our opening of its file and our locking of it."""
    path, real, files = tmp_path / "run.lock", lock._lock, []
    path.touch()

    def lock_late(file: int) -> bool | None:
        if not files:
            path.unlink()
        files.append(os.fstat(file).st_ino)
        return real(file)

    monkeypatch.setattr(lock, "_lock", lock_late)
    assert taken(tmp_path)
    assert len(files) == 2
