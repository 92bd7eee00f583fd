"""The test of a backbone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone, load_backbone, pad_to_multiple

SIZES = ((64, 96), (67, 90), (45, 33), (17, 23), (24, 211))  # heights and widths of the images tried
SIDE, TIMED = 224, 3  # of the images that are timed; how often
FASTEST = "resnet18"  # what a backbone's speed is compared with


def check_backbone(name: str, *, pretrained: bool = False, weights: str | None = None, **options: Any) -> Backbone:
    """Load a backbone and hold it to its promises; print its speed beside that of `resnet18`.

    These are: five finite maps of the declared channels, of ceil(side / stride) cells for images of any size, without
    help of the padding where sides are multiples of `multiple`; the same maps each time in eval mode, whatever else is
    in the batch; batch normalisation that learns its statistics in training and keeps them where it is frozen; all that
    it has learned in its state, which makes another the same; the same first weights from the same seed; gradients to
    all of its parameters; a mean and a deviation of three colours; no network where `pretrained` is not asked for.

    Args:
        name: as `puzzlecam backbones` lists it.
        pretrained, weights, options: see `load_backbone`.

    Returns:
        The backbone, in eval mode, for further tests.

    Raises:
        AssertionError: a promise is broken: which one.
        UserError: there is no such backbone, or its plugin is broken.
    """

    def made(seed: int) -> Backbone:
        with torch.random.fork_rng(devices=()), _offline(name, pretrained):
            torch.manual_seed(seed)
            return load_backbone(name, pretrained=pretrained, weights=weights, **options).eval()

    backbone = made(0)
    _check_declared(name, backbone)
    again = made(0)
    state = backbone.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in again.state_dict().items()), (
        f"{name} gives other first weights for the same seed: draw them with PyTorch's own generator"
    )
    for height, width in SIZES:
        _check_size(name, backbone, height, width)
    _check_state(name, backbone, made(1))
    _check_training(name, again)
    mine, fastest = (1000 * _seconds(b) for b in (backbone, load_backbone(FASTEST).eval()))
    print(f"{name}: {mine:.1f} ms an image of {SIDE}×{SIDE} pixels; {FASTEST} {fastest:.1f} ms")
    return backbone


def _check_declared(name: str, backbone: Backbone) -> None:
    assert len(backbone.mean) == len(backbone.std) == 3, f"{name} must declare mean and std of three colours"
    assert min(backbone.std) > 0, f"{name} declares deviations of colours that are not above 0: {backbone.std}"
    assert max(*backbone.mean, *backbone.std) <= 1, (
        f"{name} declares mean {backbone.mean} and std {backbone.std}: divide them by 255, colours are in [0, 1]"
    )
    assert isinstance(backbone.licence, str) and backbone.licence == backbone.licence.strip(), (  # noqa: PT018
        f"{name} declares the licence {backbone.licence!r} of its first weights: write a sentence, or leave it out"
    )


def _check_size(name: str, backbone: Backbone, height: int, width: int) -> None:
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    padded = pad_to_multiple(images, backbone.multiple)
    with torch.no_grad():
        _check_maps(name, backbone, _given(name, backbone, padded), padded.shape)
        features, again, alone = backbone(images), backbone(images), backbone(images[:1])
    _check_maps(name, backbone, features, images.shape)
    for first, second, single in zip(features, again, alone, strict=True):
        assert torch.equal(first, second), f"{name} gives other maps of the same images a second time, in eval mode"
        largest = float((first[:1] - single).abs().max())
        assert largest <= 1e-3 * float(first.abs().max()), f"{name}: the maps of an image depend on its batch"


def _given(name: str, backbone: Backbone, images: Tensor) -> list[Tensor]:
    """The network's maps of images whose sides are multiples of the declared one."""
    try:
        return list(backbone.network(images))
    except Exception as error:
        raise AssertionError(
            f"{name} fails with images of {images.shape[2]}×{images.shape[3]} pixels: pad inside, or declare the "
            f"`multiple` that sides must be of (now {backbone.multiple}): {type(error).__name__}: {error}"
        ) from error


