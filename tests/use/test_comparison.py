"""compare: differences that photos explain, told from those that they do not; and never of what cannot be compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from puzzlecam_cli import UserError
from puzzlecam_cli.use.comparison.bootstrap import differences, ious, mean_iou
from puzzlecam_cli.use.comparison.compared import Comparison, compare, names_of
from puzzlecam_cli.view.comparison import comparison_tables
from puzzlecam_cli.view.comparison_page import comparison_page

Cli = Callable[..., Result]
Photo = tuple[Sequence[int], Sequence[int]]  # true and predicted class of each pixel
CLASSES = 3  # with background
TRUTH = ((0, 0, 1, 1, 1, 0, 0, 0), (0, 0, 0, 0, 2, 2, 0, 0), (1, 1, 0, 0, 0, 0, 2, 0))
FIRST = ((0, 0, 1, 1, 0, 0, 0, 0), (0, 2, 0, 0, 2, 2, 0, 0), (1, 0, 0, 0, 0, 1, 2, 0))
OTHER = ((0, 1, 1, 1, 1, 0, 0, 0), (0, 0, 0, 0, 2, 0, 0, 0), (1, 1, 0, 0, 0, 0, 0, 0))


def counts_of(truth: Sequence[int], predicted: Sequence[int]) -> list[list[int]]:
    """Pixels that are hit, true and predicted, counted one by one."""
    pairs = list(zip(truth, predicted, strict=True))
    return [
        [sum(t == p == label for t, p in pairs) for label in range(CLASSES)],
        [sum(t == label for t, _ in pairs) for label in range(CLASSES)],
        [sum(p == label for _, p in pairs) for label in range(CLASSES)],
    ]


def exact_mean_iou(photos: Sequence[Photo]) -> Fraction:
    """By sets of pixels, in whole numbers."""
    found = []
    for label in range(CLASSES):
        true = {(n, i) for n, (truth, _) in enumerate(photos) for i, value in enumerate(truth) if value == label}
        said = {(n, i) for n, (_, guess) in enumerate(photos) for i, value in enumerate(guess) if value == label}
        if true | said:
            found.append(Fraction(len(true & said), len(true | said)))
    return sum(found, Fraction()) / len(found)


def stacked(predictions: Sequence[Sequence[int]]) -> Any:
    return np.array([counts_of(t, p) for t, p in zip(TRUTH, predictions, strict=True)], np.int64)


def test_resamples_agree_with_all_that_there_are() -> None:
    """Of 3 photos there are 27, each as likely; each of the most extreme ones has more than the 2.5 % left out."""
    gains = []
    for drawn in product(range(3), repeat=3):
        first, other = (exact_mean_iou([(TRUTH[i], predictions[i]) for i in drawn]) for predictions in (FIRST, OTHER))
        gains.append(other - first)
    (found,) = differences([stacked(FIRST), stacked(OTHER)], resamples=20_000, seed=1)
    whole = exact_mean_iou(list(zip(TRUTH, OTHER, strict=True))) - exact_mean_iou(list(zip(TRUTH, FIRST, strict=True)))
    assert found.miou == pytest.approx(float(whole), abs=1e-12)
    assert found.low == pytest.approx(float(min(gains)), abs=1e-12)
    assert found.high == pytest.approx(float(max(gains)), abs=1e-12)
    worse = sum(gain < 0 for gain in gains) / 27
    assert 0 < worse < 1
    assert found.worse == pytest.approx(worse, abs=0.012)  # 3.5 standard errors


def test_a_class_that_nobody_knows_counts_for_nothing() -> None:
    sums = np.array([[4, 0, 1], [6, 0, 1], [5, 0, 3]])
    assert ious(sums).tolist()[::2] == [4 / 7, 1 / 3]
    assert np.isnan(ious(sums)[1])
    assert float(mean_iou(sums)) == pytest.approx((4 / 7 + 1 / 3) / 2)


def test_the_same_seed_draws_the_same_photos_also_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [stacked(FIRST), stacked(OTHER), stacked(FIRST)]
    found = differences(runs, 500, seed=4)
    assert found == differences(runs, 500, seed=4)
    assert found != differences(runs, 500, seed=5)
    assert (found[1].miou, found[1].low, found[1].high, found[1].worse) == (0, 0, 0, 0)
    monkeypatch.setattr("puzzlecam_cli.use.comparison.bootstrap.CELLS", 300)
    assert found == differences(runs, 500, seed=4)


@pytest.fixture(scope="module")
def twin(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that predicts the truth of one photo of three, lacks another's prediction, and has another recipe."""
    run = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("twin") / "<b>&"))
    place = run / "seg/predictions/val"
    truth = run / "data/SegmentationClass/synthetic_val_0001.png"
    shutil.copy(truth, place / "synthetic_val_0001.png")
    (place / "synthetic_val_0003.png").unlink()
    recipe = (run / "recipe.yaml").read_text()
    assert "width: 16" in recipe
    (run / "recipe.yaml").write_text(recipe.replace("width: 16", "width: 24"))
    return run


