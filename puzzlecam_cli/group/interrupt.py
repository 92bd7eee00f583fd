"""Ctrl-C and SIGTERM ask the work to stop where nothing is lost.

The work looks between two steps or photos whether it was asked. If that takes longer than `PATIENCE`, it is stopped
where it is: files appear whole or not at all, so no more is lost than what came after the last checkpoint.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 8.0  # seconds
_asked = False


@contextmanager
def gentle_stop() -> Iterator[None]:
    """Note the first SIGINT or SIGTERM while the block runs; a SIGINT after it raises KeyboardInterrupt at once.

    A second SIGTERM does not: schedulers send it to every process, and launchers pass it on once more.
    """
    global _asked
    _asked = False
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _: FrameType | None) -> None:
        global _asked
        if number == signal.SIGALRM or (_asked and number == signal.SIGINT):
            raise KeyboardInterrupt
        if not _asked:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        _asked = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    try:
        yield
    finally:
        alarm = before.pop(signal.SIGALRM)
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.setitimer(signal.ITIMER_REAL, 0)  # after those that set it
        signal.signal(signal.SIGALRM, alarm)
        _asked = False


def stop_asked() -> bool:
    return _asked


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt if somebody asked to stop; for what is tidied up then, there is patience again."""
    if _asked:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt


def reporting(tell: Callable[[int, int], None], seconds: float) -> Callable[[int, int], None]:
    """A function of (done, total) that tells of the first and the last item, and of others every so many seconds.

    It is called after each item, when its file is whole: where an interrupt is noticed.
    """
    last = -math.inf

    def report(done: int, total: int) -> None:
        nonlocal last
        stop_if_asked()
        if done == total or time.monotonic() - last >= seconds:
            last = time.monotonic()
            tell(done, total)

    return report


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back from processes started in the block, until they call `follow_parent`.

    Ctrl-C reaches all processes of a terminal, and schedulers send SIGTERM to all processes of a job.
    """
    numbers = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def follow_parent(parent: int) -> None:
    """For worker processes: leave signals to the parent, and end when it does, however it ends.

    SIGTERM ends a worker some time later all the same: Python's pools send it when another of their workers was killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(2 * int(PATIENCE)))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
