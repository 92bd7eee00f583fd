"""AffinityNet's features (Ahn and Kwak, CVPR 2018), which the paper cites."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.affinity import features_to_affinity
from puzzlecam_cli.method.random_walk import feature_walk
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.pair_net import PairNet, resize


class FeatureNet(PairNet):
    """Features (B, 448, ceil(H/8), ceil(W/8)), in which alike cells are close, from the three deepest maps.

    Where it differs from AffinityNet's published code: that trains the upper half of its backbone too; here all of it
    stays frozen, for few photos [ours]. That has no pairs whose first cell lies within `radius` - 1 cells of the left,
    the right or the lower border, neither in training nor in the walk; here the walk has them all, so that maps spread
    up to the border, and only the training leaves them out [as IRNet]. That trains on CRF scores averaged over a cell;
    here a cell has the label of the pixel in its middle [as the authors' code for boundaries].

    Raises:
        UserError: the backbone has no map at stride 8.
    """

    stride = 8
    WIDTHS = (64, 128, 256)

    def __init__(self, backbone: Backbone, canvas: int = 0):
        if self.stride not in backbone.strides:
            hint = "choose another backbone, or affinity.kind: boundary"
            raise UserError("backbone-unfit", no_map_for_features(backbone), hint=hint)
        super().__init__(backbone, canvas)
        self.levels = nn.ModuleList(
            nn.Conv2d(channels, width, 1, bias=False)
            for channels, width in zip(backbone.channels[-3:], self.WIDTHS, strict=True)
        )
        self.mix = nn.Conv2d(sum(self.WIDTHS), sum(self.WIDTHS), 1, bias=False)
        for level in self.levels:
            nn.init.kaiming_normal_(level.get_parameter("weight"))
        nn.init.xavier_uniform_(self.mix.weight, gain=4)

    def head(self, features: list[Tensor], grid: list[int]) -> Tensor:
        levels = [resize(F.elu(level(x)), grid) for level, x in zip(self.levels, features[-3:], strict=True)]
        return F.elu(self.mix(torch.cat(levels, dim=1)))

    def affinity(self, output: Tensor, radius: int) -> Tensor:
        return features_to_affinity(output, radius)

    def walk(self, images: Tensor) -> Callable[..., Tensor]:
        return partial(feature_walk, features=self.features(images))

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised → (B, 448, ceil(H/8), ceil(W/8)) float32 features of photos."""
        features: Tensor = self(images).float()
        return features


def no_map_for_features(backbone: Backbone) -> str:
    """What is said of a backbone without a map at stride 8."""
    return f"affinity.kind `feature` needs a map at stride {FeatureNet.stride}; this backbone has {backbone.strides}"