@pytest.fixture(scope="module")
def compared(finished_run: Path, twin: Path) -> Comparison:
    return compare([str(finished_run), str(twin)], resamples=200)


def result_of(found: Comparison, what: str) -> dict[str, Any]:
    return next(result for result in found.results if result["what"] == what)


def test_a_run_beside_itself_has_its_own_scores_and_no_difference(finished_run: Path) -> None:
    found = compare([str(finished_run)] * 2, resamples=100)
    scored = json.loads((finished_run / "eval/scores.json").read_text())["results"]
    assert [result["what"] for result in found.results] == [result["what"] for result in scored]
    for result, stored in zip(found.results, scored, strict=True):
        assert result["photos"] == stored["images"]
        for run in result["runs"]:
            assert run["miou"] == pytest.approx(stored["miou"], abs=1e-12)
            assert run["iou"] == pytest.approx(stored["iou"], abs=1e-12, nan_ok=True)
        assert result["runs"][0]["difference"] is None
        assert set(result["runs"][1]["difference"].values()) == {0.0}
    assert (found.recipe, found.made_with) == ({}, {})
    assert not any("changed since" in note for note in found.notes)


def test_scores_are_of_the_photos_that_all_have(compared: Comparison, finished_run: Path, twin: Path) -> None:
    result = result_of(compared, "predictions")
    assert result["photos"] == 2
    ids = ["synthetic_val_0001", "synthetic_val_0002"]
    for root, run in zip((finished_run, twin), result["runs"], strict=True):
        hit, union = np.zeros(4), np.zeros(4)
        for name in ids:
            with Image.open(root / f"data/SegmentationClass/{name}.png") as mask:
                truth = np.asarray(mask)
            with Image.open(root / f"seg/predictions/val/{name}.png") as label:
                predicted = np.asarray(label)
            for label_number in range(4):
                true, said = truth == label_number, (predicted == label_number) & (truth != 255)
                hit[label_number] += (true & said).sum()
                union[label_number] += (true | said).sum()
        assert run["miou"] == pytest.approx((hit[union > 0] / union[union > 0]).mean(), abs=1e-12)
    difference = result["runs"][1]["difference"]
    assert difference["miou"] == pytest.approx(result["runs"][1]["miou"] - result["runs"][0]["miou"])
    assert difference["low"] <= difference["miou"] <= difference["high"]


def test_what_is_left_out_and_what_changed_is_said(compared: Comparison) -> None:
    notes = " ".join(compared.notes)
    assert "predictions: <b>& has no file of 1 photo: `synthetic_val_0003`; left out." in notes
    assert "predictions: 1 photo of tiny is not in all runs and left out." in notes
    assert "predictions of <b>&: eval found" in notes
    assert "too narrow" in notes
    assert "<b>& is not what its recipe makes any more (seg/model: seg.width" in notes


