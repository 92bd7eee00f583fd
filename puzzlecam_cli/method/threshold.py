"""A background threshold that needs no masks: each photo is cut where its own scores divide."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.method.labels import highest

Background = float | Literal["auto"]
BINS = 64  # of scores in [0, 1]
SHARPNESS = 100.0  # a bin with a hundredth of the mean density weighs log 2, one with the mean density log 101
UNDIVIDED = 0.5  # where all scores fall into one bin


def background_of(scores: Tensor, background: Background) -> float:
    """The threshold of a photo: the one that is given, or by its own scores (K, H, W) in [0, 1] where it is `auto`."""
    return valley_threshold(scores) if background == AUTO else background


def valley_threshold(scores: Tensor) -> float:
    """Where few pixels lie between two groups of scores that are far apart.

    Of all thresholds t the one with the highest (1 − p(t))·σ²(t): p is how many pixels score about t, as a share of the
    most that score alike (valley emphasis: Ng, Pattern Recognition Letters, 2006), and σ² the variance between
    scores up to t and those above (Otsu, IEEE Transactions on Systems, Man, and Cybernetics, 1979). For σ² alone
    numbers of pixels count by their logarithm [ours]: a large background must not draw the threshold to itself.

    Args:
        scores: (K, H, W) in [0, 1].

    Returns:
        The centre of one of `BINS` bins; `UNDIVIDED` where all scores fall into one of them, or there is no map.

    Raises:
        ValueError: a score is not finite.
    """
    if not scores.numel():
        return UNDIVIDED
    best = highest(scores)[0].double()
    if not best.isfinite().all():
        raise ValueError("scores must be finite")
    density = torch.histc(best.clamp(0, 1), BINS, 0, 1) / best.numel() * BINS  # (BINS,), 1 on average
    between = _variance_between((SHARPNESS * density).log1p())
    if not between.any():
        return UNDIVIDED
    found = int((between * (1 - density / density.max())).argmax())
    return (found + 0.5) / BINS


def _variance_between(weights: Tensor) -> Tensor:
    """Of the bins up to each and those above, by their weights: (BINS,) → (BINS,); 0 where one group is empty."""
    centres = (torch.arange(len(weights), dtype=weights.dtype, device=weights.device) + 0.5) / len(weights)
    lower, moment = weights.cumsum(dim=0), (weights * centres).cumsum(dim=0)
    upper = weights.flip(0).cumsum(dim=0).flip(0) - weights
    apart = moment / lower.clamp(min=1e-300) - (moment[-1] - moment) / upper.clamp(min=1e-300)
    return lower * upper * apart.square() * ((lower > 0) & (upper > 0))
