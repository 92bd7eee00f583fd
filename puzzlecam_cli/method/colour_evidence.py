"""What the colours of a photo say about where its objects end [ours, after GrabCut, Rother et al., SIGGRAPH 2004].

A walk says roughly where things are. Inside and outside of that, colours are counted; what has the colours of an object
becomes more likely one, what has those around it less. The maps decide where colours cannot tell.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.colour import srgb_to_lab

CELL = 4  # pixels a side, over which colours and scores are averaged: those of a walk
BINS = 32  # of colours, along each of L*, a* and b*
REACH = 64.0  # of a* and b*; what lies beyond is counted at the ends
NEAR = 0.01  # from 0 and 1, to which scores are moved before their odds are taken
SHARPNESS = 2.0  # of a cell's share in what is counted as object
FLOOR = 0.01  # of the highest density, added to all: colours that occur nowhere say nothing


def with_colours(scores: Tensor, image: Tensor, background: float, weight: float) -> Tensor:
    """Scores that colours have raised or lowered, to be cut at the same threshold.

    The odds of a pixel's score s against the threshold b, s (1 − b) / ((1 − s) b), are multiplied by (density of its
    colour in the object / density around objects)^weight: with a weight of 1 Bayes' rule, where the odds are those
    before colours were seen. Densities are counted over cells, each by its share of the object or the background.

    Args:
        scores: (K, H, W) in [0, 1], one map a class.
        image: (H, W, 3) uint8.
        background: what scores are cut at.
        weight: of what colours say; 0: nothing.

    Returns:
        (K, H, W) in [0, 1].
    """
    if not weight or not scores.numel():
        return scores
    coarse, colours = (
        F.avg_pool2d(each, CELL, CELL, ceil_mode=True).double() for each in (scores, image.movedim(2, 0).to(scores))
    )
    odds = _log_odds(coarse, NEAR) - _log_odds(coarse.new_tensor(background), NEAR)
    odds = torch.cat([torch.zeros_like(odds[:1]), odds])  # the background's first
    shares = (SHARPNESS * odds).softmax(dim=0)  # (K + 1, h, w)
    said = weight * _log_ratios(shares, _bins(srgb_to_lab(colours / 255)))
    said = F.interpolate(said.to(scores)[None], scale_factor=CELL, mode="bilinear", align_corners=False)[0]
    said = said[:, : scores.shape[1], : scores.shape[2]]  # the last cells may reach beyond the photo
    near = min(NEAR, background / 2, (1 - background) / 2)  # moves no score across the threshold
    return (_log_odds(scores, near) + said).sigmoid()


def _log_odds(scores: Tensor, near: float) -> Tensor:
    return scores.clamp(near, 1 - near).logit()


def _bins(lab: Tensor) -> Tensor:
    """Which of the `BINS`³ bins holds each colour: (3, h, w) → (h, w) int64."""
    light, *hues = lab
    shares = torch.stack([light / 100, *((hue + REACH) / (2 * REACH) for hue in hues)])
    along = (shares * BINS).long().clamp(0, BINS - 1)
    return (along[0] * BINS + along[1]) * BINS + along[2]


def _log_ratios(shares: Tensor, bins: Tensor) -> Tensor:
    """log density of each cell's colour in an object over that in the background: (K + 1, h, w), (h, w) → (K, h, w)."""
    counts = shares.new_zeros(len(shares), BINS**3).index_add_(1, bins.flatten(), shares.flatten(1))
    for _ in range(2):  # each bin's count is spread over its neighbours
        counts = F.avg_pool3d(counts.view(-1, BINS, BINS, BINS), 3, stride=1, padding=1).flatten(1)
    densities = counts / counts.sum(dim=1, keepdim=True)
    densities += FLOOR * densities.mean(dim=0).amax()
    logs = densities.log()
    return (logs[1:] - logs[:1])[:, bins]
