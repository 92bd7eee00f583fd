"""Class activation maps, and one step of each training."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.accelerator import for_training
from puzzlecam_cli.engine.optimiser import make_optimiser
from puzzlecam_cli.engine.place import Device, for_inference
from puzzlecam_cli.engine.step import LossModule, add_gradients
from puzzlecam_cli.engine.views import predict
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.models.feature_net import FeatureNet
from puzzlecam_cli.recipe.schema import Puzzle, Runtime, TrainCls
from puzzlecam_cli.stages.affinity import AffinityLosses
from puzzlecam_cli.stages.seg import SegmentationLoss
from puzzlecam_cli.stages.train_cls import PuzzleLosses
from tests.engine.test_fold import norms, with_statistics
from tests.gpu.beside import Beside, distance

CPU = torch.device("cpu")
SHARE = {"no": 1e-4, "bf16": 0.1}  # of the largest value, that another one may be away


@pytest.mark.parametrize("name", ["resnet18", "resnest50", "timm:tf_efficientnet_lite0"])
@torch.no_grad()
def test_maps_of_a_folded_network_are_those_of_the_whole_one(beside: Beside, name: str) -> None:
    torch.manual_seed(0)
    network = with_statistics(Classifier(load_backbone(name), 5))
    views = list(torch.randn(2, 3, 64, 80))
    expected = torch.stack([torch.cat([network(view[None]), network(view.flip(-1)[None])]) for view in views])
    folded = for_inference(network, Device(beside.device))
    assert norms(folded) == 0
    for precision, share in SHARE.items():
        with beside.computing():
            found = predict(folded, views, Device(beside.device, precision), flip=True)
        assert found.device.type == beside.device.type
        assert distance(found, expected) < share, precision


LOSSES: dict[str, Callable[[], LossModule]] = {
    "classifier": lambda: PuzzleLosses(Classifier(load_backbone("resnet18"), 3), Puzzle()),
    "boundaries": lambda: AffinityLosses(BoundaryNet(load_backbone("resnet18")), radius=4),
    "features": lambda: AffinityLosses(FeatureNet(load_backbone("resnet18")), radius=2),
    "segmentation": lambda: SegmentationLoss(DeepLab(load_backbone("resnet18"), 4, width=16)),
}


def batch(device: torch.device) -> dict[str, Tensor]:
    """Four photos of 32 pixels."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, 3, 32, 32, generator=generator)
    tags = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1]])
    mask = torch.randint(0, 4, (4, 4, 4), generator=generator).repeat_interleave(8, 1).repeat_interleave(8, 2)
    mask[:, :4] = 255
    return {key: value.to(device) for key, value in {"image": images, "tags": tags, "mask": mask}.items()}


def step(module: LossModule, device: torch.device, precision: str) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The losses of a step, and what it changes of the weights."""
    place = Device(device, precision)
    accelerator: Any = SimpleNamespace(
        device=device, num_processes=1, mixed_precision=precision, autocast=place.autocast, backward=Tensor.backward
    )
    module = for_training(module, accelerator, Runtime()).train()
    for dropout in (layer for layer in module.modules() if isinstance(layer, nn.Dropout)):
        dropout.p = 0.0  # each device draws numbers of its own
    optimiser = make_optimiser(module, None, TrainCls(lr=0.1))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    losses = add_gradients(module, module, batch(device), 1, 2, 1, accelerator)
    optimiser.step()
    return losses, [new.detach() - old for new, old in zip(module.parameters(), before, strict=True)]


@pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES.keys())
def test_a_step_of_training_changes_each_layer_as_on_the_cpu(beside: Beside, make: Callable[[], LossModule]) -> None:
    """A layer's change by bf16 is that of float32 but for what its rounding, 100,000 times as coarse, adds up to."""
    torch.manual_seed(0)
    module = make()
    losses, changes = step(deepcopy(module), CPU, "no")
    least = max(float(change.norm()) for change in changes) / 1000  # below it a change is mostly rounding
    for precision, share_of_losses, share_of_change in (("no", 1e-5, 1e-3), ("bf16", 0.02, 0.5)):
        with beside.computing():
            found, found_changes = step(deepcopy(module), beside.device, precision)
        for name, loss in losses.items():
            assert found[name].item() == pytest.approx(loss.item(), rel=share_of_losses), (precision, name)
        for change, as_on_cpu in zip(found_changes, changes, strict=True):
            if as_on_cpu.norm() > least:
                assert (change.cpu() - as_on_cpu).norm() < share_of_change * as_on_cpu.norm(), precision
