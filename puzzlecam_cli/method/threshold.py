"""A background threshold that needs no masks: each photo is cut where its own scores divide."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.method.labels import highest

Background = float | Literal["auto"]
BINS = 64  # of scores in [0, 1]; thresholds lie between two of them
CELL = 12  # pixels a side, over which scores are averaged: the walk's own cells, of 4, show steps that no edge made
NEAR = 0.03  # added to scores and their complements: what lies nearer to 0 and 1 makes no outline steeper
OBJECT = 0.5  # how much the object's logarithm counts in the odds, beside 1 for the background's
UNDIVIDED = 0.5  # where all scores fall into one bin


def background_of(scores: Tensor, background: Background) -> float:
    """The threshold of a photo: the one that is given, or by its own scores (K, H, W) in [0, 1] where it is `auto`."""
    return dividing_threshold(scores) if background == AUTO else background


def dividing_threshold(scores: Tensor) -> float:
    """Where the outline of what a photo shows is longest and steepest together.

    Of all thresholds the one at which neighbouring cells on either side of it differ most in sum, of the best score of
    each pixel: at edges the walk stopped, so that scores fall there at once. What differs is φ(s) = ½ log s −
    log(1 − s). A walked score is an object's share of itself and the background, so that log s − log(1 − s) tells how
    many times more the object is: from 0.8 to 0.95 is further than from 0.5 to 0.8, and a broad map of high scores is
    not cut at its faint edge. That the object's part counts half is measured. All of it is [ours].

    Cells are means over `CELL` pixels a side, a third of that apart, and neighbours are those that just do not
    overlap; in a photo of less than two of them, cells are half as large as its shorter side.

    Args:
        scores: (K, H, W) in [0, 1].

    Returns:
        A multiple of 1 / `BINS`; `UNDIVIDED` where all scores fall into one bin, or there is no map.

    Raises:
        ValueError: a score is not finite.
    """
    if not scores.numel():
        return UNDIVIDED
    best = highest(scores)[0].double()  # (H, W)
    if not best.isfinite().all():
        raise ValueError("scores must be finite")
    cell = min(CELL, max(1, min(best.shape) // 2))
    step = max(1, cell // 3)
    cells = F.avg_pool2d(best[None], cell, step)[0]  # (h, w)
    thresholds = torch.arange(1, BINS, dtype=cells.dtype, device=cells.device) / BINS
    odds = OBJECT * (cells + NEAR).log() - (1 - cells + NEAR).log()
    parted = _parted(odds, torch.searchsorted(thresholds, cells), cell // step)
    return float(thresholds[parted.argmax()]) if parted.any() else UNDIVIDED


def _parted(values: Tensor, level: Tensor, apart: int) -> Tensor:
    """The sum of the differences between neighbours on either side of each threshold: (h, w) → (BINS-1,).

    Args:
        values: (h, w), what differs.
        level: (h, w) int64, how many thresholds are below the cell.
        apart: neighbours are so many cells.
    """
    total = torch.zeros(BINS, dtype=values.dtype, device=values.device)
    for axis, length in enumerate(values.shape):
        one, other = (
            (m.narrow(axis, 0, length - apart), m.narrow(axis, apart, length - apart)) for m in (values, level)
        )
        difference, low, high = (one[1] - one[0]).abs(), torch.minimum(*other), torch.maximum(*other)
        total += low.flatten().bincount(difference.flatten(), BINS) - high.flatten().bincount(
            difference.flatten(), BINS
        )
    return total.cumsum(dim=0)[:-1]
