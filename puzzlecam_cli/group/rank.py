"""A process of a group, as its parent sees it: it reports events and failures, and ends when its parent does."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Event, as_record
from puzzlecam_cli.group.environment import place

REPORTS = "PUZZLECAM_REPORTS"
LIFELINE = "PUZZLECAM_LIFELINE"
FAILED = "failed"


class Parent:
    """The parent of this process, at the other end of two pipes.

    Reports are JSON lines: an event, or when it `FAILED`, as soon as an error is known, so that the parent can tell the
    first failure from those that follow it. Nothing is ever written to the lifeline: it ends with the parent.
    """

    def __init__(self, reports: int, lifeline: int):
        self._reports = open(reports, "w", buffering=1, encoding="utf-8")  # noqa: SIM115
        Thread(target=_end_with, args=(lifeline,), name="lifeline", daemon=True).start()

    def emit(self, event: Event) -> None:
        self._write(as_record(event))

    @contextmanager
    def reporting_failure(self) -> Iterator[None]:
        """Report an error that leaves the block, at once."""
        try:
            yield
        except Exception:
            self._write({FAILED: time.monotonic()})  # one clock for all processes of a machine
            raise

    def _write(self, record: dict[str, Any]) -> None:
        self._reports.write(json.dumps(record) + "\n")


def is_rank() -> bool:
    """Whether this process is one of several, and not the one that shows the results.

    Raises:
        UserError: the environment says what cannot be.
    """
    return REPORTS in os.environ or place().rank > 0


def find_parent() -> Parent | None:
    """The parent that started this process as one of a group; None if a shell or another launcher did.

    Raises:
        UserError: the variables with its pipes were set by somebody else.
    """
    if REPORTS not in os.environ and LIFELINE not in os.environ:
        return None
    reports, lifeline = (_pipe(name) for name in (REPORTS, LIFELINE))
    del os.environ[REPORTS], os.environ[LIFELINE]
    return Parent(reports, lifeline)


def _pipe(name: str) -> int:
    """The pipe a variable names. It has to be one, and we the head of a process group: that is killed at its end."""
    text = os.environ.get(name, "")
    try:
        number = int(text)
        is_ours = number > 2 and stat.S_ISFIFO(os.fstat(number).st_mode) and os.getpgrp() == os.getpid()
    except (ValueError, OverflowError, OSError):
        is_ours = False
    if not is_ours:
        raise UserError(
            "environment",
            f"the environment variable {name} is `{text}`, which is no pipe of a parent's",
            hint=f"puzzlecam sets {REPORTS} and {LIFELINE} for processes that it starts: unset both",
        )
    return number


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)  # the parent made this process the head of a group: its workers end too
