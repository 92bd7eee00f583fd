"""Affinities without training: how alike the maps of a pretrained backbone are [ours]."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.affinity import cosines_to_affinity
from puzzlecam_cli.method.random_walk import cosine_walk
from puzzlecam_cli.models.pair_net import PairNet, resize


class CosineNet(PairNet):
    """All five maps of any strides, brought to stride 8: the cosine of two cells is the mean of those in each map.

    A map in which a cell is zero everywhere says nothing of it. There are no weights but the backbone's.
    """

    stride = 8

    def head(self, features: list[Tensor], grid: list[int]) -> Tensor:
        """Unit vectors (B, D, *grid), D being the sum of the maps' channels."""
        levels = [F.normalize(resize(x, grid).float(), dim=1) for x in features]
        return torch.cat(levels, dim=1) / sqrt(len(levels))

    def affinity(self, output: Tensor, radius: int) -> Tensor:
        return cosines_to_affinity(output, radius)

    def walk(self, images: Tensor) -> Callable[..., Tensor]:
        return partial(cosine_walk, features=self.features(images))

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised → (B, D, ceil(H/8), ceil(W/8)) float32 unit vectors of photos."""
        features: Tensor = self(images).float()
        return features
