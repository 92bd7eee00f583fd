"""What became of each stage, how long it took, what it holds on disk, and what was noted meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.run.ledger import MACHINE, Record
from puzzlecam_cli.run.made import claimed
from puzzlecam_cli.run.pipeline import Stage, Step
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages import PIPELINE

LOOKED_AT = 300  # files of a step whose sizes are read, evenly out of all
STATES = ("running", "failed", "interrupted", "whole", "cleaned", "done")  # the first that a step has is the stage's
MOST_NOTES = 60
LONGEST_LINE = 1 << 16  # characters of an event; notes have some hundred


@dataclass(frozen=True)
class StageFact:
    """A stage as the ledger remembers it.

    Args:
        state: of the ledger; empty: it was not begun.
        seconds: of all its steps together.
        files: that it made, photo by photo.
        bytes: on disk; None: not known.
        is_about: whether `bytes` are reckoned from some of many files.
        versions, machine: it was made with.
    """

    name: str
    does: str
    state: str
    seconds: float
    files: int
    bytes: int | None
    is_about: bool
    ended: str | None
    versions: dict[str, str]
    machine: str | None


@dataclass(frozen=True)
class Noted:
    """A note, and how often it was made."""

    stage: str
    text: str
    times: int


def stage_facts(run: Run) -> tuple[StageFact, ...]:
    return tuple(_stage(run, stage) for stage in PIPELINE)


def _stage(run: Run, stage: Stage) -> StageFact:
    records = [(step, record) for step in stage.steps if (record := run.ledger.get(step.name)) is not None]
    states = {record.state for _, record in records}
    state = next((state for state in STATES if state in states), "")
    if state in ("done", "cleaned") and len(records) < len(stage.steps):
        state = "interrupted"
    last: Record | None = records[-1][1] if records else None
    sizes = [_bytes(run.folder.root, step, record) for step, record in records]
    return StageFact(
        name=stage.name,
        does=stage.does,
        state=state,
        seconds=sum(record.seconds for _, record in records),
        files=sum(record.files for step, record in records if step.each),
        bytes=sum(size for size, _ in sizes) if sizes else None,
        is_about=any(is_about for _, is_about in sizes),
        ended=last.ended if last else None,
        versions={name: value for name, value in last.versions.items() if name != MACHINE} if last else {},
        machine=last.versions.get(MACHINE) if last else None,
    )


def _bytes(root: Path, step: Step, record: Record) -> tuple[int, bool]:
    """What a step's files take on disk, and whether that is reckoned from some of them."""
    single = [root / name for name in step.files] + [path for pattern in step.traces for path in root.glob(pattern)]
    whole = sum(_size(path) for path in dict.fromkeys(single))
    names = claimed(root, step) or []
    if record.state == "cleaned" or not names:
        return whole, False
    every = -(-len(names) // LOOKED_AT)
    some = names[::every]
    return whole + round(sum(_size(root / name) for name in some) * len(names) / len(some)), every > 1


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def read_notes(events: Path) -> tuple[tuple[Noted, ...], str | None]:
    """The notes of all commands on a run, each once, in their order, and the name of the recipe of the first.

    Raises:
        OSError: the file cannot be read.
    """
    counts: dict[tuple[str, str], int] = {}
    recipe = None
    for record in _records(events):
        if record.get("event") == "RunStarted":
            recipe = recipe or str(record.get("recipe", ""))
            continue
        text = record.get("text")
        if isinstance(text, str):
            key = str(record.get("stage", "run")), text
            counts[key] = counts.get(key, 0) + 1
    notes = [Noted(stage, text, times) for (stage, text), times in counts.items()]
    return tuple(notes[-MOST_NOTES:]), recipe


def _records(events: Path) -> Iterator[dict[str, object]]:
    """Those events that tell something here: of thousands of others no line is parsed."""
    wanted = ('"event": "Note"', '"event": "HowItFits"', '"event": "RunStarted"')
    with events.open(encoding="utf-8", errors="replace") as file:
        while line := file.readline(LONGEST_LINE):
            if not any(kind in line[:120] for kind in wanted):
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record
