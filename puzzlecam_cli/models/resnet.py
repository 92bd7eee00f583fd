"""ResNet and ResNeSt with the paper's strides, through timm.

The authors' networks keep layer4 at stride 16. ResNet: layer4 has stride 1 and no dilation. ResNeSt: layer4 has
stride 1, its first block dilation 1, the others dilation 2. timm's `output_stride=16` is neither, silently.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.timm_networks import create
from puzzlecam_cli.models.weights import load_weights


class ResNetStages(nn.Module):
    """The trunk of a timm ResNet, parameters named as torchvision's."""

    conv1: nn.Module
    bn1: nn.Module
    act1: nn.Module
    maxpool: nn.Module

    def __init__(self, network: nn.Module):
        super().__init__()
        for name in ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            self.add_module(name, network.get_submodule(name))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) → stem after max-pooling, layer1, layer2, layer3, layer4."""
        x = self.maxpool(self.act1(self.bn1(self.conv1(images))))
        features = [x]
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = self.get_submodule(name)(x)
            features.append(x)
        return features


def _channels(network: Any) -> list[int]:
    return [network.feature_info[0]["num_chs"], *(info["num_chs"] for info in network.feature_info[1:5])]


def _resnet(model: str, pretrained: bool, weights: str | None) -> Backbone:
    network = create(f"{model}.tv_in1k", pretrained and not weights)
    first = network.layer4[0]
    strided = first.conv2 if hasattr(first, "conv3") else first.conv1  # bottleneck, basic block
    strided.stride = first.downsample[0].stride = (1, 1)
    return _finish(network, weights, "BSD-3-Clause (torchvision)")


def _resnest(model: str, pretrained: bool, weights: str | None) -> Backbone:
    network = create(f"{model}.in1k", pretrained and not weights, output_stride=16)
    first = network.layer4[0]
    first.avd_last = nn.AvgPool2d(3, stride=1, padding=1)
    first.downsample[0] = nn.Identity()
    return _finish(network, weights, "Apache-2.0 (ResNeSt)")


def _finish(network: Any, weights: str | None, licence: str) -> Backbone:
    stages = ResNetStages(network)
    loaded = load_weights(stages, weights) if weights else None
    return Backbone(stages, _channels(network), loaded=loaded, licence=licence)


def resnet18(*, pretrained: bool, weights: str | None) -> Backbone:
    """ResNet-18 (He et al. 2016)."""
    return _resnet("resnet18", pretrained, weights)


def resnet34(*, pretrained: bool, weights: str | None) -> Backbone:
    """ResNet-34 (He et al. 2016)."""
    return _resnet("resnet34", pretrained, weights)


def resnet50(*, pretrained: bool, weights: str | None) -> Backbone:
    """ResNet-50 (He et al. 2016)."""
    return _resnet("resnet50", pretrained, weights)


def resnet101(*, pretrained: bool, weights: str | None) -> Backbone:
    """ResNet-101 (He et al. 2016)."""
    return _resnet("resnet101", pretrained, weights)


def resnest50(*, pretrained: bool, weights: str | None) -> Backbone:
    """ResNeSt-50 (Zhang et al. 2020)."""
    return _resnest("resnest50d", pretrained, weights)


def resnest101(*, pretrained: bool, weights: str | None) -> Backbone:
    """ResNeSt-101 (Zhang et al. 2020)."""
    return _resnest("resnest101e", pretrained, weights)


def resnest269(*, pretrained: bool, weights: str | None) -> Backbone:
    """ResNeSt-269 (Zhang et al. 2020), the paper's best."""
    return _resnest("resnest269e", pretrained, weights)
