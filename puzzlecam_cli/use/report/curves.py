"""How trainings went, as their `metrics.jsonl` has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean

MOST_POINTS = 240  # of a curve: more are not seen in a picture of some 600 pixels
LOSSES = ("loss", "loss_cls", "loss_p_cls", "loss_re", "loss_bg")  # those that are there, in this order, come first
APART = ("step", "epoch")


@dataclass(frozen=True)
class Curve:
    """A value of a training over its steps; a point is the mean of those logged around it."""

    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """All curves of a stage's training.

    Args:
        steps, epochs: that were logged so far.
        torn: lines of the log that cannot be read.
    """

    stage: str
    curves: tuple[Curve, ...]
    steps: int
    epochs: int
    torn: int

    def named(self, *names: str) -> tuple[Curve, ...]:
        return tuple(curve for name in names for curve in self.curves if curve.name == name)

    @property
    def losses(self) -> tuple[Curve, ...]:
        others = [curve.name for curve in self.curves if curve.name.startswith("loss") and curve.name not in LOSSES]
        return self.named(*LOSSES, *others)


def read_training(stage: str, path: Path) -> Training | None:
    """The curves of a log; None: it has no step, as of a training that trains nothing.

    Raises:
        OSError: it cannot be read.
    """
    found: dict[str, tuple[list[float], list[float]]] = {}
    torn, last, epochs = 0, -1, 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            values = _values(line)
            if values is None:
                torn += bool(line.strip())
                continue
            last, epochs = max(last, int(values["step"])), max(epochs, int(values.get("epoch", 0)) + 1)
            for name, value in values.items():
                if name not in APART:
                    steps, logged = found.setdefault(name, ([], []))
                    steps.append(values["step"])
                    logged.append(value)
    if last < 0:
        return None
    curves = tuple(Curve(name, _thinned(steps), _thinned(values)) for name, (steps, values) in found.items())
    return Training(stage, curves, last + 1, epochs, torn)


def _values(line: str) -> dict[str, float] | None:
    """The numbers of a line; None: it is torn."""
    try:
        record = json.loads(line)
        values = {
            str(name): float(value)
            for name, value in record.items()
            if type(value) in (int, float) and abs(value) < 1e30 and isfinite(value)
        }
    except (ValueError, AttributeError, RecursionError, OverflowError):
        return None
    return values if values.get("step", -1) >= 0 else None


def _thinned(values: Sequence[float]) -> tuple[float, ...]:
    """At most `MOST_POINTS`, each the mean of equally many neighbours."""
    each = -(-len(values) // MOST_POINTS)
    return tuple(fmean(values[first : first + each]) for first in range(0, len(values), each))
