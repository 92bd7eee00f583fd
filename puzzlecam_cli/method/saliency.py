"""Saliency, maps of what stands out in a photo, as a second cue beside tags (I + S in the paper's Table 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.constants import IGNORE


def brought_to(saliency: Tensor, size: tuple[int, int]) -> Tensor:
    """A saliency map on another grid, averaged over its cells: (H, W) → (h, w)."""
    if saliency.shape == size:
        return saliency
    return F.interpolate(saliency[None, None], size, mode="area")[0, 0]


def salient_maps(cams: Tensor, saliency: Tensor, share: float) -> Tensor:
    """Maps times 1 − share · (1 − saliency), each with the peak that it had.

    So an object that does not stand out keeps its map where nothing else of its photo does.

    Args:
        cams: (K, H, W), not negative.
        saliency: (H, W) in [0, 1].
        share: in [0, 1], of a map that saliency decides.

    Returns:
        (K, H, W).
    """
    if not cams.numel():
        return cams
    found = cams * (1 - share * (1 - saliency))
    before, after = (maps.amax(dim=(-2, -1), keepdim=True) for maps in (cams, found))
    return found * torch.where(after > 0, before / after, 1)


def without_silent(labels: Tensor, saliency: Tensor, level: float) -> Tensor:
    """Confident labels with the background that saliency knows.

    Where it is below `level`, what was unsure is background, and what was an object is unsure.

    Args:
        labels: (H, W) uint8 of `confident_labels`.
        saliency: (H, W) in [0, 1].
        level: in [0, 1].

    Returns:
        (H, W) uint8.
    """
    told = torch.where((labels == IGNORE) | (labels == 0), 0, IGNORE)
    return torch.where(saliency < level, told, labels).to(torch.uint8)
