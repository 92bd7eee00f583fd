"""What a recipe will take, set out as a table."""

from __future__ import annotations

from collections.abc import Sequence

from puzzlecam_cli.bench.costs import Cost, total

GPU = "GPU GB"
COST_HEADER = (
    "stage",
    "what",
    "images/s",
    "for the recipe",
    "start-up",
    "h:mm:ss",
    "disk GB",
    "memory GB",
    "GPU GB",
    "",
)
COST_NUMBERS = COST_HEADER[2:-1]


def cost_rows(costs: Sequence[Cost]) -> list[tuple[str, ...]]:
    """The heading, one line a step, and the total. The column of the GPU goes where none was used."""
    whole = total(costs)
    rows = [COST_HEADER, *map(_words, costs)]
    memory = (_gigabytes(whole["disk"]), _gigabytes(whole["memory"]), _gigabytes(whole["gpu_memory"]))
    rows.append(("total", "", "", "", "", _clock(whole["seconds"]), *memory, ""))
    without = COST_HEADER.index(GPU) if whole["gpu_memory"] is None else len(COST_HEADER)
    return [row[:without] + row[without + 1 :] for row in rows]


def cost_line(costs: Sequence[Cost], untimed: Sequence[str] = (), busy: str = "") -> str:
    """All in one line: `about 14 minutes on this machine (train-cls 2 min, ..., eval 5 s), 1.2 GB on disk, ...`.

    Args:
        untimed: steps that there was no time for: the figures are without them.
        busy: a sentence about a machine that has other work.
    """
    more = "more than " if untimed else ""
    whole = total(costs)
    stages: dict[str, float] = {}
    for cost in costs:
        stages[cost.stage] = stages.get(cost.stage, 0.0) + cost.seconds
    each = ", ".join(f"{stage} {_about(seconds, short=True)}" for stage, seconds in stages.items())
    words = [f"{more or 'about '}{_about(whole['seconds'])} on this machine ({each})"]
    words += [f"{more}{_about_bytes(whole['disk'])} on disk"]
    for key, what in (("memory", "memory"), ("gpu_memory", "GPU memory")):
        words += [f"{more}{_about_bytes(whole[key])} {what}"] if whole[key] is not None else []
    unknown = f"not known, for want of time to try: {', '.join(untimed)}" if untimed else ""
    notes = [f"{cost.stage}: {cost.note}" for cost in costs if cost.unit == "steps" and cost.note]
    return "; ".join(part for part in (", ".join(words), unknown, busy, *notes) if part)


def _about(seconds: float, *, short: bool = False) -> str:
    """A duration in the unit that says it in one or two digits: `14 minutes`, or short `14 min`."""
    units = ((86400, "days", "days"), (3600, "hours", "h"), (60, "minutes", "min"), (1, "seconds", "s"))
    size, long, brief = next((unit for unit in units if seconds >= 1.95 * unit[0]), units[-1])
    count = max(seconds / size, 1)
    digits = f"{count:.1f}".removesuffix(".0") if size > 60 and count < 9.95 else f"{count:.0f}"
    return f"{digits} {brief if short else long}"


def _about_bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(count / 1e6, 1):.0f} MB"


def _words(cost: Cost) -> tuple[str, ...]:
    speed = cost.images_per_second
    each = f" of {cost.images}" if cost.unit == "steps" else ""
    return (
        cost.stage,
        cost.what,
        "" if speed is None else f"{speed:.0f}" if speed >= 100 else f"{speed:.3g}",
        f"{cost.items:,} {cost.unit}{each}",
        f"{cost.start_up:.1f} s",
        _clock(cost.seconds),
        _gigabytes(cost.disk),
        _gigabytes(cost.memory),
        _gigabytes(cost.gpu_memory),
        cost.note,
    )


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _gigabytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1e9:.1f}" if count >= 1e10 else f"{count / 1e9:.3f}"
