"""`puzzlecam ablate`: the four rows of Table 1 over seeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from typer.testing import Result

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.ablation import TABLE_1, recipe_of, summarise
from puzzlecam_cli.view.ablation import ablation_markdown

Run = Callable[..., Result]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def ablated(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, puzzlecam: Run) -> tuple[Path, Result]:
    """A run folder with the ablation of seeds 0 and 1, made in two calls, and what the second call said."""
    folder = tmp_path_factory.mktemp("ablation") / "run"
    first = puzzlecam("ablate", tiny_recipe, "--seeds", 1, "--run", folder)
    assert first.exit_code == 0, first.output
    again = puzzlecam("ablate", tiny_recipe, "--seeds", 0, 1, "--run", folder)
    assert again.exit_code == 0, again.output
    return folder, again


def summary_of(folder: Path) -> dict:  # type: ignore[type-arg]
    return json.loads((folder / "ablation" / "ablation.json").read_text())


@pytest.mark.parametrize(
    ("name", "classify_tiles", "alpha"),
    [("cls", False, 0.0), ("p-cls", True, 0.0), ("re", False, 4.0), ("all", True, 4.0)],
)
def test_a_row_changes_its_losses_and_nothing_else(
    tiny_recipe: Path, name: str, classify_tiles: bool, alpha: float
) -> None:
    base = load_recipe(str(tiny_recipe))
    row = next(row for row in TABLE_1 if row.name == name)
    variant = recipe_of(base, row, seed=7)
    assert (variant.train_cls.puzzle.classify_tiles, variant.train_cls.puzzle.alpha) == (classify_tiles, alpha)
    expected, found = base.model_dump(exclude={"data"}), variant.model_dump(exclude={"data"})
    assert found.pop("seed") == 7
    expected.pop("seed")
    for dump in (expected, found):
        for key in ("classify_tiles", "alpha"):
            dump["train_cls"]["puzzle"].pop(key)
    assert found == expected


def test_the_rows_are_the_papers() -> None:
    assert [row.paper for row in TABLE_1] == [0.4782, 0.4770, 0.4921, 0.5153]


def test_without_an_alpha_there_is_nothing_to_ablate(tiny_recipe: Path) -> None:
    base = load_recipe(str(tiny_recipe), ["train_cls.puzzle.alpha=0"])
    with pytest.raises(UserError, match=r"train_cls\.puzzle\.alpha is 0"):
        recipe_of(base, TABLE_1[0], seed=0)


def test_mean_spread_and_gains_are_those_of_the_seeds(tiny_recipe: Path) -> None:
    generator = np.random.default_rng(0)
    seeds, miou = [3, 5, 8], generator.uniform(0.2, 0.6, (4, 3))
    scores = {
        (row.name, seed): {
            "tags_from": "annotations",
            "results": [
                {"what": "rw", "miou": -1},
                {"what": "cams", "miou": value, "threshold": 0.3, "split": "train", "images": 6, "threshold_from": "x"},
            ],
        }
        for row, line in zip(TABLE_1, miou, strict=True)
        for seed, value in zip(seeds, line.tolist(), strict=True)
    }
    summary = summarise(load_recipe(str(tiny_recipe)), seeds, scores)
    assert [row["mean"] for row in summary["rows"]] == pytest.approx(miou.mean(axis=1), abs=1e-6)
    assert [row["sd"] for row in summary["rows"]] == pytest.approx(miou.std(axis=1, ddof=1), abs=1e-6)
    gains = miou - miou[0]
    assert summary["rows"][0]["gain"] is None
    for row, gain in zip(summary["rows"][1:], gains[1:], strict=True):
        assert row["gain"] == pytest.approx({"mean": gain.mean(), "sd": gain.std(ddof=1)}, abs=1e-6)


def test_scores_in_the_table_are_those_of_the_runs(ablated: tuple[Path, Result]) -> None:
    folder, _ = ablated
    summary = summary_of(folder)
    assert summary["seeds"] == [0, 1]
    for row in summary["rows"]:
        for seed, miou in zip(summary["seeds"], row["miou"], strict=True):
            scores = json.loads((folder / f"ablation/{row['name']}/seed-{seed}/eval/scores.json").read_text())
            assert scores["results"][0]["miou"] == pytest.approx(miou, abs=1e-6)
            assert scores["seed"] == seed


def test_runs_that_are_there_are_kept(ablated: tuple[Path, Result]) -> None:
    _, second = ablated
    lines = second.stderr.splitlines()
    assert sum("train-cls: done" in line for line in lines) == len(TABLE_1)  # those of the new seed
    assert sum("train-cls: kept" in line for line in lines) == len(TABLE_1)


def test_all_rows_and_seeds_look_at_the_same_photos(ablated: tuple[Path, Result]) -> None:
    folder, _ = ablated
    data = {
        (recipe["data"]["kind"], recipe["data"]["root"])
        for path in (folder / "ablation").glob("*/*/recipe.yaml")
        for recipe in [yaml.safe_load(path.read_text())]
    }
    assert data == {("voc", str(folder / "data"))}


def test_later_stages_are_not_run(ablated: tuple[Path, Result]) -> None:
    folder, _ = ablated
    for run in (folder / "ablation").glob("*/seed-*"):
        assert {path.name for path in run.iterdir() if path.is_dir()} == {"train-cls", "cams", "eval", "made"}


def test_text_markdown_and_plot_show_every_row(ablated: tuple[Path, Result]) -> None:
    folder, second = ablated
    summary = summary_of(folder)
    markdown = (folder / "ablation" / "ablation.md").read_text()
    assert markdown == ablation_markdown(summary)
    plot = ElementTree.parse(folder / "ablation" / "ablation.svg").getroot()
    words = [text.text for text in plot.iter(f"{SVG}text")]
    for row in summary["rows"]:
        mean = f"{row['mean']:.3f} ± {row['sd']:.3f}"
        assert mean in second.stdout
        assert mean in markdown
        assert row["title"] in words
    assert len(list(plot.iter(f"{SVG}circle"))) == 8


def test_without_masks_it_stops_before_training(tmp_path: Path, finished_run: Path, puzzlecam: Run) -> None:
    root = tmp_path / "photos"
    for name in ("JPEGImages", "Annotations", "ImageSets", "classes.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(finished_run / "data" / name)
    recipe = tmp_path / "recipe.yaml"
    values = yaml.safe_load((finished_run / "recipe.yaml").read_text())
    recipe.write_text(yaml.safe_dump(values | {"data": {"kind": "voc", "root": str(root), "train": "train"}}))
    result = puzzlecam("ablate", recipe, "--run", tmp_path / "run")
    assert result.exit_code == 2
    assert "6 images of `train` have no mask" in result.stderr
    assert not (tmp_path / "run").exists()
