"""Worker processes leave signals to their parent, and end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from puzzlecam_cli.engine.pool import map_unordered
from puzzlecam_cli.group.interrupt import follow_parent, signals_held_back

POOL = """
import sys
from pathlib import Path
from puzzlecam_cli.engine.pool import map_unordered
from tests.engine.test_workers import say_and_sleep
if __name__ == "__main__":
    list(map_unordered(say_and_sleep, [Path(sys.argv[1])] * 2, 2))
"""


def say_and_sleep(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(120)


def end_self(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_the_death_of_a_worker_ends_the_work_and_the_other_workers() -> None:
    """Memory that runs out looks like this. A pool waits for the others, which must not ignore its SIGTERM."""
    with pytest.raises(BrokenProcessPool):
        list(map_unordered(end_self, range(40), 2))


def end_all(_: bytes) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_death_of_all_workers_ends_the_work_while_a_process_that_loads_lives_on() -> None:
    """It would hold the pipe to the workers open, through which an item larger than the pipe is being sent."""
    loading: list[int] = []

    def items() -> Iterator[bytes]:
        loading.append(os.fork())  # as PyTorch's loading processes begin: with the first item
        if not loading[-1]:
            time.sleep(60)
            os._exit(0)
        yield from [bytes(1 << 20)] * 40

    with pytest.raises(BrokenProcessPool):
        list(map_unordered(end_all, items(), 2))
    assert os.waitpid(loading[0], os.WNOHANG) == (0, 0)
    os.kill(loading[0], signal.SIGKILL)
    os.waitpid(loading[0], 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_worker_goes_on_when_a_terminal_or_a_scheduler_signals_all_processes(number: signal.Signals) -> None:
    with signals_held_back():
        pid = os.fork()
        if not pid:
            os.kill(os.getpid(), number)  # before it has begun
            follow_parent(os.getppid())
            os.kill(os.getpid(), number)
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_signal_that_comes_while_workers_start_is_not_lost() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with signals_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            late = True
        assert late
    signal.signal(signal.SIGINT, before)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script, folder = tmp_path / "pool.py", tmp_path / "pids"
    script.write_text(POOL)
    folder.mkdir()
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(script), str(folder)], env=os.environ | {"PYTHONPATH": str(root)}, cwd=root
    )
    end = time.monotonic() + 100
    while len(pids := [int(path.name) for path in folder.iterdir()]) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    while any(map(is_there, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_there, pids))
