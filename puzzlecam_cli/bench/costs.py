"""What a recipe costs, reckoned from what a sample of it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

Report = tuple[float, int]  # seconds since the step began, items done


@dataclass(frozen=True)
class Observed:
    """What one step did with the sample.

    Args:
        what: in words.
        unit: of the items: images, files or steps.
        reports: of its progress, in order.
        seconds: from its beginning to its end.
        disk: bytes of the files it left.
        memory: the most bytes that were held; None where the system does not tell.
        gpu_memory: the same of tensors on the GPU; None without one.
        is_whole: False where it was stopped before its end.
        note: what else to know.
    """

    what: str
    unit: str
    reports: tuple[Report, ...]
    seconds: float
    disk: int
    memory: int | None = None
    gpu_memory: int | None = None
    is_whole: bool = True
    note: str = ""

    @property
    def tells(self) -> bool:
        """Whether a cost can be reckoned from it: the first report alone, of a step that was stopped, is no pace."""
        return self.is_whole or len(self.reports) > 1


@dataclass(frozen=True)
class Extent:
    """How much of a step a recipe asks for.

    Args:
        items: images, files or steps.
        at_once: items that begin together at the start, before a steady pace is reached.
        trailing: items at the end that are past what takes longest.
        images: in each of them.
        files_grow: whether there is a file an item; else the disk space does not depend on them.
        note: what else to know.
    """

    items: int
    at_once: int = 1
    trailing: int = 0
    images: int = 1
    files_grow: bool = True
    note: str = ""


@dataclass(frozen=True)
class Cost:
    """What a step of a recipe costs: seconds and bytes. `pace` is items a second, None if nothing was timed."""

    stage: str
    what: str
    unit: str
    items: int
    images: int
    pace: float | None
    start_up: float
    seconds: float
    disk: int
    memory: int | None
    gpu_memory: int | None
    note: str

    @property
    def images_per_second(self) -> float | None:
        return None if self.pace is None else self.pace * self.images

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"images_per_second": self.images_per_second, "hours": self.seconds / 3600}


def at_once(workers: int) -> int:
    """Items that are under way when so many processes have just begun: two each, or one without any beside this."""
    return 2 * workers if workers > 1 else 1


def sample_size(wanted: int, workers: int) -> int:
    """Items to time: `wanted`, and where several work, equally many for each beyond those that begin at once."""
    return wanted if workers < 2 else at_once(workers) + -(-wanted // workers) * workers


def cost(stage: str, observed: Observed, extent: Extent) -> Cost:
    """A step's cost: what it takes to start, once, and every item at the pace it had in the end."""
    done = observed.reports[-1][1] if observed.reports else 0
    pace = _pace(observed, extent)
    start_up = observed.seconds if pace is None else max(observed.seconds - done / pace, 0.0)
    return Cost(
        stage,
        observed.what,
        observed.unit,
        extent.items,
        extent.images,
        pace,
        start_up,
        start_up + (extent.items / pace if pace else 0.0),
        round(observed.disk * extent.items / done) if extent.files_grow and done else observed.disk,
        observed.memory,
        observed.gpu_memory,
        "; ".join(note for note in (extent.note, observed.note) if note),
    )


def _pace(observed: Observed, extent: Extent) -> float | None:
    """Items a second while the pace was steady, else from the first report on, else over all.

    None if nothing was done.
    """
    reports = observed.reports
    if not reports:
        return None
    total = reports[-1][1]
    steady = [report for report in reports if extent.at_once <= report[1] <= total - extent.trailing]
    for window in (steady, reports):
        if len(window) > 1:
            (since, before), (end, done) = window[0], window[-1]
            if done > before and end > since:
                return (done - before) / (end - since)
    return total / observed.seconds


def total(costs: Sequence[Cost]) -> dict[str, Any]:
    """Time and disk space added up, and the highest memory."""
    seconds = sum(cost.seconds for cost in costs)
    return {
        "seconds": seconds,
        "hours": seconds / 3600,
        "disk": sum(cost.disk for cost in costs),
        "memory": max((cost.memory for cost in costs if cost.memory is not None), default=None),
        "gpu_memory": max((cost.gpu_memory for cost in costs if cost.gpu_memory is not None), default=None),
    }
