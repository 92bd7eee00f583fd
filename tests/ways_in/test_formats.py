"""Way in: labels given out as pictures, JSON, COCO, YOLO and CVAT, with whatever classes, photos and folders."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.masks.source import Meaning, masks_at
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.artifacts import write_labels
from puzzlecam_cli.use.formats import table
from puzzlecam_cli.use.formats.outline import outlines
from tests.labelled import ALL, CLASSES, PICTURE, Labels, in_coco, in_cvat, in_yolo, made, written

SIDES = st.tuples(st.integers(1, 12), st.integers(1, 12))
PICTURES = SIDES.flatmap(lambda size: arrays(np.uint8, size, elements=st.sampled_from([0, 0, 1, 1, 2, 3, 255])))
FORMS = {"png": ".", "coco": "coco.json", "yolo": "yolo", "cvat": "cvat.zip"}  # that are read back


def read_back(folder: Path, place: Path, classes: tuple[str, ...] = CLASSES) -> dict[str, Labels]:
    """Masks as a run is scored with them."""
    walk = Walk(folder / "photos")
    return {i: mask.read() for i, mask in masks_at(place, walk, walk.files, Meaning(classes)).by_id.items()}


def same(one: dict[str, Labels], other: dict[str, Labels]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(PICTURES, PICTURES)
def test_what_is_written_is_read_back_pixel_by_pixel(one: Labels, other: Labels) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, pictures = Path(name), {"a": one, "sub/b c": other}
        out = written(folder / "out", made(folder, pictures))
        for place in FORMS.values():
            found = read_back(folder, out / place)
            if place == "coco.json" and not any(labels.any() for labels in pictures.values()):
                assert found == {}  # background only: nothing tells that it is of masks
            else:
                assert same(found, pictures), place
        assert same(in_coco(out, CLASSES), {f"{i}.jpg": labels for i, labels in pictures.items()})
        assert same(in_cvat(out, CLASSES), pictures)
        assert same(in_yolo(out, {i: labels.shape for i, labels in pictures.items()}, CLASSES), pictures)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(SIDES.flatmap(lambda size: arrays(bool, size)))
def test_a_ring_is_around_each_part_and_leads_along_pixels(mask: Any) -> None:
    rings = outlines(mask)
    parts = [_parts(mask)]
    assert len(rings) == parts[0]
    for ring in rings:
        assert all(
            (x0 == x1) != (y0 == y1) or (x0, y0) == (x1, y1)
            for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True)
        )


def _parts(mask: Any) -> int:
    """How many parts touch by their sides, by flooding one after the other."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    parts = 0
    while left:
        parts += 1
        todo = [left.pop()]
        while todo:
            y, x = todo.pop()
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            todo += near
    return parts


SAID = ("cat, grey", "it's", 'a "b"', "crème", "猫", "no", "null", "1", "1e3", "- x", "a # b", "{a}", "a|b", "x" * 200)
NAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    **{f"{name[:20]}": (name, ()) for name in SAID},
    "with a colon": ("cat: grey", ("cvat",)),
    "that begins a comment": ("#1", ("cvat",)),
    "with a line end": ("cat\ngrey", ALL),
    "with blanks around it": (" cat", ALL),
    "of nothing": ("", ALL),
    "void": ("void", ("coco", "yolo", "cvat")),
    "Background": ("Background", ("coco", "yolo", "cvat")),
    "twice": ("dog", ALL),
}


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize(("name", "refused"), NAMES.values(), ids=NAMES)
def test_names_of_classes_survive_or_are_refused(
    name: str, refused: tuple[str, ...], form: str, tmp_path: Path
) -> None:
    classes = (name, "dog", "bird")
    photos = made(tmp_path, {"a": PICTURE})
    if form in refused:
        with pytest.raises(UserError, match="class-name") as error:
            written(tmp_path / "out", photos, [form], classes)
        assert form in error.value.where[0]
        assert not (tmp_path / "out").exists()
        return
    out = written(tmp_path / "out", photos, [form], classes)
    if form in FORMS:
        assert same(read_back(tmp_path, out / FORMS[form], classes), {"a": PICTURE})
    if form == "json":
        (photo,) = json.loads((out / "predictions.json").read_text())["photos"]
        assert {row["class"] for row in photo["classes"]} == set(classes)
    if form == "yolo":
        assert yaml.safe_load((out / "yolo/data.yaml").read_text())["names"][0] == name


