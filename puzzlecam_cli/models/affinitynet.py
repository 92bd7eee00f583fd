"""AffinityNet: IRNet's class-boundary branch (Ahn et al., CVPR 2019) on a frozen ImageNet backbone [code]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone


class AffinityNet(nn.Module):
    """Predicts where objects end, from all five maps of a backbone that does not learn."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.backbone = backbone.requires_grad_(False).eval()
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, 32, 1, bias=False), nn.GroupNorm(4, 32)) for channels in backbone.channels
        )
        self.edge = nn.Conv2d(32 * len(backbone.channels), 1, 1)

    def train(self, mode: bool = True) -> AffinityNet:
        """Everything but the backbone, which stays as it was pretrained."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, ceil(H/4), ceil(W/4)) logits of a boundary."""
        with torch.no_grad():
            features = self.backbone(images)
        grid = features[self.backbone.quarter].shape[-2:]
        levels = []
        for level, x in zip(self.levels, features, strict=True):
            x = level(x)
            if x.shape[-2:] != grid:
                x = F.interpolate(x, grid, mode="bilinear", align_corners=False)
            levels.append(x.relu())
        logits: Tensor = self.edge(torch.cat(levels, dim=1))[:, 0]
        return logits

    @torch.inference_mode()
    def edges(self, image: Tensor) -> Tensor:
        """Boundary probabilities of one photo, averaged with its mirror image.

        The photo is padded at the right and the bottom to whole 16-pixel cells.

        Args:
            image: (3, H, W) normalised.

        Returns:
            (ceil(H/4), ceil(W/4)) float32 in [0, 1].
        """
        height, width = image.shape[-2:]
        pair = F.pad(torch.stack([image, image.flip(-1)]), (0, -width % 16, 0, -height % 16))
        straight, mirrored = self(pair)[:, : -(-height // 4), : -(-width // 4)].float()
        return torch.sigmoid((straight + mirrored.flip(-1)) / 2)
