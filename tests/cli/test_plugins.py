"""`puzzlecam plugins new` writes what works, and the checks of the kit find what does not."""

from __future__ import annotations

import importlib
import runpy
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.method.crf_torch import TorchField
from puzzlecam_cli.recipe.model import recipe_model
from puzzlecam_cli.testing import check_crf_engine, check_dataset, check_saliency
from tests.conftest import Run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    recipe_model.cache_clear()
    for name in [name for name in sys.modules if "_of_a_test" in name]:
        del sys.modules[name]


def written(here: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch, kind: str) -> Path:
    """The folder of a new plugin, installed as an editable installation of pip does it."""
    result = puzzlecam("plugins", "new", f"puzzlecam-{kind}-of-a-test", "--kind", kind)
    assert result.exit_code == 0, result.output
    folder = here / result.stdout.strip()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {line}\n" for line in project["dependencies"])
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{requires}"
    (info / "METADATA").write_text(metadata)
    entries = [
        f"[{group}]\n{name} = {value}\n" for group, e in project["entry-points"].items() for name, value in e.items()
    ]
    (info / "entry_points.txt").write_text("".join(entries))
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.usefixtures("_preloaded")
@pytest.mark.parametrize("kind", ["backbone", "dataset", "crf", "saliency"])
def test_a_new_plugin_passes_its_own_test_at_once(
    kind: str, here: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = written(here, puzzlecam, monkeypatch, kind)
    (tests,) = (folder / "tests").glob("test_*.py")
    ((name, test),) = [(n, f) for n, f in runpy.run_path(str(tests)).items() if n.startswith("test_")]
    (tmp_path / "data").mkdir()
    test(*([tmp_path / "data"] if kind == "dataset" else []))
    assert "promises" in name
    assert f"{kind}_of_a_test" in puzzlecam("plugins", "--check").stdout
    again = puzzlecam("plugins", "new", f"puzzlecam-{kind}-of-a-test", "elsewhere", "--kind", kind)
    assert again.exit_code == 2
    assert "is taken" in again.stderr


# --- what a kit for data finds: a part of the new plugin, what takes its place, a part of what is said

DATA: dict[str, tuple[str, str, str]] = {
    "another name": ('Literal["dataset_of_a_test"]', 'Literal["other"]', "declare `kind: Literal"),
    "background": ("return tuple(sorted(", "return ('background',) + tuple(sorted(", "leave out `background`"),
    "a class twice": ("return tuple(sorted(", "return ('cat',) + tuple(sorted(", "names a class twice"),
    "no classes": ("return tuple(sorted(", "return () and tuple(sorted(", "classes must be"),
    "no photos": ("return [\n            Photo(", "return []\n        [\n            Photo(", "has no photos"),
    "ids with suffixes of Windows": ('.as_posix()', '.as_posix().replace("a", "b\\\\")', "holds a backslash"),
    "ids twice": ('Path(name).with_suffix("").as_posix()', '"one"', "two photos have the id 'one'"),
    "tags from 0": ("enumerate(self.classes, 1)", "enumerate(self.classes)", "0 is background"),
    "tags in a list": ("tuple(sorted({index[tag] for tag in self._tags[name]}))", "[1]", "must be a sorted tuple"),
    "no tags": ("if tags else ()", "if False else ()", "no photo of `train` has a tag"),
    "another order": ("for name in names\n", "for name in (names if tags else names[::-1])\n", "another order"),
    "a count": ("def _names", "def count(self, split): return 1, 1\n    def _names", "`count` gives (1, 1)"),
    "tags are not hashed": ("self._tags[name] if tags else None", "None", "stays when tags change"),
    "times are not hashed": ("file.stat().st_mtime_ns)", "0)", "stays when a photo is written anew"),
    "a fingerprint by chance": ("return digest.hexdigest()", "return os.urandom(9).hex()", "a second time"),
    "an error that is none of the user's": ("read_text(file)", "file.read_text()", "raises FileNotFoundError"),
    "a mask that cannot travel": ("id=Path", "mask=lambda: 0, id=Path", "cannot be sent to another process"),
}  # fmt: skip


@pytest.mark.parametrize(("part", "instead", "words"), DATA.values(), ids=DATA)
def test_a_broken_promise_of_a_data_set_is_found(
    part: str, instead: str, words: str, here: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = written(here, puzzlecam, monkeypatch, "dataset")
    module = folder / "puzzlecam_dataset_of_a_test" / "__init__.py"
    source = module.read_text()
    assert part in source
    module.write_text(source.replace(part, instead).replace("import json\n", "import json\nimport os\n"))
    test = runpy.run_path(str(folder / "tests" / "test_dataset_of_a_test.py"))
    (tmp_path / "data").mkdir()
    with pytest.raises(AssertionError, match=r".") as caught:
        test["test_it_keeps_the_promises_of_a_data_set"](tmp_path / "data")
    assert words in str(caught.value)


class BadMask:
    """Reads one number everywhere."""

    def __init__(self, path: Path, number: int, shape: tuple[int, int]):
        self.path = self.key = path
        self.number, self.shape = number, shape

    def read(self) -> Any:
        return np.full(self.shape, self.number, np.uint8)

    def is_grey(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("number", "shape", "words"),
    [(1, (30, 40), None), (255, (30, 40), None), (3, (30, 40), r"holds \[3\]"), (1, (40, 30), "its photo")],
)
def test_masks_are_held_to_classes_and_sizes(
    number: int, shape: tuple[int, int], words: str | None, here: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(here, puzzlecam, monkeypatch, "dataset")
    data = importlib.import_module("puzzlecam_dataset_of_a_test")
    monkeypatch.setattr(data, "Photo", lambda **given: Photo(mask=BadMask(folder, number, shape), **given))
    from puzzlecam_cli.data.photos import Photo

    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (40, 30)).save(here / name)
    (here / "tags.json").write_text('{"a.jpg": ["cat"], "b.jpg": ["dog"]}')
    if words is None:
        assert check_dataset("dataset_of_a_test", {"root": here}).count("train") == (1, 1)
        return
    with pytest.raises(AssertionError, match=words):
        check_dataset("dataset_of_a_test", {"root": here})


def test_data_that_come_along_keep_their_promises() -> None:
    check_dataset("synthetic", {"pictures": 4, "val_pictures": 2, "size": 48, "classes": 2})


class Engine(TorchField):
    """A good engine that breaks one promise."""

    how = ""

    def __init__(self, image: Any, labels: int, kernels: Any):
        if self.how == "writes to the photo":
            image[0, 0] = 0
        if self.how == "no single pixels" and image.size == 3:
            raise IndexError("no neighbours")
        if self.how == "weights left out":
            kernels = kernels._replace(smooth_weight=0.0, colour_weight=1.0)
        if self.how == "half the kernels":
            kernels = kernels._replace(colour_rgb=2.0, smooth_weight=0.5)
        super().__init__(image, labels, kernels)
        self.count = 0

    def infer(self, unary: Any, iterations: int) -> Any:
        self.count += 1
        found = super().infer(unary, max(iterations, 1) if self.how == "always a step" else iterations)
        match self.how:
            case "remembers":
                return super().infer(unary, iterations + self.count)
            case "double precision":
                return found.astype(float)
            case "a list":
                return found.tolist()
            case "transposed":
                return found.T
            case "not normalised":
                return found * 2
            case "not finite":
                return found / 0
        return found


ENGINES = {
    "": None,
    "writes to the photo": "work on a copy",
    "remembers": "leave no trace",
    "double precision": "gives float64, not float32",
    "a list": "not a numpy array",
    "transposed": "give \\(K, H·W\\)",
    "not normalised": "sum to 1",
    "not finite": "not finite",
    "no single pixels": "a photo of one pixel",
    "half the kernels": "away from the plain sums",
    "weights left out": "though both kernels weigh nothing|away from the plain sums",
    "always a step": "after no step",
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(("how", "words"), ENGINES.items(), ids=lambda text: text or "a good engine")
def test_a_broken_promise_of_a_crf_engine_is_found(
    how: str, words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "how", how)
    if words is None:
        assert check_crf_engine(Engine) is Engine
        return
    with pytest.raises(AssertionError, match=words):
        check_crf_engine(Engine)


METHODS: dict[str, tuple[Any, str]] = {
    "another shape": (lambda photo: photo / 255, "give (H, W)"),
    "grey levels": (lambda photo: photo[..., 0], "give float32 in [0, 1]"),
    "too high": (lambda photo: photo.max(axis=-1) / 100.0, "give those in [0, 1]"),
    "no numbers": (lambda photo: photo[..., 0] * np.nan, "give those in [0, 1]"),
    "a square root of the size": (lambda photo: photo[:48, :48, 0] / 255, "give (H, W)"),
    "a photo that is changed": (lambda photo: np.floor_divide(photo, 2, out=photo)[..., 0] / 255, "work on a copy"),
    "chance": (lambda photo: np.random.default_rng().random(photo.shape[:2]), "a second time"),
    "a fault at one pixel": (lambda photo: photo[..., 0] / 255 if photo.size > 3 else 1 // 0, "of (1, 1, 3)"),
}


@pytest.mark.parametrize(("method", "words"), METHODS.values(), ids=METHODS)
def test_a_broken_promise_of_a_saliency_method_is_found(method: Any, words: str) -> None:
    with pytest.raises(AssertionError) as error:
        check_saliency(method)
    assert words in str(error.value)


def test_a_sound_saliency_method_passes() -> None:
    def method(photo: Any) -> Any:
        return photo[..., 0] / 255

    assert check_saliency(method) is method
