"""What is computed again gives what would have been kept: nobody can tell the difference but by the memory."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.depthwise import speed_up_depthwise
from puzzlecam_cli.engine.memory import held_bytes
from puzzlecam_cli.engine.recompute import has_blocks, recompute_blocks
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab


class Block(nn.Module):
    """A batch normalisation that averages over all batches, and chance."""

    def __init__(self, momentum: float | None = None) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(4, momentum=momentum)
        self.layers = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), norm, nn.Dropout(0.3))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu_(self.layers(x))


def deep() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(*(Block() for _ in range(5))))


def with_fast_gradients() -> nn.Module:
    network = Classifier(load_backbone("timm:mobilenetv3_small_050"), 3)
    speed_up_depthwise(network)
    return network


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "blocks of chance": deep,
    "DeepLab on a ResNet": lambda: DeepLab(load_backbone("resnet18"), 3, width=16, norm="batch"),
    "a classifier on a MobileNet": lambda: Classifier(load_backbone("timm:mobilenetv3_small_050"), 3),
    "depthwise convolutions with gradients of ours": with_fast_gradients,
    "a classifier on a ResNeSt": lambda: Classifier(load_backbone("timm:resnest14d"), 3),
}


def two_passes(network: nn.Module, autocast: bool) -> tuple[list[Tensor], Tensor]:
    """Results, gradients and statistics after two passes and one gradient, as a step has them, and a random number."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, 64, 64, generator=generator), torch.randn(4, 3, 32, 32, generator=generator)
    torch.manual_seed(2)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        results = [network(given) for given in images]
    sum(result.float().square().mean() for result in results).backward()  # type: ignore[union-attr]
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    return [*(result.detach() for result in results), *gradients, *network.buffers()], torch.rand(1)


@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS.keys())
def test_results_gradients_statistics_and_random_numbers_are_equal_bit_for_bit(
    make: Callable[[], nn.Module], autocast: bool
) -> None:
    torch.manual_seed(0)
    usual = make().train()
    other = deepcopy(usual)
    recompute_blocks(other)
    (expected, drawn), (found, drawn_then) = two_passes(usual, autocast), two_passes(other, autocast)
    assert len(found) == len(expected) > 10
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))
    assert torch.equal(drawn, drawn_then)
    assert other.state_dict().keys() == usual.state_dict().keys()


def test_each_block_is_computed_twice_with_gradients_and_once_without() -> None:
    network, calls = deep().train(), 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    for module in network.modules():
        if isinstance(module, Block):
            module.register_forward_pre_hook(count)
    recompute_blocks(network)
    recompute_blocks(network)
    images = torch.randn(2, 3, 8, 8)
    network(images).sum().backward()
    assert calls == 2 * 5
    with torch.inference_mode():
        network(images)
    assert calls == 3 * 5


class Sum(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sum": self.network(batch["image"]).sum()}


def test_a_deep_network_holds_less_than_half() -> None:
    blocks = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(*(Block(0.1) for _ in range(25))))
    module, batch = Sum(blocks).train(), {"image": torch.zeros(2, 3, 32, 32)}
    usual = held_bytes(module, batch)
    recompute_blocks(module.network)
    assert held_bytes(module, batch) < 0.4 * usual


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (nn.Conv2d(3, 4, 3), []),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), []),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), [[3]]),
        (nn.Sequential(*(nn.Conv2d(3, 3, 3) for _ in range(20))), [[8, 8, 4]]),
        (nn.Sequential(*(Block() for _ in range(9))), [[3, 3, 3]]),  # and not the layers within
        (nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Sequential(Block(), Block())), [[2], [2]]),
    ],
    ids=["a layer", "a layer in a row", "layers", "many layers", "blocks", "layers and blocks"],
)
def test_blocks_and_layers_are_computed_again_in_groups(network: nn.Module, expected: list[list[int]]) -> None:
    assert has_blocks(network) == bool(expected)
    recompute_blocks(network)
    found = [module.forward.args[0] for module in network.modules() if "forward" in vars(module)]
    assert [[len(group) for group in groups] for groups in found] == expected


def test_no_group_begins_in_place() -> None:
    def layers(count: int, first: nn.Module) -> nn.Sequential:
        return nn.Sequential(first, *(nn.Conv2d(3, 3, 1) for _ in range(count)), nn.ReLU(inplace=True), nn.Identity())

    assert not has_blocks(layers(7, nn.ELU(inplace=True)))
    network = layers(7, nn.Conv2d(3, 3, 1))
    other = deepcopy(network)
    recompute_blocks(other)
    assert [len(group) for group in other.forward.args[0]] == [9, 1]  # type: ignore[attr-defined]
    (expected, _), (found, _) = two_passes(network, False), two_passes(other, False)
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))


class Hidden(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.elu_(x)


def test_a_block_that_changes_what_comes_in_is_not_computed_from_something_else() -> None:
    """PyTorch says so, and nothing is trained on wrong gradients."""
    network = nn.Sequential(nn.Sequential(Hidden(), nn.Conv2d(3, 3, 1)), nn.Identity())
    recompute_blocks(network)
    scale = torch.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match="inplace"):
        network(torch.randn(1, 3, 4, 4) * scale).sum().backward()
