"""IRNet's class-boundary branch (Ahn et al., CVPR 2019): the network that the authors' code trains."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from puzzlecam_cli.method.affinity import edges_to_affinity
from puzzlecam_cli.method.random_walk import random_walk
from puzzlecam_cli.models.backbone import GRID, Backbone
from puzzlecam_cli.models.pair_net import PairNet, resize


class BoundaryNet(PairNet):
    """Where objects end, from all five maps of any strides, brought to stride 4 [code].

    Boundaries are logits (B, ceil(H/4), ceil(W/4)); the grid on which maps are walked.
    """

    stride = GRID

    def __init__(self, backbone: Backbone, canvas: int = 0):
        super().__init__(backbone, canvas)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, 32, 1, bias=False), nn.GroupNorm(4, 32)) for channels in backbone.channels
        )
        self.edge = nn.Conv2d(32 * len(backbone.channels), 1, 1)

    def head(self, features: list[Tensor], grid: list[int]) -> Tensor:
        levels = [resize(level(x), grid).relu() for level, x in zip(self.levels, features, strict=True)]
        logits: Tensor = self.edge(torch.cat(levels, dim=1))[:, 0]
        return logits

    def affinity(self, output: Tensor, radius: int) -> Tensor:
        return edges_to_affinity(output.sigmoid(), radius)

    def walk(self, images: Tensor) -> Callable[..., Tensor]:
        return partial(random_walk, edges=self.edges(images))

    @torch.inference_mode()
    def edges(self, images: Tensor) -> Tensor:
        """Boundary probabilities of photos, averaged with their mirror images.

        Args:
            images: (B, 3, H, W) normalised.

        Returns:
            (B, ceil(H/4), ceil(W/4)) float32 in [0, 1].
        """
        straight, mirrored = self(torch.cat([images, images.flip(-1)])).float().chunk(2)
        return torch.sigmoid((straight + mirrored.flip(-1)) / 2)