def test_the_summary_tells_class_area_share_and_score(tmp_path: Path) -> None:
    photos = made(tmp_path, {"a/b": np.array([[0, 2], [2, 255]], np.uint8)}, scores={0: 0.9, 2: 0.75})
    (photo,) = json.loads((written(tmp_path / "out", photos, ["json"]) / "predictions.json").read_text())["photos"]
    assert photo == {
        "id": "a/b",
        "file": str(tmp_path / "photos/a/b.jpg"),
        "width": 2,
        "height": 2,
        "classes": [
            {"class": "dog", "area": 2, "share": 0.5, "score": 0.75},
            {"class": "void", "area": 1, "share": 0.25, "score": None},
        ],
    }


def test_a_score_is_in_coco_as_in_results(tmp_path: Path) -> None:
    out = written(tmp_path / "out", made(tmp_path, {"a": PICTURE}, scores={1: 0.5}), ["coco"])
    rows = json.loads((out / "coco.json").read_text())["annotations"]
    assert [row.get("score") for row in rows] == [0.5, None, None]


def test_colours_that_coincide_are_told_apart(tmp_path: Path) -> None:
    (photo,) = made(tmp_path, {"a": PICTURE})
    for colours in ([(0, 0, 0), (9, 9, 9), (9, 9, 9), (1, 1, 1)], [(0, 0, 0), (224, 224, 192), (1, 1, 1), (2, 2, 2)]):
        table.write(tmp_path / "out", ["cvat"], [photo], CLASSES, colours, lambda task: lambda done, total: None)
        assert same(in_cvat(tmp_path / "out", CLASSES), {"a": PICTURE})


