"""`rw.background: auto` from the recipe to the score table, each photo cut anew here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import jaccard_score
from typer.testing import Result

from puzzlecam_cli.method.threshold import dividing_threshold
from puzzlecam_cli.run.artifacts import read_walked
from puzzlecam_cli.run.scores import read_scores
from puzzlecam_cli.session.predict import predict
from puzzlecam_cli.view.scores import score_rows, table_2
from tests.test_predict import CALM, pictures, tags_file

Run = Callable[..., Result]
AUTO = ("--set", "rw.background=auto", "--set", "rw.crf.iterations=0")


@pytest.fixture(scope="module")
def cut(finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run, its pseudo labels made again by automatic thresholds without CRF, and scored."""
    run = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("auto") / "run"))
    for stage in ("rw", "eval"):
        result = puzzlecam(stage, tiny_recipe, "--run", run, *AUTO)
        assert result.exit_code == 0, result.output
    return run


def ids(run: Path) -> list[str]:
    return (run / "data/ImageSets/Segmentation/train.txt").read_text().split()


def divided(run: Path, image_id: str) -> np.ndarray:
    """Labels above the photo's own threshold."""
    classes, scores = read_walked(run / "rw/scores" / f"{image_id}.npz", stride=1)
    maps = scores.numpy()
    return np.where(maps.max(axis=0) > dividing_threshold(scores), classes[maps.argmax(axis=0)], 0)


def test_every_photo_is_cut_where_its_own_scores_divide(cut: Path, finished_run: Path) -> None:
    changed = 0
    for image_id in ids(cut):
        made = np.array(Image.open(cut / "rw/pseudo_labels" / f"{image_id}.png"))
        np.testing.assert_array_equal(made, divided(cut, image_id))
        changed += not np.array_equal(made, Image.open(finished_run / "rw/pseudo_labels" / f"{image_id}.png"))
    assert changed, "the recipe's own threshold gives the same labels: nothing was tried"


def test_scores_tell_the_automatic_thresholds_beside_the_best_one_on_masks(cut: Path) -> None:
    truth, predicted = [], []
    for image_id in ids(cut):
        mask = np.array(Image.open(cut / "data/SegmentationClass" / f"{image_id}.png"))
        truth.append(mask[mask != 255])
        predicted.append(divided(cut, image_id)[mask != 255])
    expected = jaccard_score(np.concatenate(truth), np.concatenate(predicted), average="macro")
    scores = read_scores(cut / "eval/scores.json")
    _, walked, labels, _ = scores["results"]
    assert (labels["threshold"], labels["threshold_from"]) == (None, "tags")
    assert labels["miou"] == pytest.approx(expected)
    assert walked["threshold_from"] == "masks of train"
    assert walked["threshold"] in (tried := [threshold for threshold, _ in walked["sweep"]])
    best_of_all = max(miou for threshold, miou in walked["sweep"] if threshold != "auto")
    assert walked["miou"] == pytest.approx(best_of_all, abs=1e-6)  # the sweep is written to six places
    assert tried[-1] == "auto"
    assert [row[6] for row in score_rows(scores)][2:] == ["auto (tags)", ""]
    _, best, automatic, _ = table_2(scores)
    assert automatic[0] == "train, automatic thresholds"
    assert [float(cell) for cell in automatic[2:]] == pytest.approx([expected, expected], abs=5e-4)
    assert float(best[2]) == pytest.approx(walked["miou"], abs=5e-4)
    assert "| auto (tags) |" in (cut / "eval/scores.md").read_text()


def test_the_plan_says_that_only_labels_and_what_follows_are_made_again(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run
) -> None:
    result = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--plan", "--set", "rw.background=auto")
    assert result.exit_code == 0
    assert 'rw.background changed: 0.33 → "auto"' in result.stdout


@pytest.mark.parametrize("value", ["otsu", "1.5", "-0.1", "true", "[0.5]", "null", "nan"])
def test_another_word_or_number_is_refused(tiny_recipe: Path, puzzlecam: Run, tmp_path: Path, value: str) -> None:
    result = puzzlecam("rw", tiny_recipe, "--run", tmp_path / "run", "--set", f"rw.background={value}")
    assert result.exit_code == 2
    assert "rw.background" in result.stderr
    assert "auto" in result.stderr


def test_photos_that_are_tagged_later_are_cut_in_the_same_way(cut: Path, photos: Path, tmp_path: Path) -> None:
    tags = tags_file(cut, tmp_path)
    found = predict(str(cut), [str(photos)], tmp_path / "out", changes=CALM, source="pseudo", tags=str(tags))
    assert found is not None
    assert pictures(cut / "rw/pseudo_labels").items() <= pictures(tmp_path / "out").items()
