"""What happens in a run, as frozen facts: the work emits them, the views draw them, `events.jsonl` keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, get_args


@dataclass(frozen=True)
class RunStarted:
    """A command begins to work on a run folder; `stages` are all it will look at, in order."""

    recipe: str
    folder: str
    stages: tuple[str, ...]


@dataclass(frozen=True)
class StageStarted:
    stage: str
    because: str


@dataclass(frozen=True)
class StageKept:
    """The stage's artifacts are up to date."""

    stage: str
    because: str


@dataclass(frozen=True)
class Progress:
    """`done` of `total` items (`unit`: images, steps) of `task`, a part of `stage`, are finished."""

    stage: str
    task: str
    done: int
    total: int
    unit: str = "images"


@dataclass(frozen=True)
class Metric:
    """Values of one training step, as they stand in `metrics.jsonl`."""

    stage: str
    step: int
    values: dict[str, float]


@dataclass(frozen=True)
class Note:
    """A sentence worth reading."""

    stage: str
    text: str


@dataclass(frozen=True)
class HowItFits(Note):
    """How a batch is computed that does not fit into memory at once."""


@dataclass(frozen=True)
class StageEnded:
    stage: str
    state: str  # done, failed or interrupted
    seconds: float


Event = RunStarted | StageStarted | StageKept | Progress | Metric | Note | HowItFits | StageEnded
Emit = Callable[[Event], None]


def as_record(event: Event) -> dict[str, Any]:
    """An event as JSON can hold it: its kind under `event`, then its values."""
    return {"event": type(event).__name__} | asdict(event)


def from_record(record: dict[str, Any]) -> Event:
    """The event that `as_record` wrote, after its way through JSON."""
    kinds = {kind.__name__: kind for kind in get_args(Event)}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    return kinds[values.pop("event")](**values)  # type: ignore[no-any-return]