def test_runs_without_masks_are_compared_in_all_else(finished_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "blind", ignore=shutil.ignore_patterns("*.npz")))
    scores = json.loads((run / "eval/scores.json").read_text())
    (run / "eval/scores.json").write_text(json.dumps(scores | {"results": []}))
    found = compare([str(finished_run), str(run)], resamples=100)
    assert all(result["runs"][1] is None for result in found.results)
    assert "Nothing is scored in blind, as there are no masks: no score can be compared." in found.notes
    assert len(found.stages) == 6


def test_only_what_differs_is_told_of_recipes(compared: Comparison) -> None:
    assert compared.recipe == {"seg.width": (16, 24)}
    assert [costs.stage for costs in compared.stages] == ["train-cls", "cams", "affinity", "rw", "seg", "eval"]
    assert all(size and size > 0 for costs in compared.stages for size in costs.bytes)


def test_what_was_cleaned_away_is_told_with_what_brings_it_back(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "bare")
    shutil.rmtree(run / "cams")
    found = compare([str(finished_run), str(run)], resamples=100)
    assert result_of(found, "cams")["runs"][1] is None
    assert any(f"`puzzlecam cams {run}` makes them again" in note for note in found.notes)


def refused(*runs: Path | str, **options: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        compare([str(run) for run in runs], resamples=100, **options)
    return caught.value


def test_other_masks_other_classes_and_runs_that_are_not_scored_are_refused(finished_run: Path, tmp_path: Path) -> None:
    assert refused(finished_run).reference == "usage"
    assert refused(finished_run, tmp_path).reference == "run-missing"
    run = Path(shutil.copytree(finished_run, tmp_path / "other"))
    mask = run / "data/SegmentationClass/synthetic_train_0002.png"
    with Image.open(mask) as picture:
        pixels, palette = np.asarray(picture).copy(), picture.getpalette()
    pixels[0, 0] = 1 if pixels[0, 0] != 1 else 2
    changed = Image.fromarray(pixels)
    changed.putpalette(palette or [])
    changed.save(mask)
    error = refused(finished_run, run)
    assert (error.reference, error.where) == ("runs-differ", ("synthetic_train_0002",))
    (run / "data/classes.txt").write_text("background\none\ntwo\nthree\n")
    assert "classes" in refused(finished_run, run).problem
    (run / "eval/scores.json").unlink()
    assert refused(finished_run, run).reference == "stage-missing"


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str | None]] = {}
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_asks_for_nothing_and_names_are_text(compared: Comparison) -> None:
    page = Tags(comparison_page(compared))
    assert not {"script", "link", "img", "b&amp;"} & set(page.tags)
    assert page.tags.count("b") == 1, "of the page itself"
    assert not {"src", "href", "onload"} & set(page.attributes)
    assert "<b>&" in page.text
    assert all(cell in page.text for table in comparison_tables(compared) for row in table.rows for cell in row)


def test_runs_are_called_by_their_last_names_where_these_differ() -> None:
    assert names_of(["runs/a", "runs/b/"]) == ["a", "b"]
    assert names_of(["one/a", "two/a"]) == ["one/a", "two/a"]
    assert names_of(["one/a", "one/a"]) == ["a", "a"]


def test_the_command_gives_a_table_json_and_a_page(
    puzzlecam: Cli, finished_run: Path, twin: Path, tmp_path: Path
) -> None:
    page = tmp_path / "new/page.html"
    asked = ("compare", finished_run, twin, "--resamples", 100)
    shown = puzzlecam(*asked, "--out", page)
    assert shown.exit_code == 0, shown.output
    assert "seg.width" in shown.stdout
    assert page.read_text().startswith("<!doctype html>")
    assert puzzlecam(*asked, "--out", page).exit_code == 0, "a page of ours is written anew"
    found = json.loads(puzzlecam(*asked, "--json").stdout)
    assert (found["schema"], found["resamples"], len(found["results"])) == (1, 100, 4)
    page.write_text("mine")
    assert puzzlecam(*asked, "--out", page).exit_code == 2
    assert page.read_text() == "mine"
