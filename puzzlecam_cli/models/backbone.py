"""What a backbone is, and how one is found by name."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.weights import load_weights as load_weights  # for plugins: all they need in one place
from puzzlecam_cli.registry import backbone_factory

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PAPER_STRIDES = (4, 4, 8, 16, 16)
GRID = 4  # pixels a cell of walked maps and boundaries; a decoder's finest map is the one nearest to it


class Backbone(nn.Module):
    """A network that gives five feature maps, finest first, of images of any size.

    Args:
        network: (B, 3, H, W) → five maps (B, channels[i], ceil(H/strides[i]), ceil(W/strides[i])), wherever H and W
            are multiples of `multiple`.
        channels: of the five maps.
        strides: of the five maps, in pixels a cell, none below the one before; the last is the CAM's.
        mean, std: of the normalised input, per colour in [0, 1].
        loaded: what `load_weights` said of a weight file; None: there was none.
        multiple: of pixels that the network's input sides must be; 1: any size will do.
        licence: of its pretrained weights, and who publishes them, in words; empty: it is not known.

    Raises:
        ValueError: not five maps, strides that fall, or a multiple below 1.
    """

    def __init__(
        self,
        network: nn.Module,
        channels: Sequence[int],
        strides: Sequence[int] = PAPER_STRIDES,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        loaded: str | None = None,
        *,
        multiple: int = 1,
        licence: str = "",
    ):
        super().__init__()
        if not len(channels) == len(strides) == 5:
            raise ValueError(f"a backbone gives five maps; got channels {tuple(channels)}, strides {tuple(strides)}")
        if min(strides) < 1 or list(strides) != sorted(strides):
            raise ValueError(f"maps come finest first; got strides {tuple(strides)}")
        if multiple < 1:
            raise ValueError(f"sides are multiples of at least one pixel; got {multiple}")
        self.network = network
        self.channels = tuple(channels)
        self.strides = tuple(strides)
        self.mean = tuple(mean)
        self.std = tuple(std)
        self.loaded = loaded
        self.multiple = multiple
        self.licence = licence
        self._kept: tuple[str, ...] = ()  # names of batch normalisations that keep their running statistics

    @property
    def fine(self) -> int:
        """Index of the map for a decoder: of those with the stride nearest to 4 the deepest, but not the last map."""
        nearest = min(self.strides, key=lambda stride: abs(log2(stride / GRID)))
        deepest = max(index for index, stride in enumerate(self.strides) if stride == nearest)
        return deepest if deepest < len(self.strides) - 1 else self.strides.index(nearest)

    def freeze(self, levels: int) -> None:
        """Stop the training of all that the first `levels` of the five maps are made from, running statistics too."""
        if levels == 0:
            return
        training, parameters = self.training, [p for p in self.parameters() if p.requires_grad]
        norms: dict[nn.Module, Tensor] = {}
        hooks = [
            module.register_forward_hook(lambda module, _, output: norms.update({module: output}))
            for module in self.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
        ]
        features = self.eval()(torch.zeros(1, 3, 64, 64))[:levels]
        for hook in hooks:
            hook.remove()
        total = torch.stack([feature.sum() for feature in features]).sum()
        gradients = torch.autograd.grad(total, [*parameters, *norms.values()], allow_unused=True)
        used = [gradient is not None for gradient in gradients]
        for parameter, is_used in zip(parameters, used, strict=False):
            parameter.requires_grad_(not is_used)
        kept = {norm for norm, is_used in zip(norms, used[len(parameters) :], strict=True) if is_used}
        self._kept = tuple(name for name, module in self.named_modules() if module in kept)
        self.train(training)

    def train(self, mode: bool = True) -> Backbone:
        """Everything but the batch normalisations that are frozen."""
        super().train(mode)
        for name in self._kept:
            self.get_submodule(name).eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) normalised → five maps (B, channels[i], ceil(H/strides[i]), ceil(W/strides[i])).

        Sides that are no multiple are padded at the right and the bottom with the mean colour; the maps are cropped.
        """
        if self.multiple == 1:
            return list(self.network(images))
        sides = images.shape[-2:]
        features = self.network(pad_to_multiple(images, self.multiple))
        return [
            feature[..., : (sides[0] + stride - 1) // stride, : (sides[1] + stride - 1) // stride]  # of ONNX as well
            for feature, stride in zip(features, self.strides, strict=True)
        ]


def pad_to_multiple(images: Tensor, multiple: int, least: int = 0) -> Tensor:
    """Normalised images padded with their mean colour, 0, at the right and the bottom: (B, 3, H, W) → (B, 3, H', W').

    Args:
        images: any size.
        multiple: H' and W' are the next multiples of it.
        least: what H' and W' are not below.
    """
    height, width = (max(side, least) for side in images.shape[-2:])
    bottom, right = (height + -height % multiple - images.shape[-2], width + -width % multiple - images.shape[-1])
    return F.pad(images, (0, right, 0, bottom)) if bottom or right else images


def load_backbone(
    name: str, *, pretrained: bool = False, weights: str | Path | None = None, **options: Any
) -> Backbone:
    """The backbone called `name`: built in, from a plugin, or `timm:<model>`.

    Args:
        name: as `puzzlecam backbones` lists it.
        pretrained: start from ImageNet weights.
        weights: a .pth or .safetensors file to start from instead, in the backbone's own naming.
        options: passed on to the backbone.

    Raises:
        UserError: there is no such backbone, its plugin is broken, or its weights cannot be had.
    """
    factory = backbone_factory(name)
    try:
        backbone = factory(pretrained=pretrained, weights=str(weights) if weights else None, **options)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # whatever another one's code may raise
        given = f" with options {options}" if options else ""
        raise UserError(
            "backbone-failed", f"backbone `{name}` cannot be built{given}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(backbone, Backbone):
        raise UserError("plugin-broken", f"backbone `{name}` gave a {type(backbone).__name__}, not a Backbone")
    return backbone
