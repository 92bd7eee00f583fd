"""Plain vision transformers as puzzlecam backbones, through timm: DINOv2, DINOv3, DeiT, CLIP's image towers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models import is_model_in_modules
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone, load_backbone
from puzzlecam_cli.models.timm_networks import check_options, create, load_file
from puzzlecam_cli.models.weights import read_weights

PLAIN = {"vision_transformer", "deit", "eva"}  # timm's modules of plain vision transformers; DINOv3 is in the last
FINER = (4, 8)  # strides of the two maps that are finer than the patches


class Tokens(nn.Module):
    """A vision transformer of which all but the patch tokens is dropped; parameters named as timm's.

    Args:
        network: timm's.
        blocks: of which the tokens are taken, from 0; deeper ones are cut off.
    """

    def __init__(self, network: Any, blocks: Sequence[int]):
        super().__init__()
        network.prune_intermediate_layers(sorted(set(blocks)), prune_norm=False, prune_head=True)
        self.network = network
        self.blocks = tuple(blocks)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) → a map (B, D, H/patch, W/patch) of each block, after the network's last normalisation.

        Tokens that are no patch (class, distillation, registers) are left out.
        """
        taken = sorted(set(self.blocks))
        maps = self.network.forward_intermediates(images, indices=taken, norm=True, intermediates_only=True)
        return [maps[taken.index(block)] for block in self.blocks]


class Pyramid(nn.Module):
    """Five maps of a vision transformer alone, of blocks that lie evenly over its depth, the shallowest finest.

    Finer levels are the tokens of a shallow block, interpolated. A pyramid of transposed convolutions (ViTDet, Li et
    al. 2022) would have weights that nobody has pretrained, while backbones are frozen in several stages [ours].
    """

    def __init__(self, network: Any, patch: int):
        super().__init__()
        depth = len(network.blocks)
        self.tokens = Tokens(network, [-(-depth * part // 5) - 1 for part in range(1, 6)])
        self.patch = patch
        self.strides = (*(min(stride, patch) for stride in FINER), patch, patch, patch)
        self.channels = (network.embed_dim,) * 5

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W), sides whole patches → five maps (B, D, ceil(H/strides[i]), ceil(W/strides[i]))."""
        maps = self.tokens(images)
        return [at_stride(x, self.patch, stride, images) for x, stride in zip(maps, self.strides, strict=True)]


class WithFine(nn.Module):
    """The four deepest maps of a second backbone, none coarser than the patches, then the transformer's last one.

    Args:
        network: timm's transformer.
        patch: pixels along a side of its patches.
        mean, std: of its normalised input.
        fine: the other backbone, which gets the same images, normalised as it wants them.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, network: Any, patch: int, mean: Sequence[float], std: Sequence[float], fine: Backbone):
        super().__init__()
        self.tokens = Tokens(network, [len(network.blocks) - 1])
        self.fine = fine
        self.patch = patch
        self.strides = (*(min(stride, patch) for stride in fine.strides[1:]), patch)
        self.channels = (*fine.channels[1:], network.embed_dim)
        here, there = (torch.tensor([*colours]) for colours in ((mean, std), (fine.mean, fine.std)))
        self.register_buffer("scale", (here[1] / there[1])[:, None, None], persistent=False)
        self.register_buffer("shift", ((here[0] - there[0]) / there[1])[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W), sides whole patches → five maps (B, channels[i], ceil(H/strides[i]), ceil(W/strides[i]))."""
        _, *deeper = self.fine(images * self.scale + self.shift)
        strides = zip(self.fine.strides[1:], self.strides, strict=False)
        maps = [at_stride(x, cell, stride, images) for x, (cell, stride) in zip(deeper, strides, strict=True)]
        return [*maps, *self.tokens(images)]


def at_stride(x: Tensor, cell: int, stride: int, images: Tensor) -> Tensor:
    """Interpolate a map of cells of `cell` pixels to finer ones of `stride`, each where it lies in the image.

    Args:
        x: (B, C, ceil(H/cell), ceil(W/cell)).
        images: (B, 3, H, W).

    Returns:
        (B, C, ceil(H/stride), ceil(W/stride)).
    """
    if cell == stride:
        return x
    height, width = (-(-side // stride) for side in images.shape[-2:])
    padded = F.pad(x, (0, 1, 0, 1), mode="replicate")  # a cell more, for the last one may lie on the border
    fine = F.interpolate(padded, scale_factor=cell / stride, mode="bilinear", align_corners=False)
    return fine[..., :height, :width]


def plain_vit(
    model: str, *, pretrained: bool, weights: str | None, fine: str | None = None, **options: Any
) -> Backbone:
    """A vision transformer with any size of image and of patches.

    Args:
        model: timm's name, with a tag where its weights have several.
        pretrained: download timm's weights.
        weights: a file in timm's naming, or of the first publication, in their place.
        fine: name of a second, convolutional backbone, from which the finer maps come; pretrained as this one is.
        options: passed on to `timm.create_model`.

    Raises:
        UserError: timm has no such model, it is no plain transformer, or its weights cannot be had.
    """
    check_options(model, options)
    if not is_model_in_modules(model, PLAIN):
        said = f"timm's `{model}` is no plain vision transformer, whose maps are all of one stride"
        raise UserError("backbone-unfit", said, hint=f"as it is: `backbone: timm:{model}`")
    chosen = {"dynamic_img_size": True, **options}
    network = create(model, pretrained and not weights, **chosen)
    patch, settings = network.patch_embed.feat_ratio(), timm.get_pretrained_cfg(model) or timm.models.PretrainedCfg()
    licence = f"{settings.license} (timm)" if settings.license else ""
    maps: Pyramid | WithFine
    if fine is None:
        maps = Pyramid(network, patch)
    else:
        second = load_backbone(fine, pretrained=pretrained)
        maps = WithFine(network, patch, settings.mean, settings.std, second)
        licence = "; ".join(each for each in (licence, second.licence) if each)
    loaded = load_file(model, maps.tokens.network, read_weights(weights), weights, chosen) if weights else None
    colours = settings.mean, settings.std
    return Backbone(maps, maps.channels, maps.strides, *colours, loaded, multiple=patch, licence=licence)


dinov2_small = partial(plain_vit, "vit_small_patch14_dinov2")
dinov2_base = partial(plain_vit, "vit_base_patch14_dinov2")
dinov2_large = partial(plain_vit, "vit_large_patch14_dinov2")
dinov3_small = partial(plain_vit, "vit_small_patch16_dinov3")
dinov3_base = partial(plain_vit, "vit_base_patch16_dinov3")
dinov3_large = partial(plain_vit, "vit_large_patch16_dinov3")
deit_tiny = partial(plain_vit, "deit_tiny_patch16_224")
deit_small = partial(plain_vit, "deit_small_patch16_224")
deit_base = partial(plain_vit, "deit_base_patch16_224")
clip_base = partial(plain_vit, "vit_base_patch16_clip_quickgelu_224.openai")
clip_large = partial(plain_vit, "vit_large_patch14_clip_quickgelu_224.openai")
