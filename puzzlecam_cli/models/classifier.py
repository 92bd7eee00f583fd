"""The classifier whose maps are the CAMs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.method.cam import class_activation_maps
from puzzlecam_cli.models.backbone import Backbone


class Classifier(nn.Module):
    """A backbone and a linear head without bias, applied to every cell of the last map, or of the last maps together.

    Args:
        backbone: it becomes the network's.
        num_classes: C, without background.
        levels: of the backbone's five maps the deepest ones that the head sees.
    """

    def __init__(self, backbone: Backbone, num_classes: int, levels: int = 1):
        super().__init__()
        self.backbone = backbone
        self.levels = levels
        self.stride = backbone.strides[-levels]  # pixels along a side of the maps' cells
        self.head = nn.Linear(sum(backbone.channels[-levels:]), num_classes, bias=False)
        nn.init.kaiming_normal_(self.head.weight)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, C, h, w) raw maps; their mean over h and w are the logits."""
        return class_activation_maps(together(self.backbone(images)[-self.levels :]), self.head.weight)


def together(maps: Sequence[Tensor]) -> Tensor:
    """The features of several levels in each cell of the first of them [ours].

    Args:
        maps: (B, D_i, h_i, w_i), finest first.

    Returns:
        (B, Σ D_i, h_1, w_1): each level divided by its root mean square over the image, as their sizes differ; a
        single one as it is.
    """
    if len(maps) == 1:
        return maps[0]

    def alike(level: Tensor) -> Tensor:
        strength = level.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp(min=1e-6)
        return F.interpolate(level / strength, maps[0].shape[-2:], mode="bilinear")

    return torch.cat([alike(level) for level in maps], dim=1)
