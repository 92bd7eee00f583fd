"""Is a difference in mIoU more than chance? A paired bootstrap over photos (Efron and Tibshirani, 1993)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
INTERVAL = (0.025, 0.975)
CELLS = 4_000_000  # times that photos are drawn, or counts of classes, at once: 32 MB


@dataclass(frozen=True)
class Difference:
    """Of a run's mIoU to the first one's: on all photos, where 95 % of resamples lie, and the share that are worse."""

    miou: float
    low: float
    high: float
    worse: float


def ious(sums: NDArray[np.float64] | Counts) -> NDArray[np.float64]:
    """(..., 3, C+1) pixels that are hit, true and predicted → (..., C+1) intersections over unions.

    NaN for a class that neither masks nor predictions hold.
    """
    hit, truth, predicted = (sums[..., row, :].astype(np.float64) for row in range(3))
    union = truth + predicted - hit
    return np.divide(hit, union, out=np.full_like(hit, np.nan), where=union > 0)


def mean_iou(sums: NDArray[np.float64] | Counts) -> NDArray[np.float64]:
    """The mean of `ious` over the classes that are there: (..., 3, C+1) → (...)."""
    found = ious(sums)
    there = ~np.isnan(found)
    number = there.sum(-1)
    total = np.where(there, found, 0.0).sum(-1)
    mean: NDArray[np.float64] = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    return mean


def differences(runs: Sequence[Counts], resamples: int, seed: int) -> list[Difference]:
    """What each further run's mIoU is above the first one's.

    The same photos are drawn, with replacement, for all runs; mIoU is of their summed counts.

    Args:
        runs: (N, 3, C+1) each, the pixels of each photo that are hit, true and predicted, photos in the same order.
    """
    drawn = _drawn(runs, resamples, seed)  # (runs, resamples)
    whole = [float(mean_iou(run.sum(0))) for run in runs]
    found = []
    for miou, sample in zip(whole[1:], drawn[1:], strict=True):
        gains = sample - drawn[0]
        low, high = np.nanquantile(gains, INTERVAL)
        found.append(Difference(miou - whole[0], float(low), float(high), float((gains < 0).mean())))
    return found


def _drawn(runs: Sequence[Counts], resamples: int, seed: int) -> NDArray[np.float64]:
    """The mIoU of each run on each resample: (runs, resamples)."""
    photos = len(runs[0])
    flat = [run.reshape(photos, -1).astype(np.float64) for run in runs]  # sums stay below 2^53: they are exact
    random, at_once = np.random.default_rng(seed), max(1, CELLS // max(flat[0].shape))
    parts = []
    for begin in range(0, resamples, at_once):
        count = min(at_once, resamples - begin)
        times = random.multinomial(photos, np.full(photos, 1 / photos), size=count).astype(np.float64)
        parts.append([mean_iou((times @ each).reshape(count, *runs[0].shape[1:])) for each in flat])
    return np.concatenate(parts, axis=1)
