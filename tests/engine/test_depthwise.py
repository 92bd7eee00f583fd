"""Gradients of depthwise convolutions by convolutions, against PyTorch's own in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.depthwise import speed_up_depthwise
from puzzlecam_cli.engine.fold import fold_batchnorms


def depthwise(**settings: Any) -> nn.Conv2d:
    chosen = {"in_channels": 6, "out_channels": 6, "groups": 6, "kernel_size": 5, "padding": 2, "bias": False}
    return nn.Conv2d(**chosen | settings)


def is_changed(layer: nn.Module) -> bool:
    before = layer.forward
    speed_up_depthwise(layer)
    return layer.forward != before


def gradients(layer: nn.Conv2d, x: Tensor) -> tuple[Tensor, ...]:
    """Of a loss that looks at every place in another way: by x and by the weights."""
    x = x.detach().requires_grad_()
    output = layer(x)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).reshape(output.shape)
    return torch.autograd.grad((output.square() * weights).sum(), [x, layer.weight])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"padding": 0},
        {"dilation": 2, "padding": 4},
        {"dilation": 2, "padding": 1},
        {"kernel_size": 3, "dilation": 2, "padding": 2},
        {"kernel_size": (3, 7), "padding": (0, 3), "dilation": (2, 1)},
    ],
    ids=str,
)
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last], ids=str)
def test_gradients_are_those_of_pytorch(settings: dict[str, Any], order: torch.memory_format) -> None:
    torch.manual_seed(0)
    layer, exact = depthwise(**settings), depthwise(**settings).double()
    exact.load_state_dict(layer.state_dict())
    assert is_changed(layer)
    x = torch.randn(3, 6, 13, 17).contiguous(memory_format=order)
    for ours, theirs in zip(gradients(layer, x), gradients(exact, x.double()), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


def test_what_is_frozen_before_them_gets_no_gradient() -> None:
    layer = depthwise()
    speed_up_depthwise(layer)
    layer(torch.rand(1, 6, 9, 9)).sum().backward()
    assert layer.weight.grad is not None


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": 1},  # oneDNN has fast gradients for it
        {"stride": 2},
        {"groups": 3},
        {"out_channels": 12},
        {"bias": True},
        {"padding": "same"},
        {"padding": 5},
        {"padding_mode": "reflect"},
    ],
    ids=str,
)
def test_other_layers_stay_as_they_are(settings: dict[str, Any]) -> None:
    assert not is_changed(depthwise(**settings))


def test_layers_that_do_not_train_stay_as_they_are() -> None:
    assert not is_changed(depthwise().requires_grad_(False))


def test_autocast_goes_on_to_choose_the_precision() -> None:
    layer = depthwise()
    speed_up_depthwise(layer)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.rand(1, 6, 9, 9)).dtype == torch.bfloat16


def test_what_has_trained_can_be_folded() -> None:
    network = nn.Sequential(depthwise(), nn.BatchNorm2d(6))
    network[1].running_mean = torch.linspace(-1, 1, 6)
    network.eval()
    exact = network(x := torch.rand(1, 6, 9, 9))
    speed_up_depthwise(network)
    network = nn.Sequential(nn.Conv2d(3, 6, 1), network).eval()
    assert fold_batchnorms(network)
    torch.testing.assert_close(network[1](x), exact)
