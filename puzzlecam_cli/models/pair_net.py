"""What tells alike neighbours from unlike ones, on a frozen ImageNet backbone: what its kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import lcm

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import GRID, Backbone, pad_to_multiple


class PairNet(nn.Module, ABC):
    """A head over all that a backbone gives, which itself does not learn.

    Args:
        backbone: of any strides; it is frozen.
        canvas: least side in pixels of what the network sees. A smaller image is padded at the right and the bottom
            with the mean colour: as the group normalisation averages over all of that, it belongs to the function that
            was learnt. The authors show every photo on a canvas of the training crop's size [code].
    """

    stride: int  # pixels along a side of the cells that are paired

    def __init__(self, backbone: Backbone, canvas: int = 0):
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()
        self.canvas = canvas
        self._cell = lcm(GRID, *backbone.strides)  # every map has whole cells of it

    def train(self, mode: bool = True) -> PairNet:
        """Everything but the backbone, which stays as it was pretrained."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, ..., ceil(H/stride), ceil(W/stride)), seen on the canvas, whole cells beyond it."""
        seen = pad_to_multiple(images, self._cell, self.canvas)
        with torch.no_grad():
            features = self.backbone(seen)
        height, width = (-(-side // self.stride) for side in images.shape[-2:])
        return self.head(features, [side // self.stride for side in seen.shape[-2:]])[..., :height, :width]

    @abstractmethod
    def head(self, features: list[Tensor], grid: list[int]) -> Tensor:
        """Five maps → what is known of each cell: (B, ..., *grid)."""

    @abstractmethod
    def affinity(self, output: Tensor, radius: int) -> Tensor:
        """What `forward` gave of a batch, in float32 → (B, D, h, w) affinities of its pairs."""

    @abstractmethod
    def walk(self, images: Tensor) -> Callable[..., Tensor]:
        """The walks along the affinities of photos of one size.

        Args:
            images: (B, 3, H, W) normalised.

        Returns:
            a function of (B, K, ceil(H/4), ceil(W/4)) scores and the options of `walk_along`.
        """


def resize(x: Tensor, grid: list[int]) -> Tensor:
    """(B, C, h, w) → (B, C, *grid), bilinear."""
    return x if list(x.shape[-2:]) == grid else F.interpolate(x, grid, mode="bilinear", align_corners=False)
