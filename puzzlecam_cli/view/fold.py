"""From events to a snapshot, one after the other.

Nothing here reads a clock or a file: the same events give the same snapshot, live, elsewhere and in tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from puzzlecam_cli.events import (
    Doing,
    Event,
    Figure,
    Machine,
    Metric,
    Note,
    Pace,
    Progress,
    RunEnded,
    RunStarted,
    StageEnded,
    StageKept,
    StageStarted,
)
from puzzlecam_cli.view.snapshot import NOTES, START, Count, Curve, Snapshot, Stage


def fold(events: Iterable[tuple[float, Event]], snapshot: Snapshot | None = None) -> Snapshot:
    """The snapshot after events, each with its time in seconds since 1970."""
    snapshot = snapshot or Snapshot()
    for at, event in events:
        snapshot = after(snapshot, at, event)
    return snapshot


def caught_up(events: Sequence[tuple[float, Event]]) -> Snapshot:
    """The same from the beginning, in a fraction of the time: of stages before the last, how they went is left out."""
    last = max((number for number, (_, event) in enumerate(events) if isinstance(event, StageStarted)), default=0)
    return fold(events[last:], fold(_condensed(events[:last])))


def _condensed(events: Iterable[tuple[float, Event]]) -> Iterator[tuple[float, Event]]:
    """Of reports that follow one another, the last of each kind and task."""
    held: dict[object, tuple[float, Event]] = {}
    for at, event in events:
        if isinstance(event, Progress | Metric | Pace):
            held[type(event), getattr(event, "unit", "") != "steps" and getattr(event, "task", "")] = at, event
        else:
            yield from held.values()
            held.clear()
            yield at, event
    yield from held.values()


def after(before: Snapshot, at: float, event: Event) -> Snapshot:
    """The snapshot after one more event."""
    now = replace(before, began=at if before.began is None else before.began, seen=max(at, before.seen))
    match event:
        case RunStarted():
            return _begun(before, at, event)
        case Machine(device, processes):
            return replace(now, machine=device if processes == 1 else f"{processes} × {device}")
        case StageStarted(stage, because):
            now = replace(now, stages=tuple(one for one in now.stages if one.name != START))
            return replace(_put(now, Stage(stage, "runs", because, began=at)), current=stage, **UNTRAINED)
        case StageKept(stage, because):
            return _put(now, replace(_stage(now, stage, at), state="kept", because=because))
        case Doing(stage, what):
            doing = replace(_finished(now, _stage(now, stage, at)), doing=what, doing_since=at)
            return replace(_put(now, doing), **UNTRAINED)
        case Progress():
            return _put(now, _counted(now, _stage(now, event.stage, at), event, at))
        case Metric(_, _, values):
            return _measured(now, values)
        case Pace():
            return replace(now, pace=event)
        case Figure(stage, text):
            return _put(now, replace(_stage(now, stage, at), figure=text))
        case Note(stage, text):
            return replace(now, notes=(*now.notes, (at, text if stage == "run" else f"{stage}: {text}"))[-NOTES:])
        case StageEnded(stage, state, seconds):
            ended = _ended(now, _stage(now, stage, at), state, seconds)
            return replace(_put(now, ended), current="", **UNTRAINED)
        case RunEnded(state, reason):
            stages = [_ended(now, one, state, None) if one.state == "runs" else one for one in now.stages]
            stages = [one for one in stages if one.name != START or state != "done"]
            return replace(now, stages=tuple(stages), current="", ended=state, reason=reason, **UNTRAINED)


UNTRAINED: dict[str, Any] = {"curves": (), "schedule": (), "pace": None}


def _begun(before: Snapshot, at: float, event: RunStarted) -> Snapshot:
    """A command begins: of earlier ones in the same folder it is known what finished stages took."""
    is_same = before.folder == event.folder
    made = {one.name: one for one in before.stages if is_same and one.state in ("done", "kept")}
    waiting = (replace(made.get(name, Stage(name)), state="waits", because="") for name in event.stages)
    return Snapshot(event.recipe, event.folder, event.command, event.place, stages=tuple(waiting), began=at, seen=at)


def _stage(now: Snapshot, name: str, at: float) -> Stage:
    """A stage, in whose name something happens; what is of none is of the one that runs, else of the start."""
    known = now.stage(name) or now.running or now.stage(START)
    return known or Stage(START, "runs", began=now.began if now.began is not None else at)


def _put(now: Snapshot, stage: Stage) -> Snapshot:
    """The snapshot with a stage as it is now; one that is new comes last, the start first."""
    stages = tuple(stage if one.name == stage.name else one for one in now.stages)
    if now.stage(stage.name) is None:
        stages = (stage, *stages) if stage.name == START else (*stages, stage)
    return replace(now, stages=stages, current=stage.name if stage.state == "runs" else now.current)


def _counted(now: Snapshot, stage: Stage, event: Progress, at: float) -> Stage:
    last, unit, total, done = stage.count, event.unit, event.total, event.done
    if last and unit == "tiles":  # of one photo of many
        return replace(stage, doing=f"{event.task}: {done:,} of {total:,}", doing_since=at)
    if (
        last
        and (last.unit, last.total) == (unit, total)
        and done >= last.done
        and (unit == "steps" or last.task == event.task)
    ):
        return replace(stage, count=replace(last, task=event.task, done=done, seen=max(at, last.seen)), doing="")
    return replace(_finished(now, stage), count=Count(event.task, unit, done, total, done, at, at), doing="")


def _finished(now: Snapshot, stage: Stage, *, partly: bool = False) -> Stage:
    """The stage without its count, which was made where all of it is, or as well where it is done `partly`."""
    count = stage.count
    if count is None:
        return replace(stage, doing="")
    made = _in_words(count) if partly or count.done >= count.total else ()
    losses = [curve.last for curve in now.curves if curve.name == "loss" and count.unit == "steps"]
    figure = stage.figure or "".join(f"loss {loss:.3f}" for loss in losses)
    return replace(stage, count=None, doing="", made=(*stage.made, *made), figure=figure)


def _measured(now: Snapshot, values: dict[str, float]) -> Snapshot:
    """Losses are curves, and what the recipe sets over time is a number; the epoch is told with the steps."""
    known = {curve.name: curve for curve in now.curves}
    for name, value in values.items():
        if name not in ("epoch", "lr", "alpha"):
            known[name] = known.get(name, Curve(name, value)).add(value)
    schedule = tuple((name, values[name]) for name in ("lr", "alpha") if name in values)
    return replace(now, curves=tuple(known.values()), schedule=schedule)


def _ended(now: Snapshot, stage: Stage, state: str, seconds: float | None) -> Stage:
    """A stage at its end. Without `seconds`, it took what lies between its events."""
    took = max(now.seen - stage.began, 0.0) if seconds is None and stage.began is not None else seconds
    return replace(_finished(now, stage, partly=True), state=state, seconds=took)


def _in_words(count: Count) -> tuple[str, ...]:
    """What was made of a task: `24 maps`, `3 epochs`; nothing of what is only looked through."""
    is_whole = count.done >= count.total
    if count.unit == "steps":
        epoch = re.fullmatch(r"epoch (\d+)/(\d+)", count.task)
        if epoch is None or not is_whole:
            return (count.task,)
        return (f"{epoch[2]} epoch{'s' * (epoch[2] != '1')}",)
    if count.unit != "images" or re.match(r"\w+ing\b", count.task):
        return ()
    return (f"{count.total:,} {count.task}" if is_whole else f"{count.done:,} of {count.total:,} {count.task}",)
