"""What surrounds an object is not the object: a loss on the cells where a class's map is faint [ours]."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.cam import normalize_cams

FAINT = 0.05  # of a map's highest value; neither 0.02 nor 0.1 was better on two sets of photos


def background_sum(maps: Tensor, labels: Tensor) -> Tensor:
    """L_bg before it is averaged over tags: where a tag's map is faint, cells are taught that the class is not there.

    Global average pooling lets a class take its evidence from all of an image, also from what it is often seen with.
    What is already faint is least likely the object.

    Args:
        maps: (B, C, H, W), raw.
        labels: (B, C), 1 where the class is in the image, else 0.

    Returns:
        Σ over tags of the mean over its faint cells of log(1 + exp(A)).
    """
    maps = maps.float()
    faint = (normalize_cams(maps.detach()) < FAINT).float()
    each = (F.softplus(maps) * faint).sum(dim=(-2, -1)) / faint.sum(dim=(-2, -1)).clamp(min=1)  # (B, C)
    return (each * labels).sum()
