"""What is frozen keeps its weights and its running statistics."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone, load_backbone


class Chain(nn.Module):
    """Five maps, each made from the one before; batch normalisations with and without scale and shift."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, 4, 3, stride, 1), nn.BatchNorm2d(4, affine=affine), nn.ReLU(inplace=True))
            for width, stride, affine in ((3, 4, True), (4, 1, False), (4, 2, True), (4, 2, False), (4, 1, True))
        )
        self.beside = nn.BatchNorm2d(4)  # of the last map alone

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = []
        for step in self.steps:
            images = step(images)
            maps.append(images)
        return [*maps[:4], self.beside(maps[4])]


def chain() -> Backbone:
    torch.manual_seed(0)
    return Backbone(Chain(), [4] * 5)


def moved(network: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("levels", range(6))
def test_a_training_step_moves_exactly_what_is_behind_the_frozen_maps(levels):
    backbone = chain()
    backbone.freeze(levels)
    backbone.train()
    before = copy.deepcopy(backbone.state_dict())
    trained = [p for p in backbone.parameters() if p.requires_grad]
    loss = sum(feature.square().sum() for feature in backbone(torch.randn(2, 3, 64, 64)))
    if trained:
        loss.backward()
        torch.optim.SGD(trained, lr=0.1).step()
    found = {name.split(".")[2] if "steps" in name else "4" for name in moved(backbone, before)}
    assert found == {str(level) for level in range(levels, 5)}


@pytest.mark.parametrize("name", ["resnet18", "timm:mobilenetv3_small_050", "timm:ghostnet_050"])
def test_the_first_maps_of_a_real_network_stay_what_they_were(name):
    """In training, after a step: those that the same images had before it, with the statistics of then."""
    torch.manual_seed(0)
    backbone, images = load_backbone(name), torch.randn(2, 3, 64, 96)
    backbone.freeze(3)
    with torch.no_grad():
        before = backbone.eval()(images)
    backbone.train()
    backbone(images)[-1].square().sum().backward()
    torch.optim.SGD([p for p in backbone.parameters() if p.grad is not None], lr=0.1).step()
    with torch.no_grad():
        after = backbone.eval()(images)
    assert all(torch.equal(x, y) for x, y in zip(before[:3], after[:3], strict=True))
    assert not torch.equal(before[4], after[4])


def test_freezing_moves_no_statistics_and_keeps_the_mode():
    backbone = chain().train()
    before = copy.deepcopy(backbone.state_dict())
    backbone.freeze(3)
    assert not moved(backbone, before)
    assert backbone.training
    assert backbone.network.steps[4][1].training
    assert not backbone.network.steps[0][1].training


def test_nothing_frozen_is_nothing_kept():
    backbone = chain()
    backbone.freeze(0)
    assert all(module.training for module in backbone.train().modules())


def test_a_copy_keeps_its_own_frozen_statistics():
    backbone = chain()
    backbone.freeze(2)
    other = copy.deepcopy(backbone).train()
    assert not other.network.steps[0][1].training
    assert other.network.steps[0][1] is not backbone.network.steps[0][1]
