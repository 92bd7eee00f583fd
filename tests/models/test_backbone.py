"""What a backbone promises, and the built-in ones beside the paper's four (see `test_fidelity.py`)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from puzzlecam_cli.models.backbone import Backbone, load_backbone


def on_meta(name: str) -> Backbone:
    """Structure without memory or time."""
    with torch.device("meta"):
        return load_backbone(name).eval()


def shapes(backbone: Backbone, height: int, width: int, device: str = "meta") -> list[tuple[int, ...]]:
    with torch.no_grad():
        return [tuple(x.shape) for x in backbone(torch.zeros(2, 3, height, width, device=device))]


@pytest.mark.parametrize(
    ("name", "millions", "channels"),
    [
        ("resnet18", 11.2, (64, 64, 128, 256, 512)),
        ("resnet34", 21.3, (64, 64, 128, 256, 512)),
        ("resnet101", 42.5, (64, 256, 512, 1024, 2048)),
    ],
)
def test_each_network_has_the_published_size_and_five_maps(name, millions, channels):
    backbone = on_meta(name)
    assert round(sum(p.numel() for p in backbone.parameters()) / 1e6, 1) == millions
    assert (backbone.channels, backbone.strides) == (channels, (4, 4, 8, 16, 16))
    expected = [(2, c, 64 // s, 96 // s) for c, s in zip(backbone.channels, backbone.strides, strict=True)]
    assert shapes(backbone, 64, 96) == expected


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet101"])
def test_resnet_layer4_has_stride_1_and_no_dilation(name):
    convolutions = [m for m in on_meta(name).network.layer4.modules() if isinstance(m, nn.Conv2d)]
    assert {m.stride for m in convolutions} == {(1, 1)}
    assert {m.dilation for m in convolutions} == {(1, 1)}


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet101"])
def test_maps_of_odd_photos_are_rounded_up(name):
    backbone = on_meta(name)
    expected = [(2, c, -(-75 // s), -(-101 // s)) for c, s in zip(backbone.channels, backbone.strides, strict=True)]
    assert shapes(backbone, 75, 101) == expected


@pytest.mark.parametrize(
    ("channels", "strides"),
    [
        ((8,) * 4, (4, 8, 16, 16)),
        ((8,) * 5, (4, 8, 16, 16)),
        ((8,) * 4, (4, 4, 8, 16, 16)),
        ((8,) * 5, (4, 4, 8, 16, 8)),
        ((8,) * 5, (0, 4, 8, 16, 16)),
    ],
)
def test_a_backbone_without_five_maps_or_with_strides_that_fall_is_refused(channels, strides):
    with pytest.raises(ValueError, match=r"five maps|finest first"):
        Backbone(nn.Identity(), channels, strides)


@pytest.mark.parametrize(
    ("strides", "fine"),
    [
        ((4, 4, 8, 16, 16), 1),
        ((2, 4, 8, 16, 16), 1),
        ((4, 8, 8, 16, 16), 0),
        ((4, 4, 4, 4, 8), 3),
        ((1, 2, 8, 8, 16), 1),  # 2 and 8 are equally near: the finer one
        ((8, 8, 16, 32, 32), 1),
        ((16, 16, 16, 16, 16), 0),  # not the last map, which the decoder has anyway
        ((7, 14, 14, 28, 28), 0),
    ],
)
def test_the_fine_map_is_the_deepest_of_those_nearest_to_stride_4(strides, fine):
    assert Backbone(nn.Identity(), (8,) * 5, strides).fine == fine


@pytest.mark.parametrize("levels", range(6))
def test_freezing_stops_exactly_what_the_first_maps_are_made_from(levels):
    backbone = load_backbone("resnet18")
    backbone.freeze(levels)
    levels_of = {"conv1": 0, "bn1": 0, "layer1": 1, "layer2": 2, "layer3": 3, "layer4": 4}
    for name, parameter in backbone.named_parameters():
        level = levels_of[name.split(".")[1]]  # network.<part>...
        assert parameter.requires_grad == (level >= levels), name
