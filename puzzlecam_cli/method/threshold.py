"""A background threshold that needs no masks: each photo is cut where its own scores divide."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.method.labels import highest

Background = float | Literal["auto"]
BINS = 64  # of scores in [0, 1]; thresholds lie between two of them
SHARPNESS = 100.0  # a bin with a hundredth of the mean number of pixels weighs log 2, one with that number log 101
UNDIVIDED = 0.5  # where all scores fall into one bin


def background_of(scores: Tensor, background: Background) -> float:
    """The threshold of a photo: the one that is given, or by its own scores (K, H, W) in [0, 1] where it is `auto`."""
    return dividing_threshold(scores) if background == AUTO else background


def dividing_threshold(scores: Tensor) -> float:
    """Where a photo's scores fall into two groups that are far apart, with a long and steep outline between them.

    Of all thresholds t the one with the highest σ²(t)·s(t), of the best score of each pixel. σ² is the variance between
    the scores up to t and those above (Otsu, IEEE Transactions on Systems, Man, and Cybernetics, 1979), for which
    numbers of pixels count by their logarithm: a large background must not draw the threshold to itself. s is the sum
    of the differences between neighbours that t parts, which is high where the walk stopped at edges. Both are [ours].

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
    thresholds = torch.arange(1, BINS, dtype=best.dtype, device=best.device) / BINS
    level = torch.searchsorted(thresholds, best)  # (H, W) thresholds below the score, 0..BINS-1
    share = level.flatten().bincount(minlength=BINS) * BINS / level.numel()  # 1 on average
    quality = _variance_between((SHARPNESS * share).log1p()) * _parted(best, level)
    return float(thresholds[quality.argmax()]) if quality.any() else UNDIVIDED


def _variance_between(weights: Tensor) -> Tensor:
    """Of the bins up to each threshold and those above, by their weights: (BINS,) → (BINS-1,), 0 where one has none."""
    centres = torch.arange(BINS, dtype=weights.dtype, device=weights.device) + 0.5
    lower, upper = weights.cumsum(dim=0)[:-1], weights.flip(0).cumsum(dim=0).flip(0)[1:]
    moments = weights * centres
    means = moments.cumsum(dim=0)[:-1] / lower, moments.flip(0).cumsum(dim=0).flip(0)[1:] / upper
    return (lower * upper * (means[0] - means[1]).square()).nan_to_num()  # 0/0 is the mean of nothing


def _parted(best: Tensor, level: Tensor) -> Tensor:
    """The sum of the differences between neighbours on either side of each threshold: (H, W) twice → (BINS-1,)."""
    total = torch.zeros(BINS, dtype=best.dtype, device=best.device)
    for axis, length in enumerate(best.shape):
        one, other = level.narrow(axis, 0, length - 1), level.narrow(axis, 1, length - 1)
        difference = best.diff(dim=axis).abs().flatten()
        total += torch.minimum(one, other).flatten().bincount(difference, BINS)
        total -= torch.maximum(one, other).flatten().bincount(difference, BINS)
    return total.cumsum(dim=0)[:-1]
