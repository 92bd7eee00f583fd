"""A way in: weight files, in the forms that trainings and libraries leave behind. Each is loaded whole."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from puzzlecam_cli.models.weights import load_weights
from tests.weight_files import network, prefixed, tensors, without

GOOD: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "pth": (".pth", lambda f: torch.save(tensors(), f)),
    "pt": (".pt", lambda f: torch.save(tensors(), f)),
    "bin": (".bin", lambda f: torch.save(tensors(), f)),
    "pth.tar": (".pth.tar", lambda f: torch.save({"state_dict": tensors(), "epoch": 3}, f)),
    "no suffix": ("", lambda f: torch.save(tensors(), f)),
    "safetensors": (".safetensors", lambda f: save_file(tensors(), f)),
    "SAFETENSORS": (".SAFETENSORS", lambda f: save_file(tensors(), f)),
    "name with blanks and umlauts": (" der größte.pth", lambda f: torch.save(tensors(), f)),
    "older format": (".pth", lambda f: torch.save(tensors(), f, _use_new_zipfile_serialization=False)),
    "ordered": (".pth", lambda f: torch.save(OrderedDict(tensors()), f)),
    "state_dict": (".pth", lambda f: torch.save({"epoch": 1, "state_dict": tensors()}, f)),
    "model": (".pth", lambda f: torch.save({"model": tensors(), "lr": 0.1}, f)),
    "nested twice": (".pth", lambda f: torch.save({"model": {"state_dict": tensors()}}, f)),
    "model_ema first": (".pth", lambda f: torch.save({"model": network().state_dict(), "model_ema": tensors()}, f)),
    "ema of None": (".pth", lambda f: torch.save({"state_dict": tensors(), "state_dict_ema": None}, f)),
    "module.": (".pth", lambda f: torch.save(prefixed("module."), f)),
    "_orig_mod.": (".safetensors", lambda f: save_file(prefixed("_orig_mod."), f)),
    "module._orig_mod.": (".pth", lambda f: torch.save({"state_dict": prefixed("module._orig_mod.")}, f)),
    "classifier beside": (".pth", lambda f: torch.save(tensors() | {"fc.weight": torch.zeros(5, 4)}, f)),
    "batches not counted": (".pth", lambda f: torch.save(without(tensors(), "1.num_batches_tracked"), f)),
    "float16": (".pth", lambda f: torch.save({k: v.half() for k, v in tensors().items()}, f)),
    "float64": (".pth", lambda f: torch.save({k: v.double() for k, v in tensors().items()}, f)),
    "parameters": (".pth", lambda f: torch.save({k: nn.Parameter(v, False) for k, v in tensors().items()}, f)),
    "channels last": (
        ".pth",
        lambda f: torch.save(
            {k: v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in tensors().items()}, f
        ),
    ),
}


@pytest.mark.parametrize(("suffix", "write"), GOOD.values(), ids=GOOD)
def test_a_weight_file_is_loaded_whole(suffix: str, write: Callable[[Path], Any], tmp_path: Path) -> None:
    file, made = tmp_path / f"weights{suffix}", network()
    write(file)
    said = load_weights(made, file)
    for name, value in tensors().items():
        if name.endswith("num_batches_tracked"):
            continue
        torch.testing.assert_close(made.state_dict()[name], value, rtol=1e-3, atol=1e-3)
        assert not torch.equal(network().state_dict()["0.weight"], made.state_dict()["0.weight"])
    assert said.startswith(f"{file.name}: ")


def test_a_symlink_is_followed(tmp_path: Path) -> None:
    torch.save(tensors(), tmp_path / "real.pth")
    (tmp_path / "link.pth").symlink_to(tmp_path / "real.pth")
    assert load_weights(network(), tmp_path / "link.pth").startswith("link.pth: 7 of 7 tensors matched")
