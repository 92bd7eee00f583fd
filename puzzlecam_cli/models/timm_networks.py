"""Any timm network that can give its features: `timm:<model>`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from math import lcm
from typing import Any

import timm
import torch
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.weights import fill, mismatches, read_weights

# what makes networks better here, in the order tried: a fine last map; any image size, of ViTs and of Swins
WISHES: tuple[dict[str, Any], ...] = ({"output_stride": 16}, {"dynamic_img_size": True}, {"strict_img_size": False}, {})
OF_FEATURES = ("features_only", "feature_cls", "out_indices", "output_stride")  # options that only features have
NOT_OPTIONS = ("checkpoint_path", "cache_dir", "pretrained_cfg", "pretrained_cfg_overlay")
PROBES = ((97, 131), (192, 224))  # heights and widths of images that a network is tried with


def timm_backbone(model: str, *, pretrained: bool, weights: str | None, **options: Any) -> Backbone:
    """A timm network as a backbone: its last five maps, or the finest more than once where it has fewer.

    Its last stage stays at stride 16 where timm can do that, dilated, else at timm's own stride. Of a network whose
    maps are all of one stride, as a ViT's, five spread over its depth are taken.

    Args:
        model: timm's name.
        pretrained: download timm's weights.
        weights: a file in timm's naming, of the whole network or of its features, in their place.
        options: passed on to `timm.create_model`.

    Raises:
        UserError: timm has no such model, the model gives no maps of any image size, or its weights cannot be had.
    """
    check_options(model, options)
    state = read_weights(weights) if weights else None
    said = ""
    for wish in WISHES:
        chosen = {**wish, **options, "features_only": True}
        try:
            network = create(model, pretrained and not weights, **chosen)
            info = network.feature_info
            channels, strides = info.channels()[-5:], info.reduction()[-5:]
            if len(set(strides)) == 1 and "out_indices" not in chosen and len(info.info) > 5:
                spread = [len(info.info) * part // 5 - 1 for part in range(1, 6)]
                network = create(model, pretrained and not weights, **chosen, out_indices=spread)
                channels, strides = network.feature_info.channels(), network.feature_info.reduction()
            five = _FiveMaps(network)
            multiple = _multiple(five, channels, strides)
        except UserError:
            raise
        except Exception as error:  # whatever a network says to options and sizes it does not know
            said = str(error) or said or type(error).__name__
            continue
        loaded = load_file(model, network, state, str(weights), chosen) if state else None
        settings = timm.get_pretrained_cfg(model) or timm.models.PretrainedCfg()
        channels, strides = (_five(values) for values in (channels, strides))
        licence = f"{settings.license} (timm)" if settings.license else ""
        return Backbone(
            five, channels, strides, settings.mean, settings.std, loaded, multiple=multiple, licence=licence
        )
    raise UserError("backbone-unfit", f"timm's `{model}` gives no feature maps of images of any size: {said[:200]}")


def check_options(model: str, options: Mapping[str, Any]) -> None:
    """Refuse what is no model of timm, and options that would load files around us.

    Raises:
        UserError: which.
    """
    if not timm.is_model(model):
        close = timm.list_models(f"*{model[:6]}*")[:4]
        raise UserError("backbone-missing", f"timm has no model `{model[:100]}`", tuple(close))
    if refused := [name for name in NOT_OPTIONS if name in options]:
        raise UserError(
            "backbone-failed", f"backbone.{refused[0]} is not an option", hint="backbone.weights names a weight file"
        )


def create(model: str, pretrained: bool, **options: Any) -> Any:
    """A timm model; a download that fails is the user's to mend."""
    try:
        return timm.create_model(model, pretrained=pretrained, **options)
    except (OSError, RuntimeError, ValueError) as error:
        if not pretrained or "features_only" in str(error) or isinstance(error, NotImplementedError):
            raise
        raise UserError(
            "weights-unavailable",
            f"the ImageNet weights of timm's `{model}` could not be loaded: {type(error).__name__}: {error}"[:400],
            hint="go online once, give a file (backbone.weights: FILE), or set backbone.pretrained: false",
        ) from error


def _five(maps: list[Any]) -> list[Any]:
    """Five of a list, finest first: the last ones, or the first more than once."""
    return [*maps[:1] * (5 - len(maps)), *maps[-5:]]


class _FiveMaps(nn.Module):
    """Five maps of a network, channels first."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.channels_last = getattr(network, "output_fmt", "") == "NHWC"

    def forward(self, images: Tensor) -> list[Tensor]:
        features = _five(list(self.network(images)))
        return [feature.permute(0, 3, 1, 2) for feature in features] if self.channels_last else features


@torch.inference_mode()
def _multiple(network: nn.Module, channels: list[int], strides: list[int]) -> int:
    """The least multiple of pixels of whose images the maps are what timm says."""
    cell = lcm(*strides)
    said: Exception = ValueError()
    for multiple in (1, cell, 2 * cell):
        try:
            _check_maps(network, _five(channels), _five(strides), multiple)
        except Exception as error:  # whatever a network says to a size it does not know
            said = error
            continue
        return multiple
    raise said


def _check_maps(network: nn.Module, channels: list[int], strides: list[int], multiple: int) -> None:
    for height, width in PROBES:
        height, width = (side + -side % multiple for side in (height, width))
        wanted = [(c, -(-height // stride), -(-width // stride)) for c, stride in zip(channels, strides, strict=True)]
        found = [tuple(feature.shape[1:]) for feature in network.eval()(torch.zeros(1, 3, height, width))]
        if found != wanted:
            raise ValueError(f"its maps of {height}×{width} pixels are {found}, not {wanted}")


def load_file(model: str, network: nn.Module, state: Mapping[str, Tensor], file: str, chosen: Mapping[str, Any]) -> str:
    """Load a file of the whole network, whose names differ from those of its features, or of the features.

    Args:
        model: timm's name.
        network: features of it, or it without its head.
        state: the file's tensors, in timm's naming or in that of the network's first publication.
        file: its name, for messages.
        chosen: options that the network was made with.

    Returns:
        What was loaded, in a sentence.

    Raises:
        UserError: as of `load_weights`.
    """
    with torch.random.fork_rng(devices=[]):  # what follows is as random as without a file
        whole = timm.create_model(model, **{key: value for key, value in chosen.items() if key not in OF_FEATURES})
    wanted = network.state_dict()
    renamed, here = _as_named_here(wanted, state), {_plain(name) for name in wanted}
    beside = {name for name in whole.state_dict() if _plain(name) not in here}
    translate = getattr(sys.modules[timm.models.model_entrypoint(model).__module__], "checkpoint_filter_fn", None)
    known = {name: tensor for name, tensor in renamed.items() if name not in beside}
    if translate and mismatches(wanted, known):
        with suppress(Exception):  # it is for the networks' first publications; others it does not know
            renamed = _as_named_here(wanted, translate(dict(state), whole))
    return fill(network, renamed, file, beside.__contains__)


def _plain(name: str) -> str:
    """timm's features flatten `stages.0` to `stages_0`, or put `model.` first."""
    return name.removeprefix("model.").replace(".", "_")


def _as_named_here(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = {_plain(name): name for name in wanted}
    return {names.get(_plain(name), name): tensor for name, tensor in state.items()}
