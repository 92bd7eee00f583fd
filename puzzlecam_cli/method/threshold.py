"""A background threshold that needs no masks."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.method.labels import highest

Background = float | Literal["auto"]
UNDIVIDED = 0.5  # where all scores are equal


def background_of(scores: Tensor, background: Background) -> float:
    """The threshold of a photo: the one that is given, or `auto` by its own scores (K, H, W)."""
    return otsu_threshold(scores) if background == AUTO else background


def otsu_threshold(scores: Tensor) -> float:
    """The threshold that divides the best scores of a photo's pixels into the two most different groups.

    Otsu (IEEE Transactions on Systems, Man, and Cybernetics, 1979): of all thresholds, the one with the highest
    variance between the groups, w₀·w₁·(m₀ − m₁)², where w are their shares of the pixels and m their mean scores.

    Args:
        scores: (K, H, W) floats.

    Returns:
        One of the scores, the least of equally good ones: pixels up to it are background. `UNDIVIDED` where
        all are equal, or there is no map.

    Raises:
        ValueError: a score is not finite.
    """
    if not scores.numel():
        return UNDIVIDED
    values = highest(scores)[0].double().flatten().sort().values  # (N,) ascending
    if not values.isfinite().all():
        raise ValueError("scores must be finite")
    below = torch.arange(1, len(values), dtype=torch.float64)  # (N-1,) pixels up to each score but the last
    above, sums = len(values) - below, values.cumsum(dim=0)
    means = sums[:-1] / below, (sums[-1] - sums[:-1]) / above
    between = below * above * (means[0] - means[1]).square()
    between[values[1:] == values[:-1]] = 0  # equals are not divided
    if not between.any():
        return UNDIVIDED
    return float(values[between.argmax()])
