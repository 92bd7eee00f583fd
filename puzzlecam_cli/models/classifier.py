"""The classifier whose maps are the CAMs."""

from __future__ import annotations

from torch import Tensor, nn

from puzzlecam_cli.method.cam import class_activation_maps
from puzzlecam_cli.models.backbone import Backbone


class Classifier(nn.Module):
    """A backbone and a linear head without bias, applied to every cell of the last map."""

    def __init__(self, backbone: Backbone, num_classes: int):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.channels[-1], num_classes, bias=False)
        nn.init.kaiming_normal_(self.head.weight)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, C, h, w) raw maps; their mean over h and w are the logits."""
        return class_activation_maps(self.backbone(images)[-1], self.head.weight)
