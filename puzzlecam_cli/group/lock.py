"""One run at a time in a folder.

The lock is the operating system's: a record lock (`fcntl.lockf`) on `run.lock`. The kernel takes it back when its
process ends, however it ends, so on one machine a lock is never stale. Record locks are also what network folders
(NFS, Lustre, GPFS) pass between machines, and unlike those of `flock` they are not inherited by forked workers. They
belong to the process: closing any handle of the file gives the lock up, so nothing else here may open it.

A note in the file says who holds it. Some network folders have no locks, or only between processes of one machine.
So the holder also gives a sign of life, the file's time, every `BEAT` seconds, and a note that another machine left
counts as stale after `SILENCE` seconds without one. They are counted while watching: clocks need not agree.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

from puzzlecam_cli.errors import UserError

LOCK = "run.lock"
BEAT = 10.0  # seconds between two signs of life
SILENCE = 90.0  # NFS may show a file's time up to 60 seconds late


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
    """Hold the run folder while the block runs; it is made if need be, and goes again if it stayed empty.

    Args:
        say: is told why this takes time, if it does.

    Raises:
        UserError: another process holds it.
    """
    made = [path for path in (root, *root.parents) if not path.exists()]
    root.mkdir(parents=True, exist_ok=True)
    try:
        path = root / LOCK
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
    """Who seems to work in a run folder now, without taking its lock; of another machine, by its signs of life."""
    path = root / LOCK
    try:
        holder = Holder(**json.loads(path.read_bytes()[: 1 << 16]))
        age = time.time() - path.stat().st_mtime
    except (OSError, ValueError, TypeError):
        return None
    is_here = holder.host == socket.gethostname()
    return holder if (_born(holder.pid) == holder.born if is_here else age < SILENCE) else None


def _acquire(path: Path, say: Callable[[str], None]) -> int:
    """The open lock file with our note in it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        try:
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


def _read(file: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(file, 1 << 16, 0)))
    except (ValueError, TypeError):  # empty, or its writer was killed in the middle
        return None


def _is_alive(holder: Holder, path: Path, has_lock: bool, say: Callable[[str], None]) -> bool:
    """Whether the process of a note still works; on another machine that shows in time."""
    if holder.host == socket.gethostname():
        return not has_lock and _born(holder.pid) == holder.born
    say(f"{path} was left by process {holder.pid} on {holder.host}: watching for {SILENCE:.0f} s whether it lives")
    before, end = _time_of(path), time.monotonic() + SILENCE
    while time.monotonic() < end:
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
