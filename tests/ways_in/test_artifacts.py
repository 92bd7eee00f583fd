"""A stage's own files, damaged or swapped: each is named, with the stage that makes it again."""

from __future__ import annotations

import os
import pickle
import shutil
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import save as saved
from torch import nn
from typer.testing import Result

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.artifacts import read_cams, read_walked
from puzzlecam_cli.run.model_file import load_model

SIZE = (37, 50)  # of the photo, whose maps at scale 1 have 3 × 4 cells of 16 pixels, and at stride 4 10 × 13
Arrays = dict[str, Any]


def good() -> Arrays:
    generator = np.random.default_rng(0)
    return {
        "classes": np.array([3, 8], np.int16),
        "size": np.array(SIZE, np.int32),
        "scales": np.array([0.5, 1.0], np.float32),
        "map_0": generator.random((2, 2, 2)).astype(np.float16),
        "map_1": generator.random((2, 3, 4)).astype(np.float16),
    }


def good_walk() -> Arrays:
    scores = np.random.default_rng(0).random((2, 10, 13)).astype(np.float16)
    return {"classes": np.array([3, 8], np.int16), "size": np.array(SIZE, np.int32), "scores": scores}


def with_(**changes: Any) -> Arrays:
    return {name: value for name, value in (good() | changes).items() if value is not None}


def walk_with(**changes: Any) -> Arrays:
    return {name: value for name, value in (good_walk() | changes).items() if value is not None}


def filled(value: float) -> NDArray[np.float16]:
    made: NDArray[np.float16] = good()["map_1"].copy()
    made[1, 2, 3] = value
    return made


