"""Photos with outlines, as instances JSON and in YOLO's layout, by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image, ImageDraw

from puzzlecam_cli.data.kinds.coco import CocoData, CocoPhotos
from puzzlecam_cli.data.kinds.yolo import YoloData, YoloPhotos
from puzzlecam_cli.recipe.load import load_recipe
from tests.conftest import Run

W, H = 64, 48
SHOWN = {
    "train": {"a": ("cat",), "b": ("dog",), "c": ("cat", "dog"), "d": (), "e": ("cat",)},
    "val": {"f": ("dog",), "g": ("cat", "dog")},
}
BOXES = {"cat": (8, 8, 24, 40), "dog": (32, 16, 56, 32)}  # left, top, right, bottom
COLOURS = {"cat": (200, 40, 40), "dog": (40, 200, 40)}
QUICK = (
    "train_cls={epochs: 1, lr: 0.001}",
    "cams.scales=[1.0]",
    "affinity={epochs: 1, lr: 0.001, radius: 3, labels: {crf: {iterations: 0}}}",
    "seg={epochs: 1, width: 8, predict: {scales: [1.0], crf: {iterations: 0}}}",
    "rw.crf.iterations=0",
)


def corners(name: str) -> list[float]:
    left, top, right, bottom = BOXES[name]
    return [left, top, right, top, right, bottom, left, bottom, left, (top + bottom) / 2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One set of photos in both forms."""
    for part, photos in SHOWN.items():
        for folder in ("images", "labels"):
            (tmp_path / folder / part).mkdir(parents=True)
        rows: dict[str, Any] = {"images": [], "annotations": []}
        rows["categories"] = [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}]
        for name, tags in photos.items():
            picture = Image.new("RGB", (W, H), (90, 90, 90))
            lines = []
            rows["images"].append({"id": name, "file_name": f"{name}.jpg", "height": H, "width": W})
            for tag in tags:
                ImageDraw.Draw(picture).rectangle(BOXES[tag], fill=COLOURS[tag])
                row = {"image_id": name, "category_id": {"cat": 17, "dog": 18}[tag], "segmentation": [corners(tag)]}
                rows["annotations"].append(row)
                scaled = [place / (W, H)[number % 2] for number, place in enumerate(corners(tag))]
                lines.append(" ".join(map(str, [{"cat": 0, "dog": 1}[tag], *scaled])))
            picture.save(tmp_path / f"images/{part}/{name}.jpg", quality=95)
            (tmp_path / f"labels/{part}/{name}.txt").write_text("\n".join(lines))
        (tmp_path / f"{part}.json").write_text(json.dumps(rows))
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return tmp_path


def options(root: Path, kind: str, *changes: str) -> list[str]:
    files = ", train: train.json, val: val.json" if kind == "coco" else ""
    section = f"data={{kind: {kind}, root: '{root}'{files}}}"
    return [part for change in (section, *changes) for part in ("--set", change)]


