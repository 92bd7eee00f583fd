"""Class activation maps, their normalisation and their sum over views."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def class_activation_maps(features: Tensor, weight: Tensor) -> Tensor:
    """Eq. (1): A_c = θ_cᵀ f.

    Args:
        features: (B, D, H, W), the backbone's last map f.
        weight: (C, D), the classifier's weights θ.

    Returns:
        (B, C, H, W) raw signed maps; their spatial mean is the classifier's logit.
    """
    return F.conv2d(features, weight[:, :, None, None])


def normalize_cams(maps: Tensor) -> Tensor:
    """Negative parts cut, each map divided by its maximum (§3.2): (..., H, W) → the same, in [0, 1)."""
    positive: Tensor = maps.relu()
    return positive / (positive.amax(dim=(-2, -1), keepdim=True) + 1e-5)


def contrast(maps: Tensor, labels: Tensor) -> Tensor:
    """How much the raw maps of present classes vary over the image: their standard deviation, 0 for absent classes.

    It falls where maps fade or go flat, though the classifier may still name every tag.

    Args:
        maps: (B, C, H, W) raw maps.
        labels: (B, C), 1 where the class is in the image, else 0.

    Returns:
        (B, C) float32.
    """
    return maps.float().flatten(2).std(dim=2, correction=0) * labels


def add_mirrored(maps: Tensor) -> Tensor:
    """Maps of an image and of its mirror image → their sum, negative parts cut: (2, C, H, W) → (C, H, W)."""
    positive = maps.relu()
    return positive[0] + positive[1].flip(-1)


def sum_scales(maps: Sequence[Tensor], size: tuple[int, int], stride: int, cell: int = 16) -> Tensor:
    """Maps of several scales, brought to one grid, summed and normalised.

    As in the authors' code, the full-size maps are interpolated on a grid of whole cells of the network, 16 pixels for
    theirs, and cropped: the map of scale 1 covers just that. At stride 4 they are stretched to the grid, as by them.

    Args:
        maps: one (K, h, w) a scale, not negative.
        size: (H, W) of the photo in pixels.
        stride: 4, or 1 for full size.
        cell: pixels along a side of the network's cells, the stride of its last map.

    Returns:
        (K, ceil(H/stride), ceil(W/stride)) float32 scores in [0, 1).
    """
    if stride not in (1, 4):
        raise ValueError(f"stride must be 1 or 4, not {stride}")
    height, width = (-(-side // stride) for side in size)
    grid = (height, width) if stride == 4 else (-(-size[0] // cell) * cell, -(-size[1] // cell) * cell)
    if maps[0].shape[0] == 0:
        return torch.zeros(0, height, width, device=maps[0].device)
    total = torch.zeros(len(maps[0]), *grid, device=maps[0].device)
    for m in maps:
        total += F.interpolate(m[None].float(), grid, mode="bilinear", align_corners=False)[0]
    return normalize_cams(total[:, :height, :width])
