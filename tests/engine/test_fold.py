"""Networks predict the same without their batch normalisations."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.fold import fold_batchnorms
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.classifier import Classifier


def with_statistics(network: nn.Module) -> nn.Module:
    """As after a training: means, variances, scales and shifts that are not 0 and 1."""
    torch.manual_seed(0)
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        for tensor in (norm.running_mean, norm.bias.data):
            tensor.normal_(0, 0.2)
        for tensor in (norm.running_var, norm.weight.data):
            tensor.uniform_(0.5, 1.5)
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@torch.no_grad()
def largest_change(network: nn.Module) -> float:
    image = torch.rand(2, 3, 80, 112, generator=torch.Generator().manual_seed(1))
    before = copy.deepcopy(network)(image)
    fold_batchnorms(network)
    return float((network(image) - before).abs().max() / before.abs().max())


@pytest.mark.parametrize("head", ["classifier", "affinity"])
@pytest.mark.parametrize("name", ["resnet18", "resnest50", "timm:mobilenetv3_small_050", "timm:tf_efficientnet_lite0"])
def test_the_maps_stay_and_no_normalisation_is_left(name, head):
    backbone = load_backbone(name)
    network = with_statistics(Classifier(backbone, 5) if head == "classifier" else BoundaryNet(backbone))
    assert norms(network) > 10
    assert largest_change(network) < 1e-5
    assert norms(network) == 0


class Shared(nn.Module):
    """What the convolution gives is read by another layer too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.norm(x)


class Twice(nn.Module):
    """One convolution under two normalisations."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one, self.other = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(self.conv(x)) + self.other(self.conv(x.flip(-1)))


class Sum(nn.Module):
    """A normalisation that reads no convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x) + x)


@pytest.mark.parametrize("kind", [Shared, Twice, Sum])
def test_what_cannot_be_folded_stays_as_it_was(kind):
    network = with_statistics(kind())
    state = {name: value.clone() for name, value in network.state_dict().items()}
    assert largest_change(network) == 0
    assert norms(network) == norms(kind())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_a_folded_convolution_is_rounded_once():
    network = with_statistics(nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64)))
    norm, weight = network[1], network[0].weight.detach().double()
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    assert fold_batchnorms(network)
    assert torch.equal(network[0].weight, (weight * scale[:, None, None, None]).float())


def test_no_hook_stays_behind():
    network = with_statistics(Classifier(load_backbone("resnet18"), 5))
    fold_batchnorms(network)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_a_network_that_overflows_stays_as_it_is():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    nn.init.constant_(network[0].weight, 1e38)
    fold_batchnorms(network)
    assert norms(network) == 1
