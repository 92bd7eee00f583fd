"""The parent's watch over its group: it takes in events and failures, and passes signals on."""

from __future__ import annotations

import json
import math
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from puzzlecam_cli.errors import UserError, printable
from puzzlecam_cli.events import Emit, from_record
from puzzlecam_cli.group.rank import FAILED

TICK = 0.1  # seconds between two looks at the processes
PATIENCE = 10.0  # seconds that the others are given to end when one has
SHOWN = 60  # of the last lines that a failed process printed
READ = 1 << 18  # bytes at the end of what it printed
INTERRUPTED = 130


class RankFailed(Exception):  # noqa: N818
    """A process of a group failed. Its text is for the user to read; `exit_code` is 2 if the user can mend it."""

    def __init__(self, text: str, exit_code: int):
        super().__init__(text, exit_code)
        self.text, self.exit_code = text, exit_code

    def __str__(self) -> str:
        return self.text


@dataclass
class Rank:
    """A process of the group."""

    title: str
    process: subprocess.Popen[bytes]
    reports: int  # the end of its pipe that we read
    log: Path  # all it printed
    is_open: bool = True
    _unread: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        os.set_blocking(self.reports, False)

    def read(self) -> list[dict[str, Any]]:
        """Its reports since the last call; does not wait."""
        with suppress(BlockingIOError):
            while chunk := os.read(self.reports, 1 << 16):
                self._unread += chunk
            self.is_open = False
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """End it and its workers at once."""
        with suppress(ProcessLookupError, PermissionError):  # it is gone already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.reports >= 0:
            os.close(self.reports)
            self.reports = -1


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """The SIGINTs and SIGTERMs that come while the block runs, in order; they are only noted."""
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda n, _: caught.append(n)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watch(ranks: Sequence[Rank], signals: Sequence[int], emit: Emit) -> None:
    """Wait until all processes have ended; pass their events to `emit`, and the first signal to them.

    Raises:
        RankFailed: a process failed; all were ended as soon as it had said why.
        KeyboardInterrupt: they stopped because they were asked to, or a second signal came.
    """
    passed_on, deadline, failed_at = 0, math.inf, math.inf
    reported: Rank | None = None  # the first that knew of an error
    while True:
        with suppress(InterruptedError):
            select.select([rank.reports for rank in ranks if rank.is_open], [], [], TICK)
        codes = [rank.process.poll() for rank in ranks]  # first: all that ended processes reported is read below
        for rank in ranks:
            for record in rank.read() if rank.is_open else ():
                if FAILED not in record:
                    emit(from_record(record))
                elif record[FAILED] < failed_at:
                    reported, failed_at = rank, record[FAILED]
        if len(signals) > passed_on:
            if not passed_on:
                for rank in ranks:
                    rank.process.send_signal(signals[0])
            elif signal.SIGINT in signals[passed_on:]:  # schedulers may repeat SIGTERM
                raise KeyboardInterrupt
            passed_on = len(signals)
        if passed_on or INTERRUPTED in codes:
            if any(code is not None for code in codes):
                deadline = min(deadline, time.monotonic() + PATIENCE)
        elif first := _first_failed(ranks, codes, reported):
            raise _failure(first, ranks)
        if None not in codes or time.monotonic() > deadline:
            break
    if reported and reported.process.poll() == 2:
        raise _failure(reported, ranks)
    if any(codes) or None in codes:
        raise KeyboardInterrupt


def _first_failed(ranks: Sequence[Rank], codes: Sequence[int | None], reported: Rank | None) -> Rank | None:
    """The rank where the failure seems to have begun: one that was killed, else the first to report, else any."""
    failed = [rank for rank, code in zip(ranks, codes, strict=True) if code]
    return next(iter([*_killed(ranks), *([reported] if reported else []), *failed]), None)


def _killed(ranks: Sequence[Rank]) -> list[Rank]:
    """Ranks that a signal ended. NCCL aborts those that have lost another one: that they aborted says nothing."""
    codes = [(rank, rank.process.poll()) for rank in ranks]
    return [rank for rank, code in codes if code and code < 0 and code != -signal.SIGABRT]


def _failure(first: Rank, ranks: Sequence[Rank]) -> RankFailed:
    """What the first process that failed has to say; all are ended."""
    with suppress(subprocess.TimeoutExpired):
        first.process.wait(PATIENCE)
    code = first.process.poll()
    if code != 2 and (killed := _killed(ranks)):
        # the others lose their connection to one that is killed, and report that before it counts as ended
        first, code = killed[0], killed[0].process.poll()
    for rank in ranks:
        rank.kill()
    lines = _lines(first.log)
    message = max((number for number, line in enumerate(lines) if line.startswith("error: ")), default=None)
    if message is not None and code in (None, 2):
        return RankFailed("\n".join(lines[message:]), 2)
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = "the system sends SIGKILL when memory runs out; the same command continues"
        return RankFailed(str(UserError("rank-killed", f"{first.title} was ended by {name}", hint=hint)), 1)
    return RankFailed("\n".join([f"{first.title} failed:", *lines[-SHOWN:]]), 2 if code == 2 else 1)


def _lines(log: Path) -> list[str]:
    """The end of what a process printed. It may quote data, and be long."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - READ))
        return [printable(line) for line in file.read().decode("utf-8", errors="replace").split("\n")[:-1]]
