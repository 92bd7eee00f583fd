"""A trained network in Python: equal to `seg`, whatever the photo comes as, and clear about what it cannot do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import puzzlecam_cli
from puzzlecam_cli.engine.place import Device
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.use.model import Model, Photo, load_model
from tests.conftest import Run


@pytest.fixture(scope="module")
def model(finished_run: Path) -> Model:
    return load_model(finished_run, device="cpu")


@pytest.fixture(scope="module")
def photo(finished_run: Path) -> Path:
    return next((finished_run / "data").rglob("*.jpg"))


def test_it_is_a_name_of_the_package() -> None:
    assert puzzlecam_cli.load_model is load_model


def test_a_model_knows_its_classes_colours_and_where_it_comes_from(model: Model) -> None:
    assert len(model.classes) == 3
    assert model.colours[:2] == ((0, 0, 0), (128, 0, 0))
    told = model.description.supervision
    assert told["tags"].startswith("image-level tags of 6 photos of `train`")
    assert told["masks"].startswith("never for training")
    assert told["first_weights"] == "random"
    assert told.keys() == {"tags", "masks", "first_weights", "licence"}


AS: dict[str, Callable[[Path], Photo]] = {
    "a text": str,
    "a path": lambda path: path,
    "an array": lambda path: np.array(Image.open(path)),
    "a picture": Image.open,
    "a picture that can be seen through": lambda path: Image.open(path).convert("RGBA"),
    "an array that is a view": lambda path: np.array(Image.open(path))[::-1][::-1],
}


@pytest.mark.parametrize("given", AS.values(), ids=AS.keys())
def test_a_photo_is_the_same_whatever_it_comes_as(model: Model, photo: Path, given: Callable[[Path], Photo]) -> None:
    wanted, found = model.predict(photo), model.predict(given(photo))
    assert np.array_equal(found.labels, wanted.labels)
    assert np.array_equal(found.probabilities, wanted.probabilities)


def test_labels_and_probabilities_are_of_the_photos_size_and_agree(model: Model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    found = model.predict(pixels)
    assert found.labels.shape == (50, 70)
    assert found.labels.dtype == np.uint8
    assert found.probabilities.shape == (4, 50, 70)
    assert found.probabilities.dtype == np.float32
    assert np.allclose(found.probabilities.sum(axis=0), 1, atol=1e-4)
    assert np.array_equal(found.probabilities.argmax(axis=0), found.labels)


def test_what_is_not_said_is_as_the_recipe_says(model: Model, photo: Path) -> None:
    usual = model.predict(photo).probabilities
    assert np.array_equal(usual, model.predict(photo, scales=[1.0], flip=True, crf={"iterations": 1}).probabilities)
    changes: list[dict[str, Any]] = [{"scales": 0.5}, {"flip": False}, {"crf": False}, {"crf": 3}, {"tags": []}]
    for change in changes:
        assert not np.array_equal(usual, model.predict(photo, **change).probabilities), change


def test_tags_leave_no_other_class(model: Model, photo: Path) -> None:
    found = model.predict(photo, tags=[model.classes[1]], crf=False)
    assert set(np.unique(found.labels)) <= {0, 2}
    assert not found.probabilities[[1, 3]].any()
    assert np.allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)


def test_a_large_photo_in_tiles_has_probabilities_as_well(model: Model, photo: Path) -> None:
    description = model.description
    tiled = Model(read_description_with(description, tile=64), model._network, model._place)
    pixels = np.array(Image.open(photo).resize((200, 150)))
    found = tiled.predict(pixels, crf=False)
    assert found.probabilities.shape == (4, 150, 200)
    assert np.array_equal(found.probabilities.argmax(axis=0), found.labels)


def read_description_with(description: Any, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(description, predict={**description.predict, **changes})


def test_a_notebook_shows_photo_and_labels(model: Model, photo: Path) -> None:
    found = model.predict(photo)
    shown = Image.open(BytesIO(found._repr_png_()))
    assert shown.width > 2 * found.labels.shape[1] * 0.9
    assert shown.format == "PNG"


REFUSED: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "a photo that is not there": (lambda: "gone.jpg", {}, "image-missing"),
    "an array of one colour": (lambda: np.zeros((5, 5), np.uint8), {}, "image-array"),
    "an array of reals": (lambda: np.zeros((5, 5, 3)), {}, "image-array"),
    "an array of nothing": (lambda: np.zeros((0, 5, 3), np.uint8), {}, "image-array"),
    "colours first": (lambda: np.zeros((3, 50, 50), np.uint8), {}, "image-array"),
    "a picture of reals": (lambda: Image.new("F", (9, 9)), {}, "image-unreadable"),
    "a picture without pixels": (lambda: Image.new("RGB", (0, 5)), {}, "image-array"),
    "a CRF in words": (lambda: np.zeros((9, 9, 3), np.uint8), {"crf": "much"}, "predict-settings"),
    "a CRF of half a step": (lambda: np.zeros((9, 9, 3), np.uint8), {"crf": 1.5}, "predict-settings"),
    "a list for a CRF": (lambda: np.zeros((9, 9, 3), np.uint8), {"crf": [1]}, "predict-settings"),
    "no scale": (lambda: np.zeros((9, 9, 3), np.uint8), {"scales": []}, "predict-settings"),
    "a scale of nothing": (lambda: np.zeros((9, 9, 3), np.uint8), {"scales": 0}, "predict-settings"),
    "a CRF of an unknown key": (lambda: np.zeros((9, 9, 3), np.uint8), {"crf": {"sharpness": 1}}, "predict-settings"),
    "a CRF of fewer than no steps": (lambda: np.zeros((9, 9, 3), np.uint8), {"crf": -1}, "predict-settings"),
    "a tag that is no class": (lambda: np.zeros((9, 9, 3), np.uint8), {"tags": ["unicorn"]}, "class-unknown"),
}


@pytest.mark.parametrize(("given", "options", "reference"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_predicted_is_refused(
    model: Model, given: Callable[[], Any], options: dict[str, Any], reference: str
) -> None:
    with pytest.raises(UserError) as caught:
        model.predict(given(), **options)
    assert caught.value.reference == reference


def test_a_device_that_is_not_there_is_refused(finished_run: Path) -> None:
    for device in ("cuda:77", "abacus"):
        with pytest.raises(UserError, match="device-missing"):
            load_model(finished_run, device=device)


def test_it_predicts_as_seg_does_after_the_recipes_views_changed(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path
) -> None:
    """The model's file is kept, but says how `seg` predicts now."""
    run = shutil.copytree(finished_run, tmp_path / "run")
    changes = [f"seg.predict.{change}" for change in ("scales=[0.5,1.0]", "crf.largest_side=70", "tile=64")]
    result = puzzlecam("seg", tiny_recipe, "--run", run, *(f"--set={change}" for change in changes))
    assert result.exit_code == 0, result.output
    model = load_model(shutil.copy(run / "seg/model.safetensors", tmp_path / "alone.safetensors"), device="cpu")
    assert model.description.settings().scales == (0.5, 1.0)
    before = read_description(finished_run / "seg/model.safetensors")
    assert before is not None
    assert before.settings().scales == (1.0,)
    predictions = sorted((run / "seg/predictions").rglob("*.png"))
    assert len(predictions) == 3
    for path in predictions:
        (photo,) = (run / "data").rglob(f"{path.stem}.jpg")
        assert np.array_equal(model.predict(photo).labels, np.array(Image.open(path)))


@pytest.mark.parametrize(
    ("precision", "dtype"), [("no", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float32)]
)
def test_a_place_of_ones_own_has_the_runs_precision(precision: str, dtype: torch.dtype) -> None:
    """On a CPU float16 is float32."""
    with Device.named("cpu", precision).autocast():
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == dtype
