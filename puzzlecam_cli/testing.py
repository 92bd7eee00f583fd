"""For authors of backbone plugins: one call is the whole test."""

from __future__ import annotations

import torch

from puzzlecam_cli.models.backbone import Backbone, load_backbone


def check_backbone(name: str, *, pretrained: bool = False, weights: str | None = None) -> Backbone:
    """Load a backbone and hold it to its promises: five finite maps of the declared channels and strides, odd sizes
    taken, gradients to its first layer.

    Returns:
        The backbone, for further tests.

    Raises:
        AssertionError: a promise is broken: which one.
        UserError: there is no such backbone, or its plugin is broken.
    """
    backbone = load_backbone(name, pretrained=pretrained, weights=weights).eval()
    for height, width in ((64, 96), (67, 90)):
        features = backbone(torch.zeros(2, 3, height, width))
        assert len(features) == 5, f"{name} gives {len(features)} maps, not 5"
        for feature, channels, stride in zip(features, backbone.channels, backbone.strides, strict=True):
            low, high = (height // stride, width // stride), (-(-height // stride), -(-width // stride))
            assert feature.shape[:2] == (2, channels), f"{name} declares {channels} channels, gives {feature.shape[1]}"
            assert feature.shape[2:] in (low, high), f"{name} declares stride {stride}, gives {feature.shape[2:]}"
            assert feature.isfinite().all(), f"{name} gives values that are not finite"
    features[-1].mean().backward()
    first = next(backbone.parameters())
    assert first.grad is not None, f"{name} passes no gradient to its first layer"
    assert len(backbone.mean) == len(backbone.std) == 3, f"{name} must declare mean and std of three colours"
    return backbone
