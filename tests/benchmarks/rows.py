"""What was measured, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Quantity = Literal["time", "memory", "file"]


@dataclass(frozen=True)
class Target:
    """What is wanted of a method: so many times better than plain, or no more than so many seconds or bytes."""

    quantity: Quantity
    times: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Row:
    """One quantity of one method. Seconds or bytes; None where there is no plain form to compare with."""

    method: str
    on: str
    target: Target
    plain: float | None
    ours: float
    error: float | None
    allowed: float | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.plain is None else self.plain / max(self.ours, 1e-9)

    @property
    def met(self) -> bool:
        fast = self.target.times is None or (self.ratio or 0) >= self.target.times
        small = self.target.at_most is None or self.ours <= self.target.at_most
        right = self.error is None or self.allowed is None or self.error <= self.allowed
        return fast and small and right

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "met": self.met}


HEADER = ("method", "on", "of", "plain", "ours", "ratio", "wanted", "error", "allowed", "")
NUMBERS = ("plain", "ours", "ratio", "wanted", "error", "allowed")


def bench_rows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The heading and one line a row."""
    return [HEADER, *map(_words, rows)]


def _words(row: Row) -> tuple[str, ...]:
    target = row.target
    wanted = f"≥ ×{target.times:g}" if target.times is not None else ""
    if target.at_most is not None:
        wanted = f"≤ {_amount(target.at_most, target.quantity)}"
    return (
        row.method,
        row.on,
        target.quantity,
        "" if row.plain is None else _amount(row.plain, target.quantity),
        _amount(row.ours, target.quantity),
        "" if row.ratio is None else f"×{row.ratio:.3g}" if row.ratio < 100 else f"×{row.ratio:.0f}",
        wanted,
        "" if row.error is None else f"{row.error:.2g}",
        "" if row.allowed is None else f"{row.allowed:.2g}",
        ("met" if row.met else "NOT MET") + (f"; {row.note}" if row.note else ""),
    )


def _amount(value: float, quantity: Quantity) -> str:
    if quantity == "time":
        return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"
    return f"{value / 2**20:.3g} MiB" if value >= 2**20 else f"{value / 2**10:.3g} KiB"
