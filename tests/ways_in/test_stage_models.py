"""A stage's model that is damaged, or of another network: named, with how it differs and the stage that makes it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as saved
from torch import nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.model_file import load_model, save_model
from tests.models.descriptions import described


class Executes:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (os.mkdir, ("executed",))


class Net(nn.Module):
    def __init__(self, width: int = 3, name: str = "head"):
        super().__init__()
        self.add_module(name, nn.Linear(2, width))
        self.norm = nn.BatchNorm1d(width)


MODELS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "damaged"),
    "text": (lambda: b"a model", "damaged"),
    "a pickle": (lambda: pickle.dumps(Executes()), "damaged"),
    "a header of 2^63 bytes": (lambda: (2**63 - 1).to_bytes(8, "little") + b"{}", "damaged"),
    "a header that is no JSON": (lambda: (8).to_bytes(8, "little") + b"not json", "damaged"),
    "a tensor of terabytes": (
        lambda: (
            (75).to_bytes(8, "little")
            + b'{"head.weight":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4]}}'[:75]
        ),
        "damaged",
    ),
    "cut short": (lambda: saved(Net().state_dict())[:-5], "damaged"),
    "longer than it says": (lambda: saved(Net().state_dict()) + b"more", "damaged"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
    "an archive": (lambda: b"PK\x03\x04" + bytes(100), "damaged"),
    "zeros": (lambda: bytes(1000), "damaged"),
    "a header of brackets": (lambda: (100_000).to_bytes(8, "little") + b"[" * 100_000, "damaged"),
    "a network of the same shapes": (
        lambda: saved({f"module.{k}": v for k, v in Net().state_dict().items()}),
        "module.head.bias is of no layer",
    ),
    "a weight that is not a number": (
        lambda: saved(Net().state_dict() | {"head.bias": torch.full((3,), torch.nan)}),
        "not finite in 1 tensors",
    ),
    "an endless variance": (
        lambda: saved(Net().state_dict() | {"norm.running_var": torch.full((3,), torch.inf)}),
        "norm.running_var",
    ),
    "no tensor": (lambda: saved({}), "7 tensors differ"),
    "another width": (lambda: saved(Net(4).state_dict()), "head.weight is float32 4×2, not float32 3×2"),
    "another layer": (lambda: saved(Net(name="tail").state_dict()), "tail.weight is of no layer"),
    "a layer less": (
        lambda: saved({k: v for k, v in Net().state_dict().items() if k != "head.bias"}),
        "head.bias is missing",
    ),
    "half precision": (
        lambda: saved({k: v.half() for k, v in Net().state_dict().items()}),
        "head.bias is float16 3, not float32 3",
    ),
    "a thousand layers": (
        lambda: saved({f"layer{n}": torch.zeros(1) for n in range(1000)}),
        "1007 tensors differ",
    ),
}


@pytest.mark.parametrize(("content", "said"), MODELS.values(), ids=MODELS.keys())
def test_a_model_of_another_network_or_none_is_refused(content: Callable[[], bytes], said: str, tmp_path: Path) -> None:
    path = tmp_path / "train-cls/model.safetensors"
    path.parent.mkdir()
    path.write_bytes(content())
    network = Net()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError) as caught:
        load_model(path, network, stage="train-cls")
    assert caught.value.reference == "artifact-unreadable"
    assert str(path) in caught.value.problem
    assert said in str(caught.value)
    assert "`puzzlecam train-cls`" in str(caught.value.hint)
    assert len(str(caught.value)) < 1500
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, other = Net(), Net()
    save_model(tmp_path / "model.safetensors", network, described())
    load_model(tmp_path / "model.safetensors", other)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())
