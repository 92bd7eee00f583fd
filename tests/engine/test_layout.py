"""Where a network's tensors lie as its device wants them, and which of its layers leave cuDNN."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.layout import PAYS, compiling_pays, keep_depthwise_out_of_cudnn, like_weights, memory_format
from puzzlecam_cli.engine.place import Device, for_inference, on_device
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.classifier import Classifier

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
LAST, FIRST = torch.channels_last, torch.contiguous_format
EFFICIENT = "timm:mobilenetv3_small_050"  # depthwise, as EfficientNet


@pytest.mark.parametrize(
    ("name", "device", "compiles", "found"),
    [
        ("resnet18", GPU, True, LAST),
        ("resnet18", GPU, False, LAST),
        ("resnest50", GPU, True, FIRST),
        ("resnest50", GPU, False, FIRST),
        (EFFICIENT, GPU, True, LAST),
        (EFFICIENT, GPU, False, FIRST),
        ("resnest50", CPU, True, LAST),
        (EFFICIENT, CPU, False, LAST),
    ],
)
def test_a_network_lies_as_was_measured_to_be_fastest(
    name: str, device: torch.device, compiles: bool, found: torch.memory_format
) -> None:
    assert memory_format(load_backbone(name), device, compiles=compiles) == found


def test_kernels_are_compiled_for_layers_that_learn_from_many_pixels() -> None:
    """A frozen backbone only predicts, and frozen levels do."""
    network = Classifier(load_backbone(EFFICIENT), 3)
    assert compiling_pays(network, PAYS)
    assert not compiling_pays(network, 20 * 163 * 224**2)  # `small_photos` on MSRC
    assert not compiling_pays(BoundaryNet(network.backbone), PAYS)
    assert not compiling_pays(Classifier(load_backbone("resnest50"), 3), PAYS)
    network.backbone.requires_grad_(False)
    assert not compiling_pays(network, PAYS)


class Watched(nn.Conv2d):
    """A convolution that notes whether cuDNN was on when it was called."""

    def forward(self, x: Tensor) -> Tensor:
        self.with_cudnn = torch.backends.cudnn.enabled
        return super().forward(x)


def test_only_depthwise_convolutions_leave_cudnn_and_values_stay() -> None:
    torch.manual_seed(0)
    layers = [Watched(4, 4, 1), Watched(4, 8, 3, groups=4), Watched(8, 8, 3, groups=2)]
    network, image = nn.Sequential(*layers), torch.rand(2, 4, 9, 9)
    expected = network(image)
    keep_depthwise_out_of_cudnn(network)
    assert torch.equal(network(image), expected)
    assert [layer.with_cudnn for layer in layers] == [True, False, True]
    assert torch.backends.cudnn.enabled


def test_cudnn_comes_back_after_an_error() -> None:
    network = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4))
    keep_depthwise_out_of_cudnn(network)
    with pytest.raises(RuntimeError):
        network(torch.rand(1, 5, 9, 9))
    assert torch.backends.cudnn.enabled


class Slow(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.001)
        return super().forward(x)


def test_cudnn_comes_back_whatever_threads_predict_together() -> None:
    networks = [nn.Sequential(Slow(4, 4, 3, groups=4)) for _ in range(4)]
    for network in networks:
        keep_depthwise_out_of_cudnn(network)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: networks[number % 4](torch.rand(1, 4, 5, 5)), range(40)))
    assert torch.backends.cudnn.enabled


@pytest.mark.parametrize("wanted", [LAST, FIRST])
def test_images_lie_as_the_weights_do(wanted: torch.memory_format) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3)).to(memory_format=wanted)
    for given in (FIRST, LAST):
        image = torch.rand(2, 3, 8, 9).to(memory_format=given)
        assert like_weights(image, network).is_contiguous(memory_format=wanted)
        assert torch.equal(on_device(image, Device(CPU), network), image)


def test_a_network_without_weights_takes_images_as_they_are() -> None:
    assert like_weights(torch.rand(1, 3, 8, 8), nn.Identity()).is_contiguous()


def test_a_network_predicts_the_same_as_a_gpu_would_have_it() -> None:
    """All but the device: folded, channels first, depthwise layers out of cuDNN."""
    torch.manual_seed(0)
    network, image = load_backbone(EFFICIENT).eval(), torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        expected = network(image)[-1]
        keep_depthwise_out_of_cudnn(network)
        found = network.to(memory_format=memory_format(network, GPU, compiles=False))(image)[-1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


class Shared(nn.Module):
    """A normalisation whose convolution another layer reads as well."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        nn.init.constant_(self.norm.weight, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.norm(x)


@pytest.mark.parametrize(("network", "notes"), [(Shared(), 1), (nn.Sequential(nn.Conv2d(3, 4, 3)), 0)])
def test_a_network_that_stays_slower_is_told_of(network: nn.Module, notes: int) -> None:
    told: list[str] = []
    for_inference(network, Device(CPU), told.append)
    assert len(told) == notes
