"""What people give to `puzzlecam export`: right, or refused in a sentence with nothing written or overwritten."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir
from io import BytesIO
from pathlib import Path

import onnx
import pytest
import torch
from PIL import Image
from typer.testing import Result

from puzzlecam_cli.models.build import build
from puzzlecam_cli.models.description import FORMAT
from puzzlecam_cli.run.model_file import save_model
from puzzlecam_cli.use.export import pictures
from tests.models.descriptions import described

KEPT = b"of somebody else"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "m"
    save_model(path, build(described()), described())
    return path.read_bytes()


@pytest.fixture(scope="module")
def ours() -> bytes:
    """A file that bears our marks."""
    stream, extra = BytesIO(), {"format": FORMAT}
    with warnings.catch_warnings(action="ignore"):
        torch.jit.save(torch.jit.script(torch.nn.Identity()), stream, _extra_files=extra)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pictures, "TRIED", 1)
    monkeypatch.setattr(pictures, "MADE_UP", 60)
    with chdir(tmp_path):
        Path("m.safetensors").write_bytes(data)
        Path("cut.safetensors").write_bytes(data[:-5])
        for name in ("a.onnx", "a.pt", "a.safetensors"):
            Path(name).write_bytes(KEPT)
        onnx.save(onnx.ModelProto(), "other.onnx")
        Path("folder").mkdir()
        Path("way.onnx").symlink_to("m.safetensors")
        Image.new("RGB", (60, 40), "red").save("red.png")
        Path("broken.jpg").write_bytes(b"\xff\xd8\xff")
        yield


REFUSED: dict[str, tuple[list[str], str]] = {
    "a model that is not there": (["nothing"], "model-missing"),
    "a folder that is no run": (["folder"], "model-missing"),
    "a model that is cut short": (["cut.safetensors"], "model-unreadable"),
    "a photo for a model": (["red.png"], "model-foreign"),
    "an export for a model": (["a.onnx"], "model-foreign"),
    "a file of another": (["m.safetensors", "--out", "a.onnx"], "export-exists"),
    "a file of another in TorchScript": (["m.safetensors", "--out", "a.pt"], "export-exists"),
    "another model": (["m.safetensors", "--out", "a.safetensors"], "export-exists"),
    "ONNX of another program": (["m.safetensors", "--out", "other.onnx"], "export-exists"),
    "the model itself": (["m.safetensors", "--out", "./m.safetensors", "--force"], "export-exists"),
    "the model itself by default": (["m.safetensors", "--format", "safetensors", "--force"], "export-exists"),
    "a link to the model": (["m.safetensors", "--out", "way.onnx", "--force"], "export-exists"),
    "a folder for a file": (["m.safetensors", "--out", "folder", "--force"], "export-exists"),
    "a device for a file": (["m.safetensors", "--out", "/dev/null", "--force"], "export-exists"),
    "a file below a file": (["m.safetensors", "--out", "red.png/x.onnx"], "export-exists"),
    "a name of another format": (["m.safetensors", "--format", "torchscript", "--out", "x.onnx"], "usage"),
    "int8 in TorchScript": (["m.safetensors", "--format", "torchscript", "--precision", "int8"], "usage"),
    "fp16 in a model file": (["m.safetensors", "--format", "safetensors", "--precision", "fp16"], "usage"),
    "int8 without photos": (["m.safetensors", "--precision", "int8"], "export-photos"),
    "photos that are not there": (["m.safetensors", "--check", "nowhere"], "path-unusable"),
    "a folder without photos": (["m.safetensors", "--check", "folder"], "data-missing"),
    "a broken photo": (["m.safetensors", "--check", "broken.jpg"], "image-unreadable"),
}


@pytest.mark.parametrize(("given", "reference"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_input_is_refused_and_nothing_is_written(
    puzzlecam: Callable[..., Result], given: list[str], reference: str
) -> None:
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    result = puzzlecam("export", *given)
    assert result.exit_code == 2, result.output
    assert f"error: {reference}\n" in result.stderr
    assert not result.stdout
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


GOOD: dict[str, tuple[list[str], str]] = {
    "no file": (["--format", "torchscript"], "m.pt"),
    "an export of ours": (["--out", "m.pt"], "m.pt"),
    "a file whose suffix is the format": (["--out", "x.SafeTensors"], "x.SafeTensors"),
    "a name without suffix": (["--format", "safetensors", "--out", "x"], "x"),
    "a name of blanks and signs": (["--out", " ü [1].safetensors"], " ü [1].safetensors"),
    "a folder that is not there yet": (["--out", "new/x.safetensors"], "new/x.safetensors"),
    "a file of another, forced": (["--out", "a.safetensors", "--force"], "a.safetensors"),
    "a photo": (["--out", "x.safetensors", "--check", "red.png"], "x.safetensors"),
    "a pattern": (["--out", "x.safetensors", "--check", "r*.png"], "x.safetensors"),
}


@pytest.mark.parametrize(("given", "file"), GOOD.values(), ids=GOOD.keys())
def test_a_good_input_gives_the_file(
    puzzlecam: Callable[..., Result], given: list[str], file: str, ours: bytes, request: pytest.FixtureRequest
) -> None:
    if "an export of ours" in request.node.name:
        Path(file).write_bytes(ours)
    result = puzzlecam("export", "m.safetensors", *given)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{file}  ")
    assert Path(file).stat().st_size > 1_000_000