def claiming(shape: tuple[int, ...], dtype: str = "<f2", version: bytes = b"\x01\x00", size: int = 4) -> bytes:
    """An array whose header says what it likes, before a few bytes of values."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + length + header + bytes(size)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def members(arrays: Arrays) -> dict[str, bytes]:
    found = {}
    for name, array in arrays.items():
        file = BytesIO()
        np.save(file, array, allow_pickle=True)
        found[f"{name}.npy"] = file.getvalue()
    return found


def raw(**changes: bytes) -> bytes:
    return zipped(members(good()) | {f"{name}.npy": content for name, content in changes.items()})


def cut(share: float) -> bytes:
    whole = zipped(members(good()))
    return whole[: int(share * len(whole))]


def twice() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of the second
        for name, content in [*members(good()).items(), *members(good()).items()]:
            archive.writestr(name, content)
    return file.getvalue()


class Executes:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (os.mkdir, ("executed",))


DAMAGED: dict[str, Callable[[], Arrays | bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"classes: 3, 8\n",
    "a single array": lambda: members(good())["map_0.npy"],
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a pickle": lambda: pickle.dumps(Executes()),
    "cut at a third": lambda: cut(0.3),
    "without its last byte": lambda: cut(0.999),
    "an empty archive": lambda: zipped({}),
    "names twice": twice,
    "a thousand names": lambda: zipped(members(good()) | {f"x{n}.npy": b"" for n in range(1000)}),
    "no classes": lambda: with_(classes=None),
    "no size": lambda: with_(size=None),
    "no scales": lambda: with_(scales=None),
    "no second map": lambda: with_(map_1=None),
    "no map": lambda: with_(map_0=None, map_1=None),
    "a third map": lambda: with_(map_2=good()["map_1"]),
    "another name": lambda: with_(Map_0=good()["map_0"], map_0=None),
    "a name with a path": lambda: zipped(members(good()) | {"../map_1.npy": b""}),
    "classes as floats": lambda: with_(classes=np.array([3.0, 8.0], np.float32)),
    "classes as objects": lambda: with_(classes=np.array([Executes(), None], object)),
    "classes as text": lambda: with_(classes=np.array(["car", "cow"])),
    "classes in a table": lambda: with_(classes=np.array([[3], [8]], np.int16)),
    "class 0": lambda: with_(classes=np.array([0, 8], np.int16)),
    "class -3": lambda: with_(classes=np.array([-3, 8], np.int16)),
    "class 255": lambda: with_(classes=np.array([255, 8], np.int16)),
    "class 3 twice": lambda: with_(classes=np.array([3, 3], np.int16)),
    "three classes": lambda: with_(classes=np.array([3, 8, 9], np.int16)),
    "one class": lambda: with_(classes=np.array([3], np.int16)),
    "10^8 classes in a bomb": lambda: raw(classes=claiming((10**8,), "<i2", size=2 * 10**8)),
    "a size of three": lambda: with_(size=np.array([37, 50, 3], np.int32)),
    "a size of 64 bits": lambda: with_(size=np.array(SIZE, np.int64)),
    "a size of 0": lambda: with_(size=np.array([0, 50], np.int32)),
    "a negative size": lambda: with_(size=np.array([-37, 50], np.int32)),
    "a size of terabytes": lambda: with_(size=np.array([2_000_000, 2_000_000], np.int32)),
    "a size ten times too large": lambda: with_(size=np.array([370, 500], np.int32)),
    "scales of 0": lambda: with_(scales=np.array([0, 1], np.float32)),
    "scales that are none": lambda: with_(scales=np.array([np.nan, 1], np.float32)),
    "infinite scales": lambda: with_(scales=np.array([np.inf, 1], np.float32)),
    "no scale at all": lambda: with_(scales=np.zeros(0, np.float32), map_0=None, map_1=None),
    "33 scales": lambda: with_(scales=np.ones(33, np.float32)),
    "maps of 64 bits": lambda: with_(map_1=good()["map_1"].astype(np.float64)),
    "maps of the other byte order": lambda: with_(map_1=good()["map_1"].astype(">f2")),
    "maps in columns": lambda: with_(map_1=np.asfortranarray(good()["map_1"])),
    "maps as records": lambda: with_(map_1=np.zeros((2, 3, 4), [("a", np.float16)])),
    "maps of two dimensions": lambda: with_(map_1=good()["map_1"][0]),
    "maps of four dimensions": lambda: with_(map_1=good()["map_1"][None]),
    "maps without a cell": lambda: with_(map_1=np.zeros((2, 0, 4), np.float16)),
    "maps far too large": lambda: with_(map_1=np.zeros((2, 3, 3000), np.float16)),
    "NaN": lambda: with_(map_1=filled(np.nan)),
    "infinity": lambda: with_(map_1=filled(np.inf)),
    "a negative value": lambda: with_(map_1=filled(-0.5)),
    "a header of 1.8 TiB": lambda: raw(map_1=claiming((2, 10**6, 10**6))),
    "a header longer than its values": lambda: raw(map_1=claiming((2, 3, 5))),
    "a header shorter than its values": lambda: raw(map_1=claiming((2, 3, 1), size=48)),
    "a header of negative lengths": lambda: raw(map_1=claiming((2, -3, -4), size=48)),
    "a header of format 2 and 4 GB": lambda: raw(map_1=b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}"),
    "a header that calls": lambda: raw(map_1=claiming((2, 3, 4), size=48).replace(b"(2, 3, 4)", b"exit(3)  ")),
    "a header of brackets": lambda: raw(map_1=b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"(" * 9000),
    "cells of 0 pixels": lambda: with_(cell=np.array(0, np.int32)),
    "cells of a million pixels": lambda: with_(cell=np.array(10**6, np.int32)),
}

DAMAGED_WALKS: dict[str, Callable[[], Arrays | bytes]] = {
    "empty": lambda: b"",
    "maps before the walk": good,
    "no scores": lambda: walk_with(scores=None),
    "scores of another grid": lambda: walk_with(scores=good_walk()["scores"][:, :9]),
    "scores at full size": lambda: walk_with(scores=np.zeros((2, *SIZE), np.float16)),
    "scores of another count": lambda: walk_with(scores=good_walk()["scores"][:1]),
    "scores of 32 bits": lambda: walk_with(scores=good_walk()["scores"].astype(np.float32)),
    "scores as objects": lambda: walk_with(scores=np.full((2, 10, 13), Executes(), object)),
    "NaN": lambda: walk_with(scores=np.full((2, 10, 13), np.nan, np.float16)),
    "a size of terabytes": lambda: walk_with(size=np.array([10**6, 10**6], np.int32)),
    "a size of 0": lambda: walk_with(size=np.array([0, 0], np.int32)),
}


def written(path: Path, content: Arrays | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else zipped(members(content)))
    return path


def refusal(read: Callable[[Path], object], path: Path, stage: str) -> UserError:
    """The error, which names file and stage on less than a screen."""
    with pytest.raises(UserError) as caught:
        read(path)
    assert caught.value.reference == "artifact-unreadable"
    assert str(path) in caught.value.problem
    assert f"`puzzlecam {stage}`" in str(caught.value.hint)
    assert len(str(caught.value)) < 1500
    return caught.value


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_maps_are_refused(
    content: Callable[[], Arrays | bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refusal(read_cams, written(tmp_path / "cams/photo.npz", content()), "cams")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", DAMAGED_WALKS.values(), ids=DAMAGED_WALKS.keys())
def test_damaged_walks_are_refused(content: Callable[[], Arrays | bytes], tmp_path: Path) -> None:
    refusal(read_walked, written(tmp_path / "scores/photo.npz", content()), "rw")


@pytest.mark.parametrize("read", [read_cams, read_walked, lambda path: load_model(path, nn.Linear(2, 3), stage="seg")])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_what_is_no_file_is_not_opened(read: Any, make: Any, tmp_path: Path) -> None:
    (tmp_path / "seg").mkdir()
    make(tmp_path / "seg/file")
    with pytest.raises(UserError, match="it is no file"):
        read(tmp_path / "seg/file")


@pytest.mark.parametrize("read", [read_cams, read_walked, lambda path: load_model(path, nn.Linear(2, 3), stage="seg")])
def test_what_is_not_there_is_missing(read: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="artifact-missing"):
        read(tmp_path / "none.npz")


@settings(deadline=None, max_examples=50, derandomize=True)
@given(place=st.floats(0, 0.999), bits=st.integers(1, 255))
def test_a_changed_byte_never_ends_in_anything_but_a_refusal(
    place: float, bits: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(zipped(members(good())))
    data[int(place * len(data))] ^= bits
    path = written(tmp_path_factory.mktemp("changed") / "photo.npz", bytes(data))
    with suppress(UserError):
        assert read_cams(path)[0].tolist() == [3, 8]  # the byte meant nothing: a date, a flag


def test_maps_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    classes, scores = read_cams(written(tmp_path / "photo.npz", good()), stride=1)
    assert classes.tolist() == [3, 8]
    assert scores.shape == (2, *SIZE)
    assert scores.amax(dim=(1, 2)).tolist() == pytest.approx([1, 1], abs=1e-4)


@pytest.mark.parametrize("read", [read_cams, read_walked])
def test_maps_of_a_photo_of_another_size_or_of_an_unknown_class_are_refused(read: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "photo.npz", good() if read is read_cams else good_walk())
    assert len(read(path, size=SIZE, num_classes=8)[0]) == 2
    with pytest.raises(UserError, match="it holds class 8; there are 7"):
        read(path, num_classes=7)
    with pytest.raises(UserError, match="of a photo of 37×50, not 50×37"):
        read(path, size=(50, 37))


def damaged_run(finished_run: Path, run: Path, name: str, content: bytes) -> Path:
    shutil.copytree(finished_run, run)
    (path,) = list(run.glob(name))[:1]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "command"),
    [
        ("cams/*.npz", raw(map_1=claiming((2, 10**6, 10**6))), "affinity --force"),
        ("cams/*.npz", zipped(members(good())), "affinity --force"),
        ("cams/*.npz", zipped(members(good())), "rw --force"),
        ("rw/scores/*.npz", zipped(members(good_walk())), "rw -s rw.background=0.4"),
        ("rw/scores/*.npz", b"text", "eval --force"),
        ("train-cls/model.safetensors", saved({"x": torch.zeros(2)}), "cams --force"),
        ("affinity/model.safetensors", b"\x80\x02pickle", "rw --force"),
        ("seg/model.safetensors", saved({"x": torch.zeros(2)}), "seg -s seg.predict.crf.iterations=0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_names_the_file_and_ends_with_2(
    finished_run: Path,
    tiny_recipe: Path,
    tmp_path: Path,
    puzzlecam: Callable[..., Result],
    name: str,
    content: bytes,
    command: str,
) -> None:
    path = damaged_run(finished_run, tmp_path / "run", name, content)
    stage, *options = command.split()
    result = puzzlecam(stage, tiny_recipe, "--run", tmp_path / "run", *options)
    assert result.exit_code == 2, result.output
    assert f"{path.parent.name}/{path.name}" in result.stderr
    assert "makes it again" in result.stderr
