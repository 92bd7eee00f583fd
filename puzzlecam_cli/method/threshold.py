"""A background threshold that needs no masks: each photo is cut where its own scores divide, along its own edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.colour import srgb_to_lab
from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.method.labels import highest

Background = float | Literal["auto"]
BINS = 64  # of scores in [0, 1]; thresholds lie between two of them
CELL = 12  # pixels a side, over which scores are averaged: the walk's own cells, of 4, show steps that no edge made
NEAR = 0.01  # added to scores and their complements: what lies nearer to 0 and 1 makes no outline steeper
UNDIVIDED = 0.5  # where all scores fall into one bin


def background_of(scores: Tensor, background: Background, image: Callable[[], Tensor]) -> float:
    """The threshold of a photo: the one that is given, or its own where it is `auto`.

    Args:
        scores, image: as of `dividing_threshold`; the photo is read where it is needed.
    """
    return dividing_threshold(scores, image()) if background == AUTO else background


def dividing_threshold(scores: Tensor, image: Tensor) -> float:
    """Where the outline of what a photo shows is long and steep, and lies along edges of the photo.

    Of all thresholds the one at which neighbouring cells on either side of it differ most in sum: in the log odds of
    their scores, times the rank of their difference in colour among all neighbours of the photo. A walked score s is
    an object's share of itself and the background, log s / (1 − s) thus how many times more the object is: it grows as
    much from 0.8 to 0.94 as from 0.5 to 0.8, so that a broad map of high scores is not cut at its faint edge. The rank
    knows no contrast: a dark photo is cut like a bright one. All of it is [ours].

    Cells are means over `CELL` pixels a side, a third of that apart, and neighbours are those that just do not
    overlap; in a photo of less than two of them, cells are half as large as its shorter side.

    Args:
        scores: (K, H, W) in [0, 1]; the best of each pixel counts.
        image: (H, W, 3) uint8.

    Returns:
        A multiple of 1 / `BINS`; `UNDIVIDED` where all scores fall into one bin, or there is no map.

    Raises:
        ValueError: a score is not finite, or the photo is of another size.
    """
    if image.shape != (*scores.shape[1:], 3):
        raise ValueError(f"a photo of {tuple(image.shape)} is not that of scores {tuple(scores.shape)}")
    if not scores.numel():
        return UNDIVIDED
    best = highest(scores)[0].double()  # (H, W)
    if not best.isfinite().all():
        raise ValueError("scores must be finite")
    cell = min(CELL, max(1, min(best.shape) // 2))
    step = max(1, cell // 3)
    score, *colours = F.avg_pool2d(torch.cat([best[None], image.movedim(2, 0).double()]), cell, step)  # (h, w) each
    odds = (score + NEAR).log() - (1 - score + NEAR).log()
    one, other = _neighbours(torch.stack([score, odds, *srgb_to_lab(torch.stack(colours) / 255)]), cell // step)
    contrast = (one[2:] - other[2:]).square().sum(dim=0)  # (N,)
    rank = torch.searchsorted(contrast.sort().values, contrast, right=True)
    steepness = (one[1] - other[1]).abs() * rank

    thresholds = torch.arange(1, BINS, dtype=score.dtype, device=score.device) / BINS
    level = torch.searchsorted(thresholds, torch.stack([one[0], other[0]]))  # (2, N) thresholds below the score
    low, high = (level.amin(dim=0), level.amax(dim=0)) if level.numel() else level
    parted = (low.bincount(steepness, BINS) - high.bincount(steepness, BINS)).cumsum(dim=0)[:-1]  # by each threshold
    return float(thresholds[parted.argmax()]) if parted.any() else UNDIVIDED


def _neighbours(cells: Tensor, apart: int) -> tuple[Tensor, Tensor]:
    """All pairs of cells in one row or column that are `apart`: (C, h, w) → (C, N), (C, N)."""
    height, width = cells.shape[1:]
    down, right = max(height - apart, 0), max(width - apart, 0)
    one = [cells[:, :down].flatten(1), cells[:, :, :right].flatten(1)]
    other = [cells[:, apart:].flatten(1), cells[:, :, apart:].flatten(1)]
    return torch.cat(one, dim=1), torch.cat(other, dim=1)
