"""One run at a time in a folder.

The lock is the operating system's: a record lock (`fcntl.lockf`) on `run.lock`. The kernel releases it when its
process ends, however it ends, so on one machine a lock is never stale. Network folders (NFS, Lustre, GPFS) share record
locks between machines, and unlike those of `flock` they are not inherited by forked workers. They belong to the
process: closing any handle of the file releases the lock, so the process that holds it must not open it again.

A note in the file says who holds it. Some network folders have no locks, or only between processes of one machine.
So the holder also gives signs of life: it sets the file's time every `BEAT` seconds. A note from another machine is
stale after `SILENCE` seconds without one, which are counted while watching: clocks need not agree.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group.interrupt import stop_if_asked

LOCK = "run.lock"
BEAT = 10.0  # seconds between two signs of life
BEGIN = b'{"pid": '  # of every note
SILENCE = 90.0  # NFS may show a file's time up to 60 seconds late
WRONG_KINDS = {
    *(errno.EEXIST, errno.EISDIR, errno.ENOENT, errno.ENOTDIR, errno.ENXIO),
    *(errno.ELOOP, errno.ENAMETOOLONG),
}


@dataclass(frozen=True)
class Holder:
    """The process that works on a run."""

    pid: int
    host: str
    started: str
    command: str
    born: str | None  # the kernel's own start time of the process: pids are used again


@contextmanager
def run_lock(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the run folder while the block runs. It is made if it is not there, and removed if it stayed empty.

    Args:
        say: is told why this takes time, if it does.

    Raises:
        UserError: another process holds it, or the folder or the lock's file is not what it should be.
    """
    path = root / LOCK
    made: list[Path] = []
    try:
        with _naming(root):
            made += [path for path in (root, *root.parents) if not path.exists()]
            root.mkdir(parents=True, exist_ok=True)
        file = _acquire(path, say)
        over = Event()
        Thread(target=_beat, args=(path, over), name="heartbeat", daemon=True).start()
        try:
            yield
        finally:
            over.set()
            with suppress(OSError):
                path.unlink()  # before the lock is given up: who waits for this very file sees it is gone
            os.close(file)
    finally:
        with suppress(OSError):
            for parent in made:
                parent.rmdir()


def holder_of(root: Path) -> Holder | None:
    """Who seems to work in a run folder now, without taking its lock; on another machine, by its signs of life."""
    left = left_by(root)
    return left[0] if left is not None and left[1] else None


def left_by(root: Path) -> tuple[Holder, bool] | None:
    """Who left the note in a run folder's lock, and whether he seems to work there now; None where there is none."""
    path = root / LOCK
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode) or (holder := _read(file)) is None:
            return None
        age = time.time() - os.fstat(file).st_mtime
    finally:
        os.close(file)
    return holder, _lives(holder) if holder.host == socket.gethostname() else age < SILENCE


def check_free(root: Path) -> None:
    """Whether nobody seems to work in a run folder now, without taking its lock.

    Raises:
        UserError: somebody does.
    """
    if (holder := holder_of(root)) is not None:
        raise _refusal(holder, root / LOCK)


def _acquire(path: Path, say: Callable[[str], None]) -> int:
    """The open lock file with our note in it."""
    while True:
        with _naming(path):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        try:
            _check_ours(file, path)
            is_kernels = _lock(file)
            holder = _read(file)
            if is_kernels is False or (holder and _is_alive(holder, path, has_lock=is_kernels is True, say=say)):
                raise _refusal(holder, path)
            if not _is_same_file(file, path):  # its holder was just about to end
                os.close(file)
                continue
            note = Holder(os.getpid(), socket.gethostname(), _now(), _command(), _born(os.getpid()))
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps(asdict(note)).encode(), 0)
        except BaseException:
            os.close(file)
            raise
        return file


def _lock(file: int) -> bool | None:
    """Whether we got the lock; None if this folder has none."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file or folder is not what it should be, and why. What is wrong with the disk is told elsewhere."""
    try:
        yield
    except OSError as error:
        if error.errno not in WRONG_KINDS:
            raise
        is_link = os.path.islink(path)  # noqa: PTH114 - that of `Path` raises where a name is too long
        reason = "is a link, which is not followed" if is_link else f"cannot be used: {error.strerror}"
        raise UserError("run-folder", f"{path} {reason}", hint="mend it, or name another folder with --run") from None


def _check_ours(file: int, path: Path) -> None:
    """Whether a file may be overwritten: it is empty or a note of ours, be it one cut short.

    Raises:
        UserError: somebody else wrote it, or it is no file.
    """
    is_file = stat.S_ISREG(os.fstat(file).st_mode)
    begin = os.pread(file, len(BEGIN), 0) if is_file else b""
    if not is_file or not BEGIN.startswith(begin):
        problem = "is no lock of a run" if is_file else "is no file"
        raise UserError("run-folder", f"{path} {problem}", hint="move it away, or name another folder with --run")


def _read(file: int) -> Holder | None:
    """The note in a lock; None if it is empty or makes no sense, for example because its writer was killed."""
    try:
        note = json.loads(os.pread(file, 1 << 16, 0))
        texts = [note[name] for name in ("host", "started", "command")]
        is_note = isinstance(note["pid"], int) and 0 < note["pid"] < 1 << 31 and isinstance(note["born"], str | None)
        return Holder(**note) if is_note and all(isinstance(text, str) for text in texts) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _is_alive(holder: Holder, path: Path, has_lock: bool, say: Callable[[str], None]) -> bool:
    """Whether the process of a note still works; of one on another machine, time must show it."""
    if holder.host == socket.gethostname():
        return not has_lock and _lives(holder)
    say(f"{path} was left by process {holder.pid} on {holder.host}: watching for {SILENCE:.0f} s whether it lives")
    before, end = _time_of(path), time.monotonic() + SILENCE
    while time.monotonic() < end:
        stop_if_asked()
        time.sleep(min(1.0, SILENCE / 10))
        if _time_of(path) not in (before, None):
            return True
    return False


def _beat(path: Path, over: Event) -> None:
    while not over.wait(BEAT):
        with suppress(OSError):
            os.utime(path)


def _time_of(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _is_same_file(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _lives(holder: Holder) -> bool:
    """Whether the process of a note of this machine is there; without /proc, whether any has its number."""
    if holder.born is not None:
        return _born(holder.pid) == holder.born
    try:
        os.kill(holder.pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


def _born(pid: int) -> str | None:
    """When a process began, in the kernel's own count; None if there is none, or no /proc to ask."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else fields[18]  # field 22 of proc(5)


def _refusal(holder: Holder | None, path: Path) -> UserError:
    if holder is None:
        return UserError(
            "run-locked", f"another process works in {path.parent}", hint="wait for it, or use another --run"
        )
    problem = f"process {holder.pid} on {holder.host} works in {path.parent}"
    where = (f"since {holder.started}", holder.command)
    hint = f"wait for it, stop it (kill {holder.pid}), or use another --run"
    if holder.host != socket.gethostname():
        hint += f"; if {holder.host} is gone, delete {path}"
    return UserError("run-locked", problem, where, hint)


def _now() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")


def _command() -> str:
    return shlex.join(["puzzlecam", *sys.argv[1:]])


def typed() -> str:
    """The command of this process, as it would be typed again; empty where a script or a notebook calls us."""
    program = Path(sys.argv[0])
    is_ours = program.name == "puzzlecam" or program.parts[-2:] == ("puzzlecam_cli", "__main__.py")
    return _command() if is_ours else ""


def here() -> str:
    """The folder that it was typed in; empty where that is gone."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""
