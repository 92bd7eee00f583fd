"""What runs in which precision."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.accelerator import keep_depthwise_in_float32


def types_of_outputs(network: nn.Sequential) -> list[torch.dtype]:
    seen: list[torch.dtype] = []
    hooks = [layer.register_forward_hook(lambda _, __, output: seen.append(output.dtype)) for layer in network]
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.rand(1, 4, 8, 8))
    for hook in hooks:
        hook.remove()
    return seen


def test_only_depthwise_convolutions_that_train_leave_autocast() -> None:
    def depthwise() -> nn.Conv2d:
        return nn.Conv2d(4, 4, 3, groups=4)

    frozen = depthwise().requires_grad_(False)
    network = nn.Sequential(nn.Conv2d(4, 4, 1), depthwise(), frozen, nn.Conv2d(4, 4, 3, groups=2))
    keep_depthwise_in_float32(network)
    assert types_of_outputs(network) == [torch.bfloat16, torch.float32, torch.bfloat16, torch.bfloat16]


def test_their_gradients_are_those_of_float32() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 4, 9, 9)

    def gradient(layer: nn.Conv2d, autocast: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            layer(image).square().sum().backward()
        assert layer.weight.grad is not None
        return layer.weight.grad

    plain = nn.Conv2d(4, 4, 3, groups=4)
    kept = nn.Conv2d(4, 4, 3, groups=4)
    kept.load_state_dict(plain.state_dict())
    keep_depthwise_in_float32(kept)
    assert torch.equal(gradient(kept, True), gradient(plain, False))
    assert list(kept.state_dict()) == list(plain.state_dict())
