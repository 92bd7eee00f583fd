"""A way in: weight files that will not do. Each is refused with its name and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.weights import load_weights
from tests.weight_files import network, prefixed, tensors, without


class Trap:
    """What a hostile pickle holds: it makes a folder when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (Path("sprung"),)


def cut(f: Path, write: Callable[[Any, Path], Any]) -> None:
    write(tensors(), f)
    f.write_bytes(f.read_bytes()[:-200])


def header(claimed: int, text: bytes = b"") -> Callable[[Path], Any]:
    """The start of a .safetensors file: how long its table is, and the table."""
    return lambda f: f.write_bytes(struct.pack("<Q", claimed) + text)


def table(end: int) -> Callable[[Path], Any]:
    text = json.dumps({"0.weight": {"dtype": "F32", "shape": [end // 4], "data_offsets": [0, end]}}).encode()
    return header(len(text), text)


def rewritten(f: Path, change: Callable[[bytes], bytes] = lambda data: data, method: int = zipfile.ZIP_STORED) -> None:
    """A .pth whose table of tensors is changed, or which is compressed."""
    torch.save({"0.weight": torch.zeros(12_345)}, f)
    with zipfile.ZipFile(f) as old:
        parts = {entry.filename: old.read(entry) for entry in old.infolist()}
    with zipfile.ZipFile(f, "w", method) as new:
        for name, data in parts.items():
            new.writestr(name, change(data) if name.endswith("data.pkl") else data)


def arrays(f: Path) -> None:
    with f.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def plain_zip(f: Path) -> None:
    with zipfile.ZipFile(f, "w") as file:
        file.writestr("readme.txt", "weights are elsewhere")


STRANGE = torch.tensor([[0.0, 1.0], [2.0, 0.0]]).to_sparse()
MISMATCH, UNREADABLE, MISSING, UNSAFE = ("weights-" + kind for kind in ("mismatch", "unreadable", "missing", "unsafe"))
BAD: dict[str, tuple[str, Callable[[Path], Any], str, str]] = {
    "no file": (".pth", lambda f: None, MISSING, "there is no weight file"),
    "a folder": (".pth", lambda f: f.mkdir(), MISSING, "is a folder"),
    "a folder called safetensors": (".safetensors", lambda f: f.mkdir(), MISSING, "is a folder"),
    "a pipe": (".pth", os.mkfifo, MISSING, "is no regular file"),
    "a pipe called safetensors": (".safetensors", os.mkfifo, MISSING, "is no regular file"),
    "an endless device": (".pth", lambda f: f.symlink_to("/dev/zero"), MISSING, "is no regular file"),
    "a link to itself": (".pth", lambda f: f.symlink_to(f), MISSING, "there is no weight file"),
    "a link to nothing": (".pth", lambda f: f.symlink_to(f"{f}.gone"), MISSING, "there is no weight file"),
    "a name of 300 letters": ("x" * 300, lambda f: None, UNREADABLE, "too long"),
    "empty": (".pth", lambda f: f.touch(), UNREADABLE, "is empty"),
    "empty safetensors": (".safetensors", lambda f: f.touch(), UNREADABLE, "is empty"),
    "a web page": (".pth", lambda f: f.write_text("<html>not found</html>"), UNREADABLE, "is no file of plain tensors"),
    "a web page as safetensors": (
        ".safetensors",
        lambda f: f.write_text("<html>gone</html>"),
        UNREADABLE,
        "cannot be read",
    ),
    "text": (".pth", lambda f: f.write_text("weights"), UNREADABLE, ""),
    "text as ONNX": (".onnx", lambda f: f.write_text("hello"), UNREADABLE, "it is damaged, or something else"),
    "cut": (".pth", lambda f: cut(f, torch.save), UNREADABLE, "cannot be read"),
    "cut safetensors": (".safetensors", lambda f: cut(f, save_file), UNREADABLE, "cannot be read"),
    "cut, older format": (
        ".pth",
        lambda f: cut(f, lambda s, g: torch.save(s, g, _use_new_zipfile_serialization=False)),
        UNREADABLE,
        "cannot be read",
    ),
    "a table of a terabyte": (".safetensors", header(2**40), UNREADABLE, "cannot be read"),
    "a table of all bytes there are": (".safetensors", header(2**64 - 1), UNREADABLE, "cannot be read"),
    "a table that is no table": (".safetensors", header(4, b"nope"), UNREADABLE, "cannot be read"),
    "a tensor of four terabytes": (".safetensors", table(2**42), UNREADABLE, "cannot be read"),
    "a tensor beyond the end of its storage": (
        ".pth",
        lambda f: rewritten(f, lambda data: data.replace(b"M90", b"J\xff\xff\xff\x7f")),
        UNREADABLE,
        "cannot be read",
    ),
    "compressed": (".pth", lambda f: rewritten(f, method=zipfile.ZIP_DEFLATED), UNREADABLE, "it is compressed"),
    "a zip of other things": (".pth", plain_zip, UNREADABLE, "cannot be read"),
    "arrays": (".pth", arrays, UNREADABLE, "cannot be read"),
    "safetensors called pth": (".pth", lambda f: save_file(tensors(), f), UNREADABLE, ""),
    "pth called safetensors": (".safetensors", lambda f: torch.save(tensors(), f), UNREADABLE, "cannot be read"),
    "a list": (".pth", lambda f: torch.save(list(tensors().values()), f), UNREADABLE, "but a list"),
    "a tensor": (".pth", lambda f: torch.save(torch.zeros(3), f), UNREADABLE, "but a Tensor"),
    "a number": (".pth", lambda f: torch.save(3, f), UNREADABLE, "but a int"),
    "nothing": (".pth", lambda f: torch.save(None, f), UNREADABLE, "but a NoneType"),
    "an empty table": (".pth", lambda f: torch.save({}, f), UNREADABLE, "an empty table"),
    "an empty table, nested": (".pth", lambda f: torch.save({"state_dict": {}}, f), UNREADABLE, "an empty table"),
    "a list, nested": (".pth", lambda f: torch.save({"state_dict": [1]}, f), UNREADABLE, "`state_dict` is a list"),
    "an empty table as safetensors": (".safetensors", lambda f: save_file({}, f), UNREADABLE, "an empty table"),
    "numbers as names": (
        ".pth",
        lambda f: torch.save({0: torch.zeros(3)}, f),
        UNREADABLE,
        "names a tensor 0, not by text",
    ),
    "numbers as names, nested": (
        ".pth",
        lambda f: torch.save({"model": {1: torch.zeros(3)}}, f),
        UNREADABLE,
        "tensor 1",
    ),
    "a number among tensors": (
        ".pth",
        lambda f: torch.save(tensors() | {"epoch": 3}, f),
        UNREADABLE,
        "`epoch` is a int",
    ),
    "optimiser alone": (".pth", lambda f: torch.save({"optimizer": {"lr": 1}}, f), UNREADABLE, "`optimizer` is a dict"),
    "sparse": (".pth", lambda f: torch.save(tensors() | {"0.bias": STRANGE}, f), UNREADABLE, "`0.bias`"),
    "on no device": (
        ".pth",
        lambda f: torch.save(tensors() | {"0.bias": torch.zeros(4, device="meta")}, f),
        UNREADABLE,
        "`0.bias`",
    ),
    "settings": (".pth", lambda f: torch.save({"args": argparse.Namespace()}, f), UNSAFE, "`argparse.Namespace`"),
    "a whole network": (".pth", lambda f: torch.save(network(), f), UNSAFE, "torch.nn"),
    "a trap": (".pth", lambda f: torch.save({"0.weight": Trap()}, f), UNSAFE, "only tensors are loaded"),
    "a trap, pickled": (".pth", lambda f: f.write_bytes(pickle.dumps(Trap(), 2)), UNSAFE, "only tensors are loaded"),
    "a trap called safetensors": (".safetensors", lambda f: f.write_bytes(pickle.dumps(Trap())), UNREADABLE, ""),
    "10,000 lists in each other": (".pth", lambda f: f.write_bytes(b"\x80\x02" + b"]" * 10_000 + b"."), UNREADABLE, ""),
    "one foreign tensor": (
        ".pth",
        lambda f: torch.save({"weight": torch.zeros(3)}, f),
        MISMATCH,
        "is of another network: none of its 1 tensors is one of this network's 6",
    ),
    "one foreign tensor as safetensors": (
        ".safetensors",
        lambda f: save_file({"weight": torch.zeros(3)}, f),
        MISMATCH,
        "is of another network: none of its 1 tensors",
    ),
    "another prefix": (".pth", lambda f: torch.save(prefixed("encoder."), f), MISMATCH, "none of its 7 tensors"),
    "one missing": (".pth", lambda f: torch.save(without(tensors(), "0.bias"), f), MISMATCH, "missing: 0.bias"),
    "one too many": (
        ".pth",
        lambda f: torch.save(tensors() | {"2.weight": torch.zeros(3)}, f),
        MISMATCH,
        "holds 1 tensors that this network does not have",
    ),
    "another shape": (
        ".pth",
        lambda f: torch.save(tensors() | {"0.weight": torch.zeros(4, 3, 5, 5)}, f),
        MISMATCH,
        "fits 6 of 7 tensors of this network",
    ),
    "500 axes": (
        ".pth",
        lambda f: torch.save(tensors() | {"0.bias": torch.zeros([1] * 60)}, f),
        MISMATCH,
        "shape: 0.bias",
    ),
    "not finite": (
        ".pth",
        lambda f: torch.save(tensors() | {"0.bias": torch.full((4,), torch.nan)}, f),
        MISMATCH,
        "tensors of",
    ),
    "whole numbers": (
        ".pth",
        lambda f: torch.save(tensors() | {"0.bias": torch.zeros(4, dtype=torch.int8)}, f),
        MISMATCH,
        "0.bias holds int8, must be float32",
    ),
    "10,000 tensors too many": (
        ".pth",
        lambda f: torch.save(tensors() | {f"more.{n}": torch.zeros(1) for n in range(10_000)}, f),
        MISMATCH,
        "holds 10000 tensors that this network does not have",
    ),
    "a name of 100,000 letters": (
        ".pth",
        lambda f: torch.save(tensors() | {"x" * 100_000: torch.zeros(1)}, f),
        MISMATCH,
        "holds 1 tensors",
    ),
}


@pytest.mark.parametrize(("suffix", "write", "reference", "words"), BAD.values(), ids=BAD)
def test_a_file_that_will_not_do_is_named_and_nothing_is_loaded(
    suffix: str,
    write: Callable[[Path], Any],
    reference: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file, made = tmp_path / f"weights{suffix}", network()
    write(file)
    begun = time.process_time()
    with pytest.raises(UserError) as caught:
        load_weights(made, file)
    assert time.process_time() - begun < 5
    error = caught.value
    assert error.reference == reference
    assert str(file) in error.problem
    assert words in str(error)
    assert "weights_only" not in str(error), "PyTorch advises to load it in spite of all"
    assert len(str(error).replace(str(file), "")) < 2500
    assert len(str(error).splitlines()) < 20
    assert not (tmp_path / "sprung").exists()
    assert all(torch.equal(value, network().state_dict()[name]) for name, value in made.state_dict().items())
