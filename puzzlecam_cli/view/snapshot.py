"""What is known of a run at a moment: a frozen snapshot, which `view.fold` makes of events and `view.drawing` draws."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean

from puzzlecam_cli.events import Pace

START = "start"  # what comes before the first stage, shown as one
POINTS = 240  # of a curve, at most; of a longer one, neighbours are averaged
NOTES = 30  # that are kept


@dataclass(frozen=True)
class Count:
    """What is counted of a task; the rate is that of all reports since the first."""

    task: str
    unit: str
    done: int
    total: int
    first: int
    since: float  # the time of the first report
    seen: float  # and of the last

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0

    @property
    def rate(self) -> float | None:
        """Items a second; None before the second report."""
        return (self.done - self.first) / (self.seen - self.since) if self.seen > self.since else None

    @property
    def end(self) -> float | None:
        """When all will be done, if it goes on at this rate; None where that is not known, or is over."""
        return self.seen + (self.total - self.done) / self.rate if self.rate and self.done < self.total else None


@dataclass(frozen=True)
class Curve:
    """A value over time.

    Args:
        each: logged values that a point is the mean of.
        pending: those that make no point yet.
    """

    name: str
    last: float
    points: tuple[float, ...] = ()
    each: int = 1
    pending: tuple[float, ...] = ()

    def add(self, value: float) -> Curve:
        if not math.isfinite(value):
            return replace(self, last=value)
        pending = (*self.pending, value)
        if len(pending) < self.each:
            return replace(self, last=value, pending=pending)
        points = (*self.points, fmean(pending))
        if len(points) < POINTS:
            return replace(self, last=value, points=points, pending=())
        halved = tuple(map(fmean, zip(points[::2], points[1::2], strict=False)))
        return replace(self, last=value, points=halved, each=2 * self.each, pending=())


@dataclass(frozen=True)
class Stage:
    """A stage as it is now.

    Args:
        state: waits, runs, kept, done, failed or interrupted.
        because: why it runs or is kept.
        began: when; None before that.
        seconds: that it took; of a stage that is kept, when it was made, where that is known.
        doing, doing_since: what is done and cannot be counted.
        made: what was finished of it, in words.
        figure: what it came to.
    """

    name: str
    state: str = "waits"
    because: str = ""
    began: float | None = None
    seconds: float | None = None
    doing: str = ""
    doing_since: float = 0.0
    count: Count | None = None
    made: tuple[str, ...] = ()
    figure: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A run as its events tell of it.

    Args:
        current: the stage that runs now, `START` before the first; empty between two, and at the end.
        curves, schedule, pace: of the training that runs now.
        notes: (time, text) of the last ones.
        began: when the last command began, by its first event; None: nothing has happened.
        seen: the time of the last event.
        ended: how the last command ended, see `RunEnded`; empty: it has not, or was killed.
    """

    recipe: str = ""
    folder: str = ""
    command: str = ""
    place: str = ""
    machine: str = ""
    stages: tuple[Stage, ...] = ()
    current: str = ""
    curves: tuple[Curve, ...] = ()
    schedule: tuple[tuple[str, float], ...] = ()
    pace: Pace | None = None
    notes: tuple[tuple[float, str], ...] = ()
    began: float | None = None
    seen: float = 0.0
    ended: str = ""
    reason: str = ""

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def running(self) -> Stage | None:
        return self.stage(self.current)
