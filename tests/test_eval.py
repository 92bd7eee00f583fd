"""Scores of predictions whose score is known beforehand."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Three photos of a val list, with VOC's classes, no train list and no annotations."""
    root = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for number in range(3):
        mask = generator.choice(np.array([0, 0, 3, 15, 255], np.uint8), (20 + number, 30))
        Image.fromarray(mask).save(root / "SegmentationClass" / f"photo_{number}.png")
        Image.fromarray(np.zeros((*mask.shape, 3), np.uint8)).save(root / "JPEGImages" / f"photo_{number}.jpg")
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("photo_0\nphoto_1\nphoto_2\n")
    return root


def evaluate(puzzlecam: Run, root: Path, run: Path) -> dict[str, object]:
    recipe = root / "recipe.yaml"
    recipe.write_text("recipe: 1\ndata: {kind: voc, root: ROOT}\nbackbone: resnet18\nruntime: {workers: 0}\n")
    result = puzzlecam("eval", recipe, "--run", run, "--set", f"data.root={root}")
    assert result.exit_code == 0, result.output
    (scores,) = json.loads((run / "eval" / "scores.json").read_text())["results"]
    assert isinstance(scores, dict)
    return scores


def predict(root: Path, run: Path, make: Callable[[np.ndarray], np.ndarray]) -> None:
    folder = run / "seg" / "predictions" / "val"
    folder.mkdir(parents=True, exist_ok=True)
    for mask in (root / "SegmentationClass").iterdir():
        Image.fromarray(make(np.array(Image.open(mask)))).save(folder / mask.name)


def test_masks_against_themselves_score_exactly_one(puzzlecam: Run, masks: Path, tmp_path: Path) -> None:
    predict(masks, tmp_path / "run", lambda mask: np.where(mask == 255, 0, mask).astype(np.uint8))
    scores = evaluate(puzzlecam, masks, tmp_path / "run")
    assert (scores["what"], scores["split"], scores["images"]) == ("predictions", "val", 3)
    assert (scores["miou"], scores["fp"], scores["fn"]) == (1.0, 0.0, 0.0)
    iou = scores["iou"]
    assert isinstance(iou, dict)
    assert {name for name, value in iou.items() if value is not None} == {"background", "bird", "person"}


def test_masks_that_are_the_scored_labels_are_told(puzzlecam: Run, masks: Path, tmp_path: Path) -> None:
    kept, empty, other = sorted((masks / "SegmentationClass").iterdir())
    for path in (kept, other):
        Image.fromarray(np.where(np.array(Image.open(path)) == 255, 0, np.array(Image.open(path)))).save(path)
    Image.fromarray(np.zeros_like(np.array(Image.open(empty)))).save(empty)
    predict(masks, tmp_path / "run", lambda mask: mask)
    labels = np.array(Image.open(other))
    labels[0, 0] = 3 - labels[0, 0] % 3
    Image.fromarray(labels).save(other)
    assert evaluate(puzzlecam, masks, tmp_path / "run")["equal"] == 1
    said = "1 of 3 masks of `val` is, pixel for pixel, the predictions that are scored"
    assert said in (tmp_path / "run/eval/scores.md").read_text()
    assert said in (tmp_path / "run/events.jsonl").read_text()


def test_an_empty_prediction_scores_the_share_of_background(puzzlecam: Run, masks: Path, tmp_path: Path) -> None:
    predict(masks, tmp_path / "run", np.zeros_like)
    pixels = np.concatenate([np.array(Image.open(p)).ravel() for p in (masks / "SegmentationClass").iterdir()])
    background = (pixels == 0).sum() / (pixels != 255).sum()
    scores = evaluate(puzzlecam, masks, tmp_path / "run")
    assert scores["miou"] == pytest.approx(background / 3, abs=1e-12)  # background, bird, person
    assert (scores["fp"], scores["fn"]) == (0.0, 1.0)


