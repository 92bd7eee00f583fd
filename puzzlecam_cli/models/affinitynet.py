"""What tells alike neighbours from unlike ones, on a frozen ImageNet backbone: boundaries, or features.

The paper cites AffinityNet, the authors' code trains IRNet's class-boundary branch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.affinity import edges_to_affinity, features_to_affinity
from puzzlecam_cli.method.random_walk import feature_walk, random_walk
from puzzlecam_cli.models.backbone import Backbone


class PairNet(nn.Module, ABC):
    """A head over all that a backbone gives, which itself does not learn."""

    stride: int  # of the grid whose cells are paired

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> PairNet:
        """Everything but the backbone, which stays as it was pretrained."""
        super().train(mode)
        self.backbone.eval()
        return self

    @abstractmethod
    def affinity(self, output: Tensor, radius: int) -> Tensor:
        """What `forward` gave of a batch, in float32 → (B, D, h, w) affinities of its pairs."""

    @abstractmethod
    def walk(self, image: Tensor) -> Callable[..., Tensor]:
        """The walk along the affinities of one photo.

        Args:
            image: (3, H, W) normalised.

        Returns:
            a function of (K, ceil(H/4), ceil(W/4)) scores and the options of `walk_along`.
        """

    def _see(self, images: Tensor) -> Tensor:
        """The output for one photo's views, padded at the right and the bottom to whole 16-pixel cells."""
        height, width = images.shape[-2:]
        output: Tensor = self(F.pad(images, (0, -width % 16, 0, -height % 16))).float()
        return output[..., : -(-height // self.stride), : -(-width // self.stride)]


class AffinityNet(PairNet):
    """IRNet's class-boundary branch (Ahn et al., CVPR 2019) [code]: where objects end, from all five maps."""

    stride = 4

    def __init__(self, backbone: Backbone):
        super().__init__(backbone)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, 32, 1, bias=False), nn.GroupNorm(4, 32)) for channels in backbone.channels
        )
        self.edge = nn.Conv2d(32 * len(backbone.channels), 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, ceil(H/4), ceil(W/4)) logits of a boundary."""
        with torch.no_grad():
            features = self.backbone(images)
        grid = features[self.backbone.quarter].shape[-2:]
        levels = [_resize(level(x), grid).relu() for level, x in zip(self.levels, features, strict=True)]
        logits: Tensor = self.edge(torch.cat(levels, dim=1))[:, 0]
        return logits

    def affinity(self, output: Tensor, radius: int) -> Tensor:
        return edges_to_affinity(output.sigmoid(), radius)

    def walk(self, image: Tensor) -> Callable[..., Tensor]:
        return partial(random_walk, edges=self.edges(image))

    @torch.inference_mode()
    def edges(self, image: Tensor) -> Tensor:
        """Boundary probabilities of one photo, averaged with its mirror image.

        Args:
            image: (3, H, W) normalised.

        Returns:
            (ceil(H/4), ceil(W/4)) float32 in [0, 1].
        """
        straight, mirrored = self._see(torch.stack([image, image.flip(-1)]))
        return torch.sigmoid((straight + mirrored.flip(-1)) / 2)


class FeatureAffinityNet(PairNet):
    """AffinityNet's features (Ahn and Kwak, CVPR 2018), in which alike cells are close, from the three deepest maps.

    AffinityNet trains the upper half of its backbone too; here that stays frozen, for few photos [ours].

    Raises:
        UserError: the backbone has no map at stride 8.
    """

    stride = 8
    WIDTHS = (64, 128, 256)

    def __init__(self, backbone: Backbone):
        if self.stride not in backbone.strides:
            raise UserError(
                "backbone-unfit",
                f"affinity.kind `feature` needs a map at stride 8; this backbone's are at {backbone.strides}",
                hint="choose another backbone, or affinity.kind: boundary",
            )
        super().__init__(backbone)
        self.levels = nn.ModuleList(
            nn.Conv2d(channels, width, 1, bias=False)
            for channels, width in zip(backbone.channels[-3:], self.WIDTHS, strict=True)
        )
        self.mix = nn.Conv2d(sum(self.WIDTHS), sum(self.WIDTHS), 1, bias=False)
        for level in self.levels:
            nn.init.kaiming_normal_(level.get_parameter("weight"))
        nn.init.xavier_uniform_(self.mix.weight, gain=4)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, 448, ceil(H/8), ceil(W/8)) features."""
        with torch.no_grad():
            features = self.backbone(images)
        grid = features[self.backbone.strides.index(self.stride)].shape[-2:]
        levels = [_resize(F.elu(level(x)), grid) for level, x in zip(self.levels, features[-3:], strict=True)]
        return F.elu(self.mix(torch.cat(levels, dim=1)))

    def affinity(self, output: Tensor, radius: int) -> Tensor:
        return features_to_affinity(output, radius)

    def walk(self, image: Tensor) -> Callable[..., Tensor]:
        return partial(feature_walk, features=self.features(image))

    @torch.inference_mode()
    def features(self, image: Tensor) -> Tensor:
        """(3, H, W) normalised → (448, ceil(H/8), ceil(W/8)) float32 features of one photo."""
        return self._see(image[None])[0]


def pair_net(kind: Literal["boundary", "feature"], backbone: Backbone) -> PairNet:
    """The network of a recipe's `affinity.kind`."""
    return AffinityNet(backbone) if kind == "boundary" else FeatureAffinityNet(backbone)


def _resize(x: Tensor, grid: torch.Size) -> Tensor:
    return x if x.shape[-2:] == grid else F.interpolate(x, grid, mode="bilinear", align_corners=False)
