"""`data.on_error`: what is no photo is named at the start, or left out, counted and listed; what is one is neither."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.kinds.voc import VocData
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.check_data import lists, pixels
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.unreadable import enough_is_left, leave_out
from puzzlecam_cli.stages import PIPELINE
from tests.pictures import GREY, png, saved, tiff
from tests.ways_in.test_broken_photos import CONTENTS, PLACES

NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
FIRST = np.tile(np.array([0, 1], np.uint8), (30, 20))  # a mask of background and the first class
Make = Callable[[Path], object]


def written(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def closed(path: Path) -> None:
    path.write_bytes(saved(NOISE, "JPEG"))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("whoever may do everything can read it")


def twice(path: Path) -> None:
    path.write_bytes(saved(NOISE, "JPEG"))
    path.with_suffix(".png").write_bytes(saved(NOISE, "PNG"))


def linked_to(kind: str) -> Make:
    def make(path: Path) -> None:
        other = path.parent.parent / "elsewhere"
        other.write_bytes(b"" if kind == "nothing in it" else saved(NOISE, "JPEG")[:400])
        path.symlink_to(other)

    return make


# what lies in the place of a photo, and what is said of it
BROKEN: dict[str, tuple[Make, str]] = {
    **{name: (written(data), said) for name, (data, said) in CONTENTS.items()},
    **{name: (make, said) for name, (make, _, said) in PLACES.items() if name != "nothing"},
    "nothing": (lambda path: None, "not there"),
    "two files": (twice, "keep one"),
    "a file that may not be read": (closed, "cannot be read"),
    "a link to an empty file": (linked_to("nothing in it"), "0 bytes"),
    "a link to half a JPEG": (linked_to("half"), "cannot be decoded"),
    "nothing but a file with another suffix": (
        lambda path: path.with_suffix(".svg").write_text("<svg/>"),
        "there is `bad.svg`",
    ),
    "nothing but a file in capitals": (
        lambda path: path.with_name("BAD.jpg").write_bytes(saved(NOISE, "JPEG")),
        "is written `BAD`",
    ),
}
FINE: dict[str, Make] = {
    "JPEG": written(saved(NOISE, "JPEG")),
    "PNG that bears a JPEG's name": written(saved(NOISE, "PNG")),
    "grey PNG of 16 bits": written(png(np.arange(1200).reshape(30, 40), 16, GREY)),
    "grey TIFF of 16 bits": written(tiff(np.arange(1200).reshape(30, 40), 16)),
    "JPEG in CMYK": written(saved(Image.fromarray(NOISE).convert("CMYK"), "JPEG")),
    "PNG with a palette": written(saved(Image.fromarray(NOISE).convert("P"), "PNG")),
    "GIF of one frame": written(saved(NOISE[..., 0], "GIF")),
    "JPEG with text behind it": written(saved(NOISE, "JPEG") + b"made by a camera"),
    "a file besides a folder of its name": lambda path: (
        path.with_suffix(".png").mkdir(),
        path.write_bytes(saved(NOISE, "JPEG")),
    ),
}
# what lies in the place of a mask, and what is said of it
MASKS: dict[str, tuple[Make, str]] = {
    "no bytes": (written(b""), "0 bytes"),
    "text": (written(b"a mask"), "cannot be decoded"),
    "half a PNG": (written(saved(FIRST, "PNG")[:60]), "cannot be decoded"),
    "a class that is not there": (written(saved(FIRST * 7, "PNG")), "7"),
    "a JPEG": (written(saved(FIRST, "JPEG")), "JPEG"),
    "another size": (written(saved(FIRST[:20], "PNG")), "40×20 pixels, its photo 40×30"),
    "turned": (written(saved(FIRST.T.copy(), "PNG")), "its EXIF may have turned"),
    "nothing": (lambda path: None, "not there"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a link to nothing": (lambda path: path.symlink_to("gone.png"), "link to nothing"),
    "a pipe": (os.mkfifo, "is a pipe"),
    "two files": (
        lambda path: (path.write_bytes(saved(FIRST, "PNG")), path.with_suffix(".bmp").write_bytes(b"")),
        "keep one",
    ),
}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("quickstart", ["backbone={name: resnet18, pretrained: false}"])


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos, and `bad` in their lists, which the test makes; all have masks, are trained on and predicted."""
    root = tmp_path / "photos"
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for name in ("a", "bad", "c", "d"):
        text = "<annotation><object><name>cat</name></object></annotation>"
        (root / "Annotations" / f"{name}.xml").write_text(text)
        (root / "SegmentationClass" / f"{name}.png").write_bytes(saved(FIRST, "PNG"))
        if name != "bad":
            (root / "JPEGImages" / f"{name}.jpg").write_bytes(saved(NOISE, "JPEG"))
    (root / "classes.txt").write_text("cat\n")
    for split in ("train", "val"):
        (root / "ImageSets/Segmentation" / f"{split}.txt").write_text("a\nbad\nc\nd\n")
    monkeypatch.chdir(tmp_path)
    return root


def checked(recipe: Recipe, root: Path, on_error: str) -> Checked:
    data = VocData(kind="voc", on_error=on_error, root=root, train="train", val="val")
    (root.parent / "run").mkdir(exist_ok=True)
    run = Run.at(recipe.model_copy(update={"data": data}), root.parent / "run")
    return Checked(run, tuple(all_steps(PIPELINE)), 1, lambda done, total: None, 0)


def problems(found: Checked) -> list[UserError]:
    """Those that the checks of photos and masks tell."""
    return [problem for check in (enough_is_left, lists, pixels) for problem in check(found)]


