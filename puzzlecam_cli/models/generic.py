"""Any timm network that can give its features: `timm:<model>`."""

from __future__ import annotations

from typing import Any

import timm
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
    if weights:
        load_weights(network, weights, without=("fc.", "head.", "classifier."))
    if len(channels) == 4:
        channels, strides = [channels[0], *channels], [strides[0], *strides]
        network = _FirstTwice(network)
    if len(channels) != 5 or 4 not in strides:
        raise UserError("backbone-unfit", f"timm's `{model}` has maps at strides {strides}; one must be 4")
    settings = timm.get_pretrained_cfg(model) or timm.models.PretrainedCfg()
    return Backbone(network, channels, strides, settings.mean, settings.std)


class _FirstTwice(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> list[Tensor]:
        features = self.network(images)
        return [features[0], *features]