@pytest.mark.parametrize(("empty", "warned"), [(True, True), (False, False)])
def test_a_collapse_is_named(puzzlecam: Run, masks: Path, tmp_path: Path, empty: bool, warned: bool) -> None:
    predict(masks, tmp_path / "run", lambda mask: np.where((mask == 255) | empty, 0, mask).astype(np.uint8))
    recipe = masks / "recipe.yaml"
    recipe.write_text(f"recipe: 1\ndata: {{kind: voc, root: {masks}}}\nbackbone: resnet18\nruntime: {{workers: 0}}\n")
    result = puzzlecam("eval", recipe, "--run", tmp_path / "run")
    assert ("no better than calling everything background" in result.stderr) == warned


def test_eval_looks_again_when_it_is_asked_again(puzzlecam: Run, masks: Path, tmp_path: Path) -> None:
    predict(masks, tmp_path / "run", np.zeros_like)
    first = evaluate(puzzlecam, masks, tmp_path / "run")
    predict(masks, tmp_path / "run", lambda mask: np.where(mask == 255, 0, mask).astype(np.uint8))
    assert evaluate(puzzlecam, masks, tmp_path / "run")["miou"] == 1.0 != first["miou"]


def test_eval_without_anything_to_score_is_refused(puzzlecam: Run, masks: Path, tmp_path: Path) -> None:
    recipe = masks / "recipe.yaml"
    recipe.write_text(f"recipe: 1\ndata: {{kind: voc, root: {masks}}}\nbackbone: resnet18\n")
    result = puzzlecam("eval", recipe, "--run", tmp_path / "run")
    assert result.exit_code == 2
    assert "nothing to score" in result.stderr


def test_a_prediction_of_another_size_is_refused(puzzlecam: Run, masks: Path, tmp_path: Path) -> None:
    predict(masks, tmp_path / "run", lambda mask: np.zeros((5, 5), np.uint8))
    recipe = masks / "recipe.yaml"
    recipe.write_text(f"recipe: 1\ndata: {{kind: voc, root: {masks}}}\nbackbone: resnet18\nruntime: {{workers: 0}}\n")
    result = puzzlecam("eval", recipe, "--run", tmp_path / "run")
    assert result.exit_code == 2
    assert "does not fit" in result.stderr


def test_scores_say_how_many_tags_were_learned_from(finished_run: Path) -> None:
    lists = finished_run / "data" / "ImageSets" / "Segmentation" / "train.txt"
    annotations = [finished_run / "data" / "Annotations" / f"{i}.xml" for i in lists.read_text().split()]
    names = [set(re.findall("<name>(.*?)</name>", path.read_text())) for path in annotations]
    assert json.loads((finished_run / "eval" / "scores.json").read_text())["tags"] == {
        "photos": len(names),
        "tags": sum(map(len, names)),
        "classes": len(set.union(*names)),
        "photos_without": 0,
    }


def test_scores_tell_what_was_made_of_something_older(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    def scored(*stages: str) -> dict[str, dict[str, object]]:
        result = puzzlecam("run-all", tiny_recipe, "--run", run, *changed, "--stages", ",".join(stages))
        assert result.exit_code == 0, result.output
        return {one["what"]: one for one in json.loads((run / "eval/scores.json").read_text())["results"]}

    def older(results: dict[str, dict[str, object]]) -> dict[str, object]:
        return {what: result["out_of_date"] for what, result in results.items() if "out_of_date" in result}

    run, changed = tmp_path / "run", ("--set", "rw.background=0.4", "--set", "rw.crf.iterations=0")
    shutil.copytree(finished_run, run)
    before = scored("eval")  # by a changed recipe, of labels that were made by the one before
    assert (before["pseudo-labels"]["threshold"], before["pseudo-labels"]["crf"]) == (0.33, True)
    assert older(before) == {}
    between = scored("rw", "eval")
    assert (between["pseudo-labels"]["threshold"], between["pseudo-labels"]["crf"]) == (0.4, False)
    assert older(between) == {"predictions": "rw/pseudo_labels was made anew after seg/model"}
    assert "predictions of `val` are of before: rw/pseudo_labels was made anew" in (run / "eval/scores.md").read_text()
    assert older(scored("seg", "eval")) == {}