def listed(found: Checked, key: str) -> dict[str, str]:
    """Ids and reasons in the run's list."""
    file = found.run.folder.left_out
    return {entry["id"]: entry["reason"] for entry in json.loads(file.read_text())[key]} if file.exists() else {}


@pytest.mark.parametrize("name", BROKEN)
def test_stop_names_what_is_no_photo(name: str, recipe: Recipe, photos: Path) -> None:
    make, said = BROKEN[name]
    make(photos / "JPEGImages" / "bad.jpg")
    found = checked(recipe, photos, "stop")
    assert leave_out(found) == []
    told = problems(found)
    assert told[0].reference in ("image-unreadable", "image-missing")
    assert "bad" in told[0].where[0]
    assert said in told[0].where[0]
    assert "data.on_error=skip" in str(told[0].hint)


@pytest.mark.parametrize("name", BROKEN)
def test_skip_leaves_out_what_is_no_photo(name: str, recipe: Recipe, photos: Path) -> None:
    make, said = BROKEN[name]
    make(photos / "JPEGImages" / "bad.jpg")
    found = checked(recipe, photos, "skip")
    assert leave_out(found) == []
    assert problems(found) == []
    data = found.run.photos
    assert [photo.id for photo in data.photos("train", tags=True)] == ["a", "c", "d"]
    assert data.count("val") == (3, 3)
    assert list(data.left_out("train")) == ["bad"]
    assert said in data.left_out("train")["bad"]
    assert said in listed(found, "photos")["bad"]
    assert any(fact.startswith("1 of 4 photos of `train` is left out, ") for fact in data.facts("train"))


@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize("name", FINE)
def test_what_can_be_read_is_never_left_out(name: str, on_error: str, recipe: Recipe, photos: Path) -> None:
    FINE[name](photos / "JPEGImages" / "bad.jpg")
    found = checked(recipe, photos, on_error)
    assert leave_out(found) == []
    assert problems(found) == []
    assert found.run.photos.count("train") == (4, 4)
    assert found.run.photos.left_out("train") == {}
    assert not found.run.folder.left_out.exists()


@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize("name", MASKS)
def test_a_photo_whose_mask_is_none_is_named_or_not_scored(
    name: str, on_error: str, recipe: Recipe, photos: Path
) -> None:
    make, said = MASKS[name]
    (photos / "JPEGImages" / "bad.jpg").write_bytes(saved(NOISE, "JPEG"))
    (photos / "SegmentationClass" / "bad.png").unlink()
    make(photos / "SegmentationClass" / "bad.png")
    found = checked(recipe, photos, on_error)
    assert leave_out(found) == []
    told = problems(found)
    data = found.run.photos
    if on_error == "stop":
        assert told[0].reference in ("mask-unreadable", "mask-missing")
        assert "bad" in told[0].where[0]
        return
    assert told == []
    assert data.left_out("train") == {}
    assert data.count("train") == (4, 3)
    assert [photo.id for photo in data.photos("val") if photo.mask is None] == ["bad"]
    assert said in data.masks_left_out("val")["bad"]
    assert said in listed(found, "masks")["bad"]


@pytest.mark.parametrize(
    ("photo", "mask", "reference", "said"),
    [
        pytest.param(b"", None, "image-unreadable", "3 of 4 photos of `train` are unreadable", id="photos"),
        pytest.param(None, b"", "mask-unreadable", "3 of 4 masks of `train` are unreadable", id="masks"),
    ],
)
def test_more_than_half_is_refused_with_skip_too(
    photo: bytes | None, mask: bytes | None, reference: str, said: str, recipe: Recipe, photos: Path
) -> None:
    for name in ("bad", "c", "d"):
        (photos / "JPEGImages" / f"{name}.jpg").write_bytes(saved(NOISE, "JPEG") if photo is None else photo)
        (photos / "SegmentationClass" / f"{name}.png").write_bytes(saved(FIRST, "PNG") if mask is None else mask)
    found = checked(recipe, photos, "skip")
    leave_out(found)
    told = problems(found)
    assert told[0].reference == reference
    assert said in told[0].problem
    assert len(told[0].where) == 3
    assert "data.root" in str(told[0].hint)


def test_half_is_left_out(recipe: Recipe, photos: Path) -> None:
    for name in ("bad", "c"):
        (photos / "JPEGImages" / f"{name}.jpg").write_bytes(b"")
    found = checked(recipe, photos, "skip")
    leave_out(found)
    assert problems(found) == []
    assert [photo.id for photo in found.run.photos.photos("train")] == ["a", "d"]


def test_no_tagged_photo_that_is_left_is_refused(recipe: Recipe, photos: Path) -> None:
    (photos / "JPEGImages" / "bad.jpg").write_bytes(b"")
    for name in "acd":
        (photos / "Annotations" / f"{name}.xml").write_text("<annotation></annotation>")
    found = checked(recipe, photos, "skip")
    leave_out(found)
    (told,) = problems(found)
    assert told.reference == "tags-missing"
    assert "none of the 3 photos of `train` that are left has a tag" in told.problem


def test_no_photo_at_all_is_refused(recipe: Recipe, photos: Path) -> None:
    for split in ("train", "val"):
        (photos / "ImageSets/Segmentation" / f"{split}.txt").write_text("bad\n")
    found = checked(recipe, photos, "skip")
    leave_out(found)
    assert {problem.reference for problem in problems(found)} == {"image-unreadable"}
