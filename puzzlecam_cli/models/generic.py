"""Any timm network that can give its features: `timm:<model>`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone, load_weights
from puzzlecam_cli.models.resnet import create


def timm_backbone(model: str, *, pretrained: bool, weights: str | None, **options: Any) -> Backbone:
    """A timm network as a backbone: its last five maps, or the finest one twice where it has four.

    Its last stage stays at stride 16 where timm can do that, dilated, else at timm's own stride.

    Args:
        model: timm's name.
        options: passed on to `timm.create_model`.

    Raises:
        UserError: timm has no such model, or the model gives no features or none at stride 4.
    """
    if not timm.is_model(model):
        close = timm.list_models(f"*{model[:6]}*")[:4]
        raise UserError("backbone-missing", f"timm has no model `{model}`", tuple(close))
    chosen = {"features_only": True, **options}
    try:
        try:
            network = create(model, pretrained and not weights, output_stride=16, **chosen)
        except (TypeError, NotImplementedError, AssertionError):
            network = create(model, pretrained and not weights, **chosen)
        channels, strides = network.feature_info.channels()[-5:], network.feature_info.reduction()[-5:]
    except (TypeError, RuntimeError, AttributeError, AssertionError) as error:
        raise UserError("backbone-unfit", f"timm's `{model}` gives no feature maps: {error}") from error
    loaded = load_weights(network, weights, without=("fc.", "head.", "classifier.")) if weights else None
    if len(channels) == 4:
        channels, strides = [channels[0], *channels], [strides[0], *strides]
    if len(channels) != 5 or 4 not in strides:
        raise UserError("backbone-unfit", f"timm's `{model}` has maps at strides {strides}; one must be 4")
    network = _FiveMaps(network)
    _check_maps(model, network, channels, strides)
    settings = timm.get_pretrained_cfg(model) or timm.models.PretrainedCfg()
    return Backbone(network, channels, strides, settings.mean, settings.std, loaded)


class _FiveMaps(nn.Module):
    """The last five maps of a network, or its four and the finest of them once more."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        features = self.network(images)[-5:]
        return [features[0], *features] if len(features) == 4 else features


@torch.inference_mode()
def _check_maps(model: str, network: nn.Module, channels: Sequence[int], strides: Sequence[int]) -> None:
    """Refuse networks of a fixed input size, and those whose maps are not what timm says."""
    height, width = 192, 256
    wanted = [(c, height // stride, width // stride) for c, stride in zip(channels, strides, strict=True)]
    try:
        found = [tuple(feature.shape[1:]) for feature in network.eval()(torch.zeros(1, 3, height, width))]
    except Exception as error:  # whatever a network says to a size it does not know
        raise UserError("backbone-unfit", f"timm's `{model}` does not take any image size: {error}") from error
    if found != wanted:
        raise UserError(
            "backbone-unfit", f"timm's `{model}` gives maps {found} of a {height}×{width} image, not {wanted}"
        )
