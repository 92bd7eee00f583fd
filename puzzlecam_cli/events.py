"""What happens in a run, as frozen facts: the work emits them, the views draw them, `events.jsonl` keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, get_args


@dataclass(frozen=True)
class RunStarted:
    """A command begins to work on a run folder.

    Args:
        stages: all it will look at, in order.
        command: what was typed; the same once more goes on where it stopped. Empty where it is not known.
        place: the folder that it was typed in.
    """

    recipe: str
    folder: str
    stages: tuple[str, ...]
    command: str = ""
    place: str = ""


@dataclass(frozen=True)
class Machine:
    """What a run computes on: `processes` of it work together."""

    device: str
    processes: int = 1


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
class Doing:
    """What is done now and cannot be counted, in words: `loading PyTorch`. The next event of the stage ends it."""

    stage: str
    what: str


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
class Pace:
    """How fast a stage went in the last seconds, and what it takes of the machine; None: not known.

    Args:
        images_per_second: of all processes together.
        data_wait: the share of the time, in [0, 1], that was spent waiting for photos to be loaded.
        gpu_memory, gpu_memory_total: bytes of the first GPU, whoever uses them.
        gpu_use: the share of the time in [0, 1] that it was busy.
    """

    stage: str
    images_per_second: float | None = None
    data_wait: float | None = None
    gpu_memory: int | None = None
    gpu_memory_total: int | None = None
    gpu_use: float | None = None


@dataclass(frozen=True)
class Figure:
    """What a stage came to, in a few words: `mIoU 0.672 of predictions`."""

    stage: str
    text: str


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


@dataclass(frozen=True)
class RunEnded:
    """The command has ended, be it before its first stage. One that was killed says nothing."""

    state: str  # done, failed or interrupted
    reason: str = ""


Event = (
    RunStarted
    | Machine
    | StageStarted
    | StageKept
    | Doing
    | Progress
    | Metric
    | Pace
    | Figure
    | Note
    | HowItFits
    | StageEnded
    | RunEnded
)
Emit = Callable[[Event], None]


def as_record(event: Event) -> dict[str, Any]:
    """An event as JSON can hold it: its kind under `event`, then its values."""
    return {"event": type(event).__name__} | asdict(event)


def from_record(record: dict[str, Any]) -> Event:
    """The event that `as_record` wrote, after its way through JSON."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    return kinds()[values.pop("event")](**values)


def kinds() -> dict[str, type[Event]]:
    """The kinds of events by name."""
    return {kind.__name__: kind for kind in get_args(Event)}
