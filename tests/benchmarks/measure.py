"""Time and memory of a method and of its plain form, in a process of their own, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from time import perf_counter, process_time
from typing import Any

from puzzlecam_cli.bench import memory
from tests.benchmarks.rows import Row, Target

PATIENCE = 2.0  # seconds for the repetitions of one form; each runs at least once


@dataclass(frozen=True)
class Pair:
    """The two forms, ready to run, and how far apart their results are.

    Args:
        ours, plain: without arguments; plain is None where it would say nothing.
        error: the largest difference of the results, in the unit of the case.
        plain_times: how often the plain form does what was measured, where all of it would take minutes.
        sizes: bytes of the files of (plain, ours).
        wall: time by the clock; else the time of the processor, which other programs do not lengthen.
        seconds: of (plain, ours), where they were measured already, because a start must not count.
    """

    ours: Callable[[], Any] = int
    plain: Callable[[], Any] | None = None
    error: Callable[[], float] | None = None
    plain_times: float = 1
    sizes: tuple[int, int] | None = None
    wall: bool = False
    seconds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Case:
    """One method on one input. `prepare` is `module:function` of a function that gives a `Pair`."""

    method: str
    on: str
    prepare: str
    arguments: tuple[Any, ...]
    targets: tuple[Target, ...]
    allowed: float | None = None
    note: str = ""


def bench(cases: Sequence[Case]) -> Iterator[list[Row]]:
    """The rows of each case, in order."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        yield from pool.map(measure, cases)


def measure(case: Case) -> list[Row]:
    """One row a target. Memory comes first: it is what the first run adds after a run to warm up."""
    import torch

    torch.set_num_threads(1)
    module, _, name = case.prepare.partition(":")
    pair: Pair = getattr(import_module(module), name)(*case.arguments)
    found: dict[str, tuple[float | None, float]] = {}
    if any(target.quantity == "memory" for target in case.targets):
        pair.ours()
        ours = peak_memory(pair.ours)
        found["memory"] = (peak_memory(pair.plain) if pair.plain else None, ours)
    if any(target.quantity == "time" for target in case.targets):
        found["time"] = pair.seconds or best_times(pair)
    if pair.sizes:
        found["file"] = pair.sizes
    error = pair.error() if pair.error else None
    return [
        Row(case.method, case.on, target, *found[target.quantity], error, case.allowed, case.note)
        for target in case.targets
    ]


def best_times(pair: Pair) -> tuple[float | None, float]:
    """Seconds of the plain form and of ours, the best of several runs that take turns."""
    clock = perf_counter if pair.wall else process_time
    forms = [pair.ours] + ([pair.plain] if pair.plain else [])
    runs: list[list[float]] = [[] for _ in forms]
    pair.ours()
    for _ in range(20):
        for form, seconds in zip(forms, runs, strict=True):
            if not seconds or sum(seconds) + min(seconds) < PATIENCE:
                start = clock()
                form()
                seconds.append(clock() - start)
    best = [min(seconds) for seconds in runs]
    return (best[1] * pair.plain_times if pair.plain else None), best[0]


def peak_memory(run: Callable[[], Any]) -> float:
    """Bytes that a run adds at its peak, results included; NaN where the system is not Linux, which tells."""
    if not memory.KNOWN:
        return float("nan")
    memory.forget_peaks()
    before = memory.held()
    result = run()
    peak = memory.peak()
    del result
    return max(peak - before, 0)
