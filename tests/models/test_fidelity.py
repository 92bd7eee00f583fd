"""The paper's four networks against networks written here from their papers, with the authors' strides.

The references read a state dict and use nothing but convolutions, pools and arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import IMAGENET_MEAN, IMAGENET_STD, Backbone, load_backbone
from puzzlecam_cli.models.resnet import ResNetStages

PAPER = ("resnet50", "resnest50", "resnest101", "resnest269")
DEPTHS = {
    "resnet50": (3, 4, 6, 3),
    "resnest50": (3, 4, 6, 3),
    "resnest101": (3, 4, 23, 3),
    "resnest269": (3, 30, 48, 8),
}
STEM = {"resnet50": 64, "resnest50": 64, "resnest101": 128, "resnest269": 128}  # channels after max-pooling


def on_meta(name: str) -> Backbone:
    """Structure without memory or time."""
    with torch.device("meta"):
        return load_backbone(name).eval()


@torch.no_grad()
def fill(network: nn.Module, seed: int = 0) -> nn.Module:
    """He weights; running statistics, scales and shifts that are far from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.ndim > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        elif name.endswith("bn3.weight"):
            value.uniform_(0.05, 0.15, generator=generator)  # or rounding grows from block to block
        elif name.endswith("weight"):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.is_floating_point():
            value.normal_(0, 0.2, generator=generator)
    return network.eval()


def photos(height: int, width: int) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


