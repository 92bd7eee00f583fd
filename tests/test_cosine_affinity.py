"""`affinity.kind: cosine` through the pipeline: nothing is trained; what comes after works as with others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.fit import unfit
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.check_machine import batch_for_processes
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.run import Run as PhotosRun
from puzzlecam_cli.stages import PIPELINE
from tests.conftest import TINY, Run
from tests.test_predict import pictures, tags_file

CHANGES = ("affinity.kind=cosine", "rw.beta=12")
CHOSEN = [part for change in CHANGES for part in ("--set", change)]


@pytest.fixture(scope="module")
def cosine_run(finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run, continued to the pseudo labels along cosines."""
    run = tmp_path_factory.mktemp("cosine") / "run"
    shutil.copytree(finished_run, run)
    result = puzzlecam("run-all", tiny_recipe, "--run", run, "--until", "rw", *CHOSEN)
    assert result.exit_code == 0, result.output
    assert "cams: kept" in result.stderr
    return run


def test_the_model_is_the_backbone_and_nothing_was_trained(cosine_run: Path) -> None:
    model = cosine_run / "affinity" / "model.safetensors"
    with safe_open(model, "pt") as file:
        names = set(file.keys())
    bare = load_backbone(TINY["backbone"]["name"])
    assert names == {f"backbone.{name}" for name in bare.state_dict()}
    description = read_description(model)
    assert description is not None
    assert description.head == {"kind": "cosine", "canvas": 0}
    assert not (model.parent / "metrics.jsonl").read_text(), "those of the run's boundary network are gone"
    assert not list(model.parent.glob("checkpoint/*"))


def test_maps_are_walked_otherwise_than_along_boundaries(cosine_run: Path, finished_run: Path) -> None:
    names = sorted(path.name for path in (finished_run / "rw" / "scores").iterdir())
    assert sorted(path.name for path in (cosine_run / "rw" / "scores").iterdir()) == names
    for name in names:
        runs = (cosine_run, finished_run)
        made, other = (np.load(run / "rw" / "scores" / name)["scores"] for run in runs)
        assert made.shape == other.shape
        assert made.max() in (0, 1)
        assert not np.array_equal(made, other)


def test_it_is_kept_and_told_of_as_done(cosine_run: Path, tiny_recipe: Path, puzzlecam: Run) -> None:
    plan = puzzlecam("run-all", tiny_recipe, "--run", cosine_run, "--until", "rw", "--plan", *CHOSEN)
    assert {line.split()[0] for line in plan.stdout.splitlines()} == {"keep"}
    states = {row["step"]: row["state"] for row in json.loads(puzzlecam("status", cosine_run, "--json").stdout)}
    assert states["affinity/model"] == states["rw/scores"] == "done"


def test_new_photos_get_the_labels_of_rw_bit_for_bit(cosine_run: Path, puzzlecam: Run, tmp_path: Path) -> None:
    photos = cosine_run / "data" / "JPEGImages"
    tags, out = tags_file(cosine_run, tmp_path), tmp_path / "out"
    ids = [str(photos / f"{path.stem}.jpg") for path in (cosine_run / "rw" / "pseudo_labels").glob("*.png")]
    result = puzzlecam("predict", cosine_run, *ids, "--out", out, "--from", "pseudo", "--tags", tags)
    assert result.exit_code == 0, result.output
    assert pictures(cosine_run / "rw" / "pseudo_labels") == pictures(out)


def test_what_it_was_made_of_can_be_cleaned(cosine_run: Path, puzzlecam: Run, tmp_path: Path) -> None:
    run = shutil.copytree(cosine_run, tmp_path / "run")
    assert puzzlecam("clean", run, "--yes").exit_code == 0
    assert (run / "affinity" / "model.safetensors").is_file()
    assert not list((run / "affinity" / "labels").glob("*.png"))


def test_any_crop_fits_a_training_that_is_none(tiny_recipe: Path) -> None:
    changes = ("affinity.crop=50", "affinity.radius=20")
    assert unfit(load_backbone("resnet18"), load_recipe(str(tiny_recipe), [*changes]).affinity)
    recipe = load_recipe(str(tiny_recipe), [*CHANGES, *changes])
    assert unfit(load_backbone("resnet18"), recipe.affinity) == []
    assert recipe.affinity.canvas_side == 0


@pytest.mark.parametrize(("changes", "refused"), [((), 1), (CHANGES, 0)], ids=["boundary", "cosine"])
def test_so_does_any_batch(changes: tuple[str, ...], refused: int, finished_run: Path, tiny_recipe: Path) -> None:
    run = PhotosRun.at(load_recipe(str(tiny_recipe), [*changes, "affinity.batch=1"]), finished_run)
    steps = tuple(step for step in all_steps(PIPELINE) if step.name == "affinity/model")
    assert len(list(batch_for_processes(Checked(run, steps, processes=2, tick=None, workers=0)))) == refused


def test_bench_reckons_with_no_training(tiny_recipe: Path, puzzlecam: Run) -> None:
    result = puzzlecam("bench", tiny_recipe, *CHOSEN, "--json")
    assert result.exit_code == 0, result.output
    (model,) = [step for step in json.loads(result.stdout)["steps"] if step["what"] == "model"]
    assert model["stage"] == "affinity"
    assert model["items"] == 0