SIZES = {"one pixel": (1, 1), "a strip": (3, 700), "a column": (700, 3), "small": (30, 40), "large": (300, 2600)}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_legend_is_below_the_photo_and_names_what_is_in_it(size: tuple[int, int], tmp_path: Path) -> None:
    labels = np.zeros(size, np.uint8)
    labels[: size[0] // 2] = 1
    labels[0, 0] = 3
    out = written(tmp_path / "out", made(tmp_path, {"a": labels}), ["overlay"], ("cat", "crème brûlée" * 9, "猫"))
    with Image.open(out / "overlay/a.png") as file:
        picture = np.asarray(file)
    scale = min(1, 2048 / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    photo, legend = picture[:height, :width], picture[height:]
    assert (np.abs(photo[height * 3 // 4 :].astype(int) - [90, 120, 150]) <= 3).all() or height == 1
    assert len(legend) >= 13
    shown = {tuple(colour) for colour in legend.reshape(-1, 3).tolist()}
    assert (128, 128, 0) in shown  # the third class
    assert ((128, 0, 0) in shown) == (size[0] > 1)
    assert (0, 128, 0) not in shown  # the second is not there


def test_background_alone_is_said(tmp_path: Path) -> None:
    out = written(tmp_path / "out", made(tmp_path, {"a": PICTURE * 0}), ["overlay", "yolo", "coco"])
    with Image.open(out / "overlay/a.png") as picture:
        assert picture.height > len(PICTURE) + 13
    assert (out / "yolo/labels/a.txt").read_text() == ""
    assert json.loads((out / "coco.json").read_text())["annotations"] == []


Change = Callable[[Path, Path], Any]
REFUSED: dict[str, tuple[str, str, Change]] = {
    "another's coco.json": ("coco", "output-exists", lambda out, _: (out / "coco.json").write_text("{}")),
    "another's picture": ("png", "output-exists", lambda out, _: (out / "a.png").write_text("")),
    "a folder in a file's place": ("cvat", "output-exists", lambda out, _: (out / "cvat.zip").mkdir()),
    "a file in a folder's place": ("overlay", "output-exists", lambda out, _: put(out / "overlay")),
    "a file in the place of a folder in it": ("yolo", "output-exists", lambda out, _: put(out / "yolo/labels")),
    "a link to nowhere": ("json", "output-exists", lambda out, _: (out / "predictions.json").symlink_to("none")),
    "another's text": ("yolo", "output-exists", lambda out, _: put(out / "yolo/labels/a.txt")),
    "a run's folder": ("json", "output-folder", lambda out, _: [put(out / "run.json"), put(out / "recipe.yaml")]),
    "a file": ("json", "output-folder", lambda out, _: (out.rmdir(), out.write_text(""))),
    "the photos' folder": ("png", "output-folder", lambda out, photos: (out.rmdir(), out.symlink_to(photos))),
}


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")


@pytest.mark.parametrize(("form", "reference", "change"), REFUSED.values(), ids=REFUSED)
def test_what_is_in_the_way_is_refused_and_left_alone(
    form: str, reference: str, change: Change, tmp_path: Path
) -> None:
    photos = made(tmp_path, {"a": PICTURE})
    out = tmp_path / "out"
    out.mkdir()
    change(out, tmp_path / "photos")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as error:
        written(out, photos, [form])
    assert error.value.reference == reference
    assert sorted(tmp_path.rglob("*")) == before


def test_what_was_corrected_is_overwritten_by_force_only(tmp_path: Path) -> None:
    photos = made(tmp_path, {"a": PICTURE})
    out = written(tmp_path / "out", photos)
    written(out, photos)  # ours, as it was written
    (out / "yolo/labels/a.txt").write_text("0 0 0 1 0 1 1\n")
    (out / "coco.json").write_text("{}")
    with pytest.raises(UserError) as error:
        written(out, photos)
    assert error.value.where == ("coco.json", "yolo/labels/a.txt")
    assert (out / "coco.json").read_text() == "{}"
    written(out, photos, force=True)
    assert same(in_coco(out, CLASSES), {"a.jpg": PICTURE})
    assert same(in_yolo(out, {"a": (3, 5)}, CLASSES), {"a": PICTURE})


@pytest.mark.parametrize("form", ALL)
def test_an_interrupt_leaves_nothing_half_and_the_next_call_goes_on(form: str, tmp_path: Path) -> None:
    photos = made(tmp_path, {"a": PICTURE, "b": PICTURE})

    def told(task: str) -> Any:
        def tick(done: int, total: int) -> None:
            raise KeyboardInterrupt

        return tick

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        written(out, photos, [form], told=told)
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if ".puzzlecam" not in path.parts}
    assert all(path.name in ("a.png", "a.txt") for path in kept)
    written(out, photos, [form])
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    write_labels(photos[0].labels, PICTURE[::-1])
    written(out, photos, [form])
    assert all(path.stat().st_mtime_ns != at for path, at in kept.items())
    if form in FORMS:
        assert same(read_back(tmp_path, out / FORMS[form]), {"a": PICTURE[::-1], "b": PICTURE})


def test_what_cannot_be_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="did you mean `coco`"):
        table.chosen("png,coca")
    assert table.chosen("cvat, PNG") == ("png", "cvat")
    with pytest.raises(UserError, match="image-id") as error:
        written(tmp_path / "out", made(tmp_path, {"YOLO/a": PICTURE, "yolo": PICTURE}), ["png"])
    assert error.value.where == ("`YOLO/a`",)
    with pytest.raises(UserError, match="holds class 4"):
        written(tmp_path / "out", made(tmp_path, {"a": PICTURE + 1}), ["json"])
    with pytest.raises(UserError, match="is the name of two classes"):
        written(tmp_path / "out", made(tmp_path, {"a": PICTURE}), ["coco"], ("\u00e9", "e\u0301", "bird"))
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="package-missing") as missing:
        written(tmp_path / "out", made(tmp_path, {"a": PICTURE}), ["coco"])
    assert "puzzlecam-cli[coco]" in str(missing.value)