@dataclass(frozen=True)
class Weights:
    """Layers by name."""

    state: dict[str, Tensor]

    def conv(self, name: str, x: Tensor, stride: int = 1, dilation: int = 1, groups: int = 1) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        padding = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    def norm(self, name: str, x: Tensor) -> Tensor:
        """Batch normalisation by its running statistics."""
        mean, var, scale, shift = (
            self.state[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * scale + shift

    def blocks(self, layer: int) -> int:
        return len({name.split(".")[1] for name in self.state if name.startswith(f"layer{layer}.")})


def resnet_block(w: Weights, name: str, x: Tensor, stride: int, first: bool) -> Tensor:
    """1×1, 3×3 (which bears the stride), 1×1, and a shortcut (He et al. 2016; stride as in torchvision)."""
    y = w.norm(f"{name}.bn1", w.conv(f"{name}.conv1", x)).clamp(min=0)
    y = w.norm(f"{name}.bn2", w.conv(f"{name}.conv2", y, stride)).clamp(min=0)
    y = w.norm(f"{name}.bn3", w.conv(f"{name}.conv3", y))
    if first:
        x = w.norm(f"{name}.downsample.1", w.conv(f"{name}.downsample.0", x, stride))
    return (x + y).clamp(min=0)


def resnet(state: dict[str, Tensor], images: Tensor) -> list[Tensor]:
    """All five maps; layer4 keeps stride 16 without dilation."""
    w = Weights(state)
    x = w.norm("bn1", w.conv("conv1", images, stride=2)).clamp(min=0)
    maps = [F.max_pool2d(x, 3, 2, 1)]
    for layer, stride in enumerate((1, 2, 2, 1), start=1):
        x = maps[-1]
        for block in range(w.blocks(layer)):
            x = resnet_block(w, f"layer{layer}.{block}", x, stride if block == 0 else 1, block == 0)
        maps.append(x)
    return maps


def split_attention(w: Weights, name: str, x: Tensor, dilation: int) -> Tensor:
    """Two 3×3 convolutions of half the channels each, mixed by weights that their pooled sum gives, channel by
    channel (Zhang et al. 2020, radix 2, cardinality 1)."""
    both = w.norm(f"{name}.bn0", w.conv(f"{name}.conv", x, dilation=dilation, groups=2)).clamp(min=0)
    one, other = both.chunk(2, dim=1)
    pooled = (one + other).mean(dim=(2, 3), keepdim=True)
    dense = w.norm(f"{name}.bn1", w.conv(f"{name}.fc1", pooled)).clamp(min=0)
    score_one, score_other = w.conv(f"{name}.fc2", dense).chunk(2, dim=1)
    share = torch.sigmoid(score_one - score_other)  # a softmax of two
    return share * one + (1 - share) * other


def resnest_block(w: Weights, name: str, x: Tensor, dilation: int, pool: int, shortcut: int) -> Tensor:
    """As a ResNet's, but strides are average pools: 3×3 after split attention, 2×2 in the shortcut.

    Args:
        pool: stride of the first; 0: no such pool.
        shortcut: stride of the second; 1: a shortcut without pool; 0: none but the identity.
    """
    y = w.norm(f"{name}.bn1", w.conv(f"{name}.conv1", x)).clamp(min=0)
    y = split_attention(w, f"{name}.conv2", y, dilation)
    y = F.avg_pool2d(y, 3, pool, 1) if pool else y
    y = w.norm(f"{name}.bn3", w.conv(f"{name}.conv3", y))
    if shortcut > 1:
        x = F.avg_pool2d(x, shortcut, shortcut, ceil_mode=True, count_include_pad=False)
    if shortcut:
        x = w.norm(f"{name}.downsample.2", w.conv(f"{name}.downsample.1", x))
    return (x + y).clamp(min=0)


def resnest(state: dict[str, Tensor], images: Tensor) -> list[Tensor]:
    """All five maps; layer4 keeps stride 16: its first block pools at stride 1, the others have dilation 2."""
    w = Weights(state)
    x = w.norm("conv1.1", w.conv("conv1.0", images, stride=2)).clamp(min=0)
    x = w.norm("conv1.4", w.conv("conv1.3", x)).clamp(min=0)
    x = w.norm("bn1", w.conv("conv1.6", x)).clamp(min=0)
    maps = [F.max_pool2d(x, 3, 2, 1)]
    for layer, (pool, stride, dilation) in enumerate(((0, 1, 1), (2, 2, 1), (2, 2, 1), (1, 1, 2)), start=1):
        x = resnest_block(w, f"layer{layer}.0", maps[-1], dilation=1, pool=pool, shortcut=stride)
        for block in range(1, w.blocks(layer)):
            x = resnest_block(w, f"layer{layer}.{block}", x, dilation=dilation, pool=0, shortcut=0)
        maps.append(x)
    return maps


REFERENCE: dict[str, Callable[[dict[str, Tensor], Tensor], list[Tensor]]] = {"resnet": resnet, "resnest": resnest}


def reference_maps(name: str, network: nn.Module, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return REFERENCE[name.rstrip("0123456789")](network.state_dict(), images)


def far_apart(x: Tensor, y: Tensor) -> float:
    """Largest difference as a share of the largest value."""
    return float((x - y).abs().max() / y.abs().max())


@pytest.mark.parametrize("size", [(64, 96), (75, 101)], ids=["whole cells", "odd"])
@pytest.mark.parametrize("name", ["resnet50", "resnest50"])
def test_all_five_maps_are_those_of_a_network_written_from_the_papers(name, size):
    backbone, images = fill(load_backbone(name)), photos(*size)
    with torch.no_grad():
        found = backbone(images)
    expected = reference_maps(name, backbone.network, images)
    assert [x.shape for x in found] == [x.shape for x in expected]
    assert all(far_apart(x, y) < 1e-4 for x, y in zip(found, expected, strict=True))
    assert all(float(x.std()) > 0.05 for x in expected), "nothing to compare"


@pytest.mark.parametrize("name", ["resnest101", "resnest269"])
def test_the_deeper_networks_differ_in_depth_and_stem_only(name):
    backbone, images = fill(on_meta(name).to_empty(device="cpu")), photos(32, 48)
    with torch.no_grad():
        found = backbone(images)
    expected = reference_maps(name, backbone.network, images)
    assert all(far_apart(x, y) < 1e-4 for x, y in zip(found, expected, strict=True))


@pytest.mark.parametrize(("name", "model"), [("resnet50", "resnet50"), ("resnest50", "resnest50d")])
def test_timms_own_stride_16_is_another_network(name, model):
    """So the comparison above can tell, and the repair in `resnet.py` is needed."""
    ready: Any = timm.create_model(model, output_stride=16)
    network, images = fill(ResNetStages(ready)), photos(64, 96)
    with torch.no_grad():
        found = network(images)
    expected = reference_maps(name, network, images)
    differences = [far_apart(x, y) for x, y in zip(found, expected, strict=True)]
    assert max(differences[:4]) < 1e-4
    assert differences[4] > 0.05


MILLIONS = {"resnet50": 23.5, "resnest50": 25.4, "resnest101": 46.2, "resnest269": 108.9}


@pytest.mark.parametrize("name", PAPER)
def test_trunks_have_23_5_and_25_4_and_46_2_and_108_9_million_parameters(name):
    assert round(sum(p.numel() for p in on_meta(name).parameters()) / 1e6, 1) == MILLIONS[name]


@pytest.mark.parametrize("name", PAPER)
def test_a_crop_of_512_gives_maps_of_128_128_64_32_32_cells(name):
    backbone = on_meta(name)
    with torch.no_grad():
        found = [tuple(x.shape) for x in backbone(torch.zeros(1, 3, 512, 512, device="meta"))]
    channels = (STEM[name], 256, 512, 1024, 2048)
    assert found == [(1, c, side, side) for c, side in zip(channels, (128, 128, 64, 32, 32), strict=True)]
    assert (backbone.channels, backbone.strides) == (channels, (4, 4, 8, 16, 16))
    assert (backbone.mean, backbone.std) == (IMAGENET_MEAN, IMAGENET_STD)


def spatial(module: nn.Module) -> dict[str, tuple[Any, ...]]:
    """Every layer that looks at more than one cell or skips cells: kernel, stride, padding, dilation."""
    found = {}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d):
            values = [layer.kernel_size, layer.stride, layer.padding, getattr(layer, "dilation", 1)]
            kernel, *rest = (set(v) if isinstance(v, tuple) else {v} for v in values)
            assert all(len(v) == 1 for v in (kernel, *rest)), "not square"
            found[name] = (type(layer).__name__, *(v.pop() for v in (kernel, *rest)))
    return {name: what for name, what in found.items() if what != ("Conv2d", 1, 1, 0, 1)}


@pytest.mark.parametrize("name", PAPER)
def test_layer4_is_the_authors_module_by_module(name):
    layer4 = on_meta(name).network.layer4
    assert len(layer4) == DEPTHS[name][3]
    if name == "resnet50":
        assert spatial(layer4) == {f"{n}.conv2": ("Conv2d", 3, 1, 1, 1) for n in range(3)}
        return
    dilations = [1] + [2] * (len(layer4) - 1)
    expected = {f"{n}.conv2.conv": ("Conv2d", 3, 1, d, d) for n, d in enumerate(dilations)}
    assert spatial(layer4) == expected | {"0.avd_last": ("AvgPool2d", 3, 1, 1, 1)}


@pytest.mark.parametrize("name", PAPER)
def test_depths_and_strides_before_layer4_are_the_published(name):
    network: Any = on_meta(name).network
    assert tuple(len(network.get_submodule(f"layer{n}")) for n in (1, 2, 3, 4)) == DEPTHS[name]
    strided = {where: what[:3] for where, what in spatial(network).items() if what[2] > 1}
    stem = ("conv1", ("Conv2d", 7, 2)) if name == "resnet50" else ("conv1.0", ("Conv2d", 3, 2))
    expected = {stem[0]: stem[1], "maxpool": ("MaxPool2d", 3, 2)}
    for layer in ("layer2.0", "layer3.0"):
        if name == "resnet50":
            expected |= {f"{layer}.conv2": ("Conv2d", 3, 2), f"{layer}.downsample.0": ("Conv2d", 1, 2)}
        else:
            expected |= {f"{layer}.avd_last": ("AvgPool2d", 3, 2), f"{layer}.downsample.0": ("AvgPool2d", 2, 2)}
    assert strided == expected
    assert not any(what[4] > 1 for where, what in spatial(network).items() if not where.startswith("layer4"))
