"""DeepLabv3+ (Chen et al., ECCV 2018) at output stride 16, as the authors build it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone

Norm = Literal["group", "batch"]
RATES = (6, 12, 18)


def _block(inputs: int, outputs: int, kernel: int, norm: Norm, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False),
        nn.GroupNorm(4, outputs) if norm == "group" else nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _upsample(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, list(size), mode="bilinear", align_corners=True)


class AtrousPyramid(nn.Module):
    """Atrous spatial pyramid pooling: 1×1, three dilated 3×3, image pooling: (B, D, h, w) → (B, width, h, w)."""

    def __init__(self, channels: int, width: int, norm: Norm):
        super().__init__()
        self.branches = nn.ModuleList(
            [_block(channels, width, 1, norm), *(_block(channels, width, 3, norm, rate) for rate in RATES)]
        )
        self.pooled = _block(channels, width, 1, norm)
        self.project = nn.Sequential(_block(5 * width, width, 1, norm), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.pooled(x.mean(dim=(-2, -1), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        merged: Tensor = self.project(torch.cat([*(branch(x) for branch in self.branches), pooled], dim=1))
        return merged


class DeepLab(nn.Module):
    """DeepLabv3+.

    Args:
        backbone: gives the map nearest to stride 4 and the last one.
        num_labels: object classes and background, C + 1.
        width: channels of pyramid and decoder.
        norm: `group` (4 groups) or `batch`, in pyramid and decoder.
    """

    def __init__(self, backbone: Backbone, num_labels: int, width: int = 256, norm: Norm = "group"):
        super().__init__()
        self.backbone = backbone
        self.pyramid = AtrousPyramid(backbone.channels[-1], width, norm)
        self.fine = _block(backbone.channels[backbone.fine], 48, 1, norm)
        self.decoder = nn.Sequential(
            _block(48 + width, width, 3, norm),
            nn.Dropout(0.5),
            _block(width, width, 3, norm),
            nn.Dropout(0.1),
            nn.Conv2d(width, num_labels, 1),
        )

    def draw_kaiming(self) -> None:
        """Draw the weights of all convolutions outside the backbone anew, normal with variance 2 / inputs [code].

        PyTorch's own are uniform, with a sixth of that variance.
        """
        for part in (self.pyramid, self.fine, self.decoder):
            for layer in part.modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, C+1, H, W) logits."""
        features = self.backbone(images)
        fine = self.fine(features[self.backbone.fine])
        deep = _upsample(self.pyramid(features[-1]), fine.shape[-2:])
        return _upsample(self.decoder(torch.cat([fine, deep], dim=1)), images.shape[-2:])
