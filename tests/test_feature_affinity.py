"""`affinity.kind: feature` through the pipeline: its recipe, its files, and what is redone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from typer.testing import Result

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.fit import unfit
from puzzlecam_cli.recipe.load import load_recipe

Run = Callable[..., Result]
FEATURE = ["affinity.kind=feature", "affinity.labels.powers=[4, 32]", "rw.beta=8", "rw.background_power=16"]
CHOSEN = [part for change in FEATURE for part in ("--set", change)]


@pytest.fixture(scope="module")
def feature_run(finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path_factory: pytest.TempPathFactory):
    """A copy of the finished run, continued to the pseudo labels with features."""
    run = tmp_path_factory.mktemp("feature") / "run"
    shutil.copytree(finished_run, run)
    result = puzzlecam("run-all", tiny_recipe, "--run", run, "--until", "rw", *CHOSEN)
    assert result.exit_code == 0, result.output
    assert "cams: kept" in result.stderr
    return run


def test_the_model_is_one_of_features(feature_run: Path) -> None:
    with safe_open(feature_run / "affinity" / "model.safetensors", "pt") as file:
        assert file.get_slice("mix.weight").get_shape() == [448, 448, 1, 1]
    lines = (feature_run / "affinity" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2, 3]


def test_its_files_have_the_form_of_those_of_boundaries(feature_run: Path, finished_run: Path) -> None:
    names = sorted(path.name for path in (finished_run / "rw" / "scores").iterdir())
    assert sorted(path.name for path in (feature_run / "rw" / "scores").iterdir()) == names
    differ = 0
    for name in names:
        with (
            np.load(feature_run / "rw" / "scores" / name) as made,
            np.load(finished_run / "rw" / "scores" / name) as other,
        ):
            assert list(made) == list(other)
            assert all(made[key].dtype == other[key].dtype and made[key].shape == other[key].shape for key in made)
            assert made["scores"].min() >= 0
            assert made["scores"].max() in (0, 1)
            differ += not np.array_equal(made["scores"], other["scores"])
    assert differ == len(names)
    for path in (finished_run / "rw" / "pseudo_labels").iterdir():
        with Image.open(path) as other, Image.open(feature_run / "rw" / "pseudo_labels" / path.name) as made:
            assert (made.mode, made.size) == (other.mode, other.size)


def test_a_finished_run_of_features_is_kept(feature_run: Path, tiny_recipe: Path, puzzlecam: Run) -> None:
    plan = puzzlecam("run-all", tiny_recipe, "--run", feature_run, "--until", "rw", "--plan", *CHOSEN)
    assert {line.split()[0] for line in plan.stdout.splitlines()} == {"keep"}


def test_another_kind_redoes_the_model_and_all_after_it_but_not_the_labels(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run
) -> None:
    change = ("--set", "affinity.kind=feature")
    plan = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--until", "rw", "--plan", *change)
    actions = {line.split()[1]: line.split()[0] for line in plan.stdout.splitlines()}
    assert [name for name, action in actions.items() if action == "run"] == [
        "affinity/model",
        "rw/scores",
        "rw/pseudo_labels",
    ]
    assert 'affinity.kind changed: "boundary" → "feature"' in plan.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("affinity.kind=psa", "'boundary', 'feature' or 'cosine'"),
        ("affinity.canvas=whole", "'crop' or 'photo'"),
        ("affinity.labels.powers=[32, 4]", "must not exceed"),
        ("affinity.labels.powers=[0, 4]", "greater than 0"),
        ("affinity.labels.powers=[4]", "powers"),
        ("affinity.labels.powers=[true, 4]", "number"),
    ],
)
def test_values_that_make_no_sense_are_refused(tiny_recipe: Path, change: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(str(tiny_recipe), [FEATURE[0], change])
    assert words in " ".join(caught.value.where)


def test_the_kind_decides_how_large_a_crop_must_be(tiny_recipe: Path) -> None:
    network = load_backbone("resnet18")
    assert unfit(network, load_recipe(str(tiny_recipe), [FEATURE[0]]).affinity) == []  # 64 = 16 × 4
    assert unfit(network, load_recipe(str(tiny_recipe), ["affinity.radius=8"]).affinity) == []  # 64 = 8 × 8
    (problem,) = unfit(network, load_recipe(str(tiny_recipe), [FEATURE[0], "affinity.radius=5"]).affinity)
    assert "at least 16 × radius 5" in problem
