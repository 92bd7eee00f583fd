"""What runs in which precision."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine import precision
from puzzlecam_cli.engine.accelerator import keep_depthwise_in_float32
from puzzlecam_cli.engine.place import Device
from puzzlecam_cli.recipe.runtime import Runtime

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


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


def bits() -> list[Any]:
    """What PyTorch is set to, by those of its names that this version has."""
    return [getattr(owner, name) for owner, name, _ in precision._settings()]


def test_without_tf32_float32_keeps_its_bits_and_nothing_stays_changed() -> None:
    image, layer = torch.rand(1, 3, 8, 8), nn.Conv2d(3, 4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = bits()
        with precision.tf32(False):
            assert bits() == [off for _, _, off in precision._settings()]
            layer(image).sum().backward()  # PyTorch refuses some mixtures of settings only when it computes
        assert bits() == before
        with pytest.raises(ZeroDivisionError), precision.tf32(False):
            raise ZeroDivisionError
        assert bits() == before
    assert layer.weight.grad is not None


def test_with_tf32_pytorch_stays_as_its_owner_set_it() -> None:
    with precision.tf32(False):
        ours = bits()
        with precision.tf32(True):
            assert bits() == ours


def test_older_pytorches_are_told_by_their_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    old = SimpleNamespace(allow_tf32=True)
    products = SimpleNamespace(allow_tf32=False)
    monkeypatch.setattr(torch, "backends", SimpleNamespace(cudnn=old, cuda=SimpleNamespace(matmul=products)))
    with precision.tf32(False):
        assert (old.allow_tf32, products.allow_tf32) == (False, False)
    assert (old.allow_tf32, products.allow_tf32) == (True, False)


def test_a_model_without_tf32_predicts_without_and_leaves_it_to_others() -> None:
    before = bits()
    with Device(CPU, tf32=False).autocast():
        assert bits() != before
    assert bits() == before


@pytest.mark.parametrize(
    ("wanted", "device", "has_it", "found"),
    [
        ("auto", CPU, True, "no"),
        ("auto", GPU, True, "bf16"),
        ("auto", GPU, False, "no"),
        ("no", GPU, True, "no"),
        ("fp16", GPU, True, "fp16"),
        ("bf16", CPU, True, "bf16"),
    ],
)
def test_auto_is_bf16_on_gpus_that_have_it(
    wanted: str, device: torch.device, has_it: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bf16", lambda device: has_it and device.type == "cuda")
    assert precision.chosen(wanted, device) == found


def test_a_cpu_has_none_that_is_worth_it() -> None:
    assert not precision.has_bf16(CPU)
    assert precision.chosen_together(Runtime(cpu=True)) == "no"


@pytest.mark.parametrize(("others", "found"), [("bf16", "bf16"), ("no", "no")])
def test_gpus_of_different_kinds_agree_on_what_all_have(
    others: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(precision, "PartialState", lambda: SimpleNamespace(device=GPU))
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    monkeypatch.setattr(precision, "gather_object", lambda mine: [*mine, others])
    assert precision.chosen_together(Runtime()) == found


def test_what_auto_chose_is_said_and_nothing_else() -> None:
    assert "bf16" in (precision.said(Runtime(), "bf16") or "")
    assert precision.said(Runtime(), "no") is None
    assert precision.said(Runtime(mixed_precision="bf16"), "bf16") is None
