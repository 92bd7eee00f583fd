"""For authors of backbone plugins: one call is the whole test."""

from __future__ import annotations

import torch

from puzzlecam_cli.models.backbone import Backbone, load_backbone, pad_to_multiple

SIZES = ((64, 96), (67, 90), (45, 33))  # heights and widths of the images tried


def check_backbone(name: str, *, pretrained: bool = False, weights: str | None = None) -> Backbone:
    """Load a backbone and hold it to its promises.

    These are: five finite maps of the declared channels, of ceil(side / stride) cells for images of any size, without
    help of the padding where sides are multiples of `multiple`; the same maps each time in eval mode, whatever else is
    in the batch; gradients to its first layer; a mean and a deviation of three colours.

    Returns:
        The backbone, in eval mode, for further tests.

    Raises:
        AssertionError: a promise is broken: which one.
        UserError: there is no such backbone, or its plugin is broken.
    """
    backbone = load_backbone(name, pretrained=pretrained, weights=weights).eval()
    assert len(backbone.mean) == len(backbone.std) == 3, f"{name} must declare mean and std of three colours"
    assert min(backbone.std) > 0, f"{name} declares deviations of colours that are not above 0: {backbone.std}"
    for height, width in SIZES:
        images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
        padded = pad_to_multiple(images, backbone.multiple)
        with torch.no_grad():
            _check_maps(name, backbone, list(backbone.network(padded)), padded.shape)
            features, again, alone = backbone(images), backbone(images), backbone(images[:1])
        _check_maps(name, backbone, features, images.shape)
        for first, second, single in zip(features, again, alone, strict=True):
            assert torch.equal(first, second), f"{name} gives other maps of the same images a second time, in eval mode"
            largest = float((first[:1] - single).abs().max())
            assert largest <= 1e-3 * float(first.abs().max()), f"{name}: the maps of an image depend on its batch"
    backbone(torch.rand(2, 3, 64, 96))[-1].square().mean().backward()
    first_layer = next(backbone.parameters())
    assert first_layer.grad is not None, f"{name} passes no gradient to its first layer"
    return backbone


def _check_maps(name: str, backbone: Backbone, features: list[torch.Tensor], size: torch.Size) -> None:
    assert len(features) == 5, f"{name} gives {len(features)} maps, not 5"
    for feature, channels, stride in zip(features, backbone.channels, backbone.strides, strict=True):
        wanted = (-(-size[2] // stride), -(-size[3] // stride))
        assert feature.shape[:2] == (2, channels), f"{name} declares {channels} channels, gives {feature.shape[1]}"
        assert feature.shape[2:] == wanted, (
            f"{name} declares stride {stride} for sides that are multiples of {backbone.multiple}, "
            f"gives {tuple(feature.shape[2:])} cells of {size[2]}×{size[3]} pixels, not {wanted}"
        )
        assert feature.isfinite().all(), f"{name} gives values that are not finite"