def _check_maps(name: str, backbone: Backbone, features: list[Tensor], size: torch.Size) -> None:
    assert len(features) == 5, f"{name} gives {len(features)} maps, not 5"
    for feature, channels, stride in zip(features, backbone.channels, backbone.strides, strict=True):
        wanted = (-(-size[2] // stride), -(-size[3] // stride))
        assert feature.shape[:2] == (2, channels), f"{name} declares {channels} channels, gives {feature.shape[1]}"
        assert feature.shape[2:] == wanted, (
            f"{name} declares stride {stride} for sides that are multiples of {backbone.multiple}, "
            f"gives {tuple(feature.shape[2:])} cells of {size[2]}×{size[3]} pixels, not {wanted}"
        )
        assert feature.isfinite().all(), f"{name} gives values that are not finite"


def _check_state(name: str, backbone: Backbone, other: Backbone) -> None:
    """What one has learned makes another the same, through a file."""
    from safetensors.torch import load, save

    try:
        file = save({key: tensor.contiguous() for key, tensor in backbone.state_dict().items()})
    except Exception as error:
        raise AssertionError(
            f"{name}: its state cannot be saved: register each tensor once, in one module: {error}"
        ) from error
    other.load_state_dict(load(file))
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        same = all(torch.equal(a, b) for a, b in zip(backbone(images), other(images), strict=True))
    assert same, (
        f"{name} gives other maps after its state was saved and loaded: keep what decides them in parameters and "
        "registered buffers, not in plain attributes"
    )


def _check_training(name: str, backbone: Backbone) -> None:
    """Gradients, and both modes of batch normalisation."""
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    buffers = {key: value.clone() for key, value in backbone.named_buffers()}
    torch.autograd.backward([feature.square().mean() for feature in backbone(images) if feature.requires_grad])
    first_layer, *_ = backbone.parameters()
    assert first_layer.grad is not None, f"{name} passes no gradient to its first layer"
    idle = [key for key, value in backbone.named_parameters() if value.requires_grad and value.grad is None]
    assert not idle, (
        f"{name} passes no gradient to {idle[0]} (of {len(idle)} parameters): leave out what no map is made of, or "
        "training in several processes fails"
    )
    assert _unchanged(backbone, buffers), (
        f"{name} changes its buffers in eval mode: recipes freeze batch normalisation (`batchnorm: frozen`) by that"
    )
    norms = [m for m in backbone.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    with torch.random.fork_rng(devices=()):
        features = list(backbone.train()(images))
        _check_maps(f"{name} in training", backbone, features, images.shape)
        if norms:
            assert not _unchanged(backbone, buffers), (
                f"{name} keeps its running statistics in training: let `train()` reach its batch normalisations"
            )
        backbone.freeze(5)
        buffers = {key: value.clone() for key, value in backbone.named_buffers()}
        backbone.train()(images)
    assert _unchanged(backbone, buffers), (
        f"{name} changes its running statistics where all is frozen: do not override `train`, call no `F.batch_norm`"
    )
    left = [key for key, value in backbone.named_parameters() if value.requires_grad]
    assert not left, f"{name}: `freeze(5)` leaves {left[0]} to train: make every map of the images alone"
    backbone.eval()


def _unchanged(backbone: Backbone, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, before[key]) for key, value in backbone.named_buffers())


@contextmanager
def _offline(name: str, pretrained: bool) -> Iterator[None]:
    """No connection is made where no weights are asked for."""
    asked: list[str] = []

    def refuse(_socket: Any, address: Any, *_: Any) -> NoReturn:
        asked.append(str(address))
        raise OSError("no network in this test")

    before = socket.socket.connect
    if not pretrained:
        socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.socket.connect = before  # type: ignore[method-assign]
        assert not asked, f"{name} asks the network ({asked[0]}) without `pretrained`: build it from nothing then"


def _seconds(backbone: Backbone) -> float:
    """The best time an image takes in eval mode."""
    images = torch.rand(1, 3, SIDE, SIDE)
    times = []
    with torch.no_grad():
        for _ in range(TIMED):
            begun = perf_counter()
            backbone(images)
            times.append(perf_counter() - begun)
    return min(times)
