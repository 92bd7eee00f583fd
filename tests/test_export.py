"""What is exported does in its own runtime what the network does here, says what it is, or is not written at all."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn
from typer.testing import Result

from puzzlecam_cli.data.transforms import normalize
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.build import build
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.run.model_file import save_model
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.use.export import onnx_file, pictures, torchscript_file, work
from puzzlecam_cli.use.export.kinds import KINDS, Array
from puzzlecam_cli.use.export.portable import Portable
from puzzlecam_cli.use.export.work import export
from tests.models.descriptions import described

PAGE = Path(__file__).parents[1] / "puzzlecam_cli" / "docs" / "export.md"
SIZES = [(1, 1, 1), (1, 16, 16), (3, 33, 57), (2, 64, 96), (1, 150, 201)]
SAME = "timm:tf_mobilenetv3_small_minimal_100"  # its padding depends on the size, as EfficientNet-Lite's
MULTIPLES = "timm:test_convnext"  # its input is padded to multiples of 32

Images = NDArray[np.uint8]


def new_model(path: Path, description: Description) -> Path:
    torch.manual_seed(0)
    save_model(path, build(description), description)
    return path


def photos(count: int, height: int, width: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, (count, 3, height, width), np.uint8)


@torch.inference_mode()
def of_the_network(model: Path, images: Images) -> tuple[Array, Array]:
    description, network = open_model(model)
    views = [normalize(image.transpose(1, 2, 0), description.mean, description.std) for image in images]
    probabilities = network(torch.stack(views)).softmax(dim=1)
    return probabilities.argmax(dim=1).byte().numpy(), probabilities.numpy()


@pytest.fixture(autouse=True, scope="module")
def _few_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "TRIED", 2)
        patch.setattr(pictures, "MADE_UP", 80)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file without a run."""
    return new_model(tmp_path_factory.mktemp("model") / "pets.safetensors", described())


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pets.onnx`, `pets.pt` and `pets.safetensors`."""
    folder = tmp_path_factory.mktemp("exported")
    with chdir(folder):
        for kind in KINDS:
            assert export(model, kind).equal > 0.999
    return folder


@pytest.fixture
def _here(tmp_path: Path) -> Iterator[None]:
    with chdir(tmp_path):
        yield


def metadata_of(file: Path) -> dict[str, str]:
    match file.suffix:
        case ".onnx":
            return {entry.key: entry.value for entry in onnx.load(file).metadata_props}
        case ".pt":
            extra = dict.fromkeys(("format", "classes", "colours", "mean", "std", "backbone", "precision"), "")
            with warnings.catch_warnings(action="ignore"):  # newer versions of PyTorch call it deprecated
                torch.jit.load(file, _extra_files=extra)
            return {name: text.decode() for name, text in extra.items()}  # type: ignore[attr-defined]
    with safe_open(file, "pt") as opened:
        return dict(opened.metadata())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "×".join(map(str, size)))
@pytest.mark.parametrize(("name", "runtime"), [("pets.onnx", onnx_file), ("pets.pt", torchscript_file)])
def test_any_batch_and_size_gives_what_the_network_gives(
    model: Path, exported: Path, name: str, runtime: Any, size: tuple[int, int, int]
) -> None:
    images = photos(*size)
    labels, probabilities = runtime.open_runner(exported / name)(images)
    wanted, truth = of_the_network(model, images)
    assert labels.dtype == np.uint8
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, truth, atol=1e-5)
    assert (labels == wanted).mean() > 0.999


@pytest.mark.parametrize(("backbone", "kind"), [(SAME, "onnx"), (MULTIPLES, "onnx"), (SAME, "torchscript")])
def test_padding_that_depends_on_the_size_is_a_part_of_what_is_written(
    tmp_path: Path, backbone: str, kind: str
) -> None:
    description = described(backbone=backbone)
    model = new_model(tmp_path / "model.safetensors", description)
    _, network = open_model(model)
    writer = KINDS[kind].writer
    writer.write(network, description, tmp_path / "written", "fp32", [])
    runner = writer.open_runner(tmp_path / "written")
    for size in [(1, 33, 57), (2, 64, 62), (1, 16, 16)]:
        images = photos(*size)
        np.testing.assert_allclose(runner(images)[1], of_the_network(model, images)[1], atol=1e-5)


def test_the_onnx_file_has_the_promised_inputs_and_outputs(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported / "pets.onnx")
    found = {one.name: (one.type, one.shape) for one in [*session.get_inputs(), *session.get_outputs()]}
    assert list(found) == ["images", "labels", "probabilities"]
    assert found["images"] == ("tensor(uint8)", ["batch", 3, "height", "width"])
    assert found["labels"] == ("tensor(uint8)", ["batch", "height", "width"])
    assert found["probabilities"] == ("tensor(float)", ["batch", 3, "height", "width"])


@pytest.mark.parametrize("name", ["pets.onnx", "pets.pt", "pets.safetensors"])
def test_every_file_says_what_it_is(exported: Path, name: str) -> None:
    said, plain = metadata_of(exported / name), described()
    assert json.loads(said["classes"]) == list(plain.classes)
    assert json.loads(said["colours"]) == [list(colour) for colour in plain.colours]
    assert json.loads(said["backbone"]) == {"name": plain.backbone, "options": {}}
    assert json.loads(said["mean"]) == list(plain.mean)
    assert said["format"] == "puzzlecam-model-1"


def test_the_model_file_is_opened_like_the_model(model: Path, exported: Path) -> None:
    images = photos(1, 40, 60)
    np.testing.assert_array_equal(
        of_the_network(exported / "pets.safetensors", images)[1], of_the_network(model, images)[1]
    )


@pytest.mark.parametrize("amount", [-2, torch.nan], ids=["another", "no number"])
def test_a_file_that_does_something_else_is_not_put_in_place(
    model: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amount: float
) -> None:
    before = (exported / "pets.pt").read_bytes()
    kept = tmp_path / "pets.pt"
    kept.write_bytes(before)

    class Another(Portable):
        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            _, probabilities = super().forward(images)
            return (probabilities * amount).argmax(dim=1).byte(), probabilities * amount

    def another(network: nn.Module, description: Description, half: bool) -> Portable:
        return Another(network, description)

    monkeypatch.setattr(torchscript_file, "portable", another)
    with pytest.raises(UserError) as raised:
        export(model, "torchscript", out=kept)
    assert raised.value.reference == "export-differs"
    assert kept.read_bytes() == before
    assert list(tmp_path.iterdir()) == [kept]


def test_what_int8_costs_is_told(
    finished_run: Path, puzzlecam: Callable[..., Result], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    result = puzzlecam("export", finished_run, "--precision", "int8", "--out", tmp_path / "small.onnx", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["scored"] == 3
    assert all(0 <= miou <= 1 for miou in said["miou"])
    assert not recwarn.list
    kinds = {node.op_type for node in onnx.load(tmp_path / "small.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds


@pytest.mark.parametrize(("kind", "suffix"), [("onnx", ".onnx"), ("torchscript", ".pt")])
def test_fp16_takes_half_of_the_place_and_runs_on_a_cpu(
    model: Path, exported: Path, tmp_path: Path, kind: str, suffix: str
) -> None:
    done = export(model, kind, precision="fp16", out=tmp_path / "half")
    assert done.path.stat().st_size < 0.65 * (exported / f"pets{suffix}").stat().st_size
    assert done.difference < 0.05
    assert "not known" in done.notes[0]


@pytest.mark.usefixtures("_here")
def test_the_line_on_stdout_tells_file_size_and_difference(
    finished_run: Path, puzzlecam: Callable[..., Result]
) -> None:
    result = puzzlecam("export", finished_run, "--format", "torchscript")
    assert result.exit_code == 0, result.output
    assert re.fullmatch(
        r"tiny\.pt  \d+\.\d MB  100\.00 % of labels equal, "
        r"probabilities differ by up to \S+ \(2 photos of the run's val, \d+ inputs\)\n",
        result.stdout,
    )
    assert Path("tiny.pt").is_file()


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_package_is_told_before_anything_is_done(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(work, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(UserError, match=missing) as raised:
        export("a model that is not there", "onnx")
    assert raised.value.reference == "extra-missing"
    assert "puzzlecam-cli[onnx]" in str(raised.value.hint)


def test_the_readme_s_example_runs(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    (tmp_path / "PHOTOS.onnx").write_bytes((exported / "pets.onnx").read_bytes())
    Image.fromarray(photos(1, 40, 50)[0].transpose(1, 2, 0)).save(tmp_path / "photo.jpg")
    with chdir(tmp_path):
        exec(compile(example, str(PAGE), "exec"), {})
    names = [line.rpartition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert names
    assert set(names) <= {"background", *described().classes}