def test_a_run_on_instances_json_scores_against_its_outlines(
    puzzlecam: Run, tiny_recipe: Path, root: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    result = puzzlecam("run-all", tiny_recipe, "--run", run, *options(root, "coco", *QUICK))
    assert result.exit_code == 0, result.output
    scores = json.loads((run / "eval" / "scores.json").read_text())
    assert {(row["what"], row["split"], row["images"]) for row in scores["results"]} == {
        ("cams", "train", 5),
        ("rw", "train", 5),
        ("pseudo-labels", "train", 5),
        ("predictions", "val", 2),
    }
    assert scores["tags"] == {"photos": 5, "tags": 5, "classes": 2, "photos_without": 1}
    again = puzzlecam("run-all", tiny_recipe, "--run", run, *options(root, "coco", *QUICK), "--plan")
    assert "not made yet" not in again.output
    seen = [json.loads(line)[0] for line in (run / "photos.jsonl").read_text().splitlines()]
    assert sum(name.startswith(str(root / "train.json#")) for name in seen) == 5


def test_both_forms_give_the_same_tags_and_masks(root: Path, tmp_path: Path) -> None:
    coco = CocoPhotos(CocoData(kind="coco", root=root, train="train.json", val="val.json"), tmp_path / "run", 0)
    yolo = YoloPhotos(YoloData(kind="yolo", root=root), tmp_path / "run", 0)
    assert coco.classes == yolo.classes == ("cat", "dog")
    for part, shown in SHOWN.items():
        pairs = list(zip(coco.photos(part, tags=True), yolo.photos(part, tags=True), strict=True))
        assert [photo.id.rpartition("/")[2] for photo, _ in pairs] == list(shown)
        for one, other in pairs:
            assert (one.id, one.image, one.tags) == (other.id, other.image, other.tags)
            assert one.mask is not None
            assert other.mask is not None
            expected = np.zeros((H, W), np.uint8)
            for label, name in enumerate(("cat", "dog"), start=1):
                if name in shown[one.id[-1]]:
                    left, top, right, bottom = BOXES[name]
                    expected[top:bottom, left:right] = label
            assert (one.mask.read() == expected).all()
            assert (other.mask.read() == expected).all()


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_a_missing_package_is_told_where_something_is_to_be_scored(
    kind: str, puzzlecam: Run, tiny_recipe: Path, root: Path, tmp_path: Path
) -> None:
    arguments = ["run-all", tiny_recipe, "--run", tmp_path / "run", *options(root, kind), "--plan"]
    with patch("puzzlecam_cli.data.coco.outlines.find_spec", lambda name: None):
        whole, part = puzzlecam(*arguments), puzzlecam(*arguments, "--until", "seg")
    assert whole.exit_code == 2
    assert "pip install 'puzzlecam-cli[coco]'" in " ".join(whole.stderr.split())
    assert part.exit_code == 0, part.output


def test_an_outline_that_is_none_is_told_before_training(
    puzzlecam: Run, tiny_recipe: Path, root: Path, tmp_path: Path
) -> None:
    rows = json.loads((root / "val.json").read_text())
    rows["annotations"][1] |= {"segmentation": [[0, 0, 5, 5, 5, 0, 1]], "id": 4711}
    (root / "val.json").write_text(json.dumps(rows))
    result = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *options(root, "coco"))
    assert result.exit_code == 2, result.output
    said = " ".join(result.stderr.split())
    assert "val.json#g: the outline of annotation `4711` has a polygon of 7 numbers" in said
    assert not (tmp_path / "run" / "train-cls").exists()


def test_an_image_of_another_size_than_its_file_is_told_before_training(
    puzzlecam: Run, tiny_recipe: Path, root: Path, tmp_path: Path
) -> None:
    rows = json.loads((root / "train.json").read_text())
    rows["images"][2]["height"] = 50
    (root / "train.json").write_text(json.dumps(rows))
    result = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *options(root, "coco"))
    assert result.exit_code == 2, result.output
    assert "train.json#c: 64×50 pixels, its photo 64×48" in " ".join(result.stderr.split())


def test_the_recipe_for_instances_json_is_that_of_small_photos_with_other_data() -> None:
    coco, small = load_recipe("coco"), load_recipe("small_photos")
    assert coco.model_dump(exclude={"data"}) == small.model_dump(exclude={"data"})


def test_the_recipe_for_coco_2014_differs_from_vocs_where_it_says_so() -> None:
    coco, voc = (load_recipe(name).model_dump(exclude={"data"}) for name in ("coco2014", "voc_resnest101"))
    assert (coco["train_cls"].pop("epochs"), coco["seg"].pop("epochs")) == (5, 12)
    assert (voc["train_cls"].pop("epochs"), voc["seg"].pop("epochs")) == (15, 50)
    assert coco == voc
    assert load_recipe("coco2014").data.empty == "left_out"  # type: ignore[attr-defined]
