"""seg.rounds: in later rounds DeepLab learns from the labels that it gives to the training photos itself."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from typer.testing import Result

from puzzlecam_cli import Run as Made
from puzzlecam_cli import load_model
from puzzlecam_cli.engine.checkpoint import Checkpoints
from puzzlecam_cli.recipe.schema import Seg
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.made import delete_own
from puzzlecam_cli.stages import PIPELINE
from tests.forked import acting_at, assert_same, end_of, kill, start

Run = Callable[..., Result]
TWO = ("--set", "seg.rounds=2")
ROUND = "seg/checkpoint/labels-2"


def labels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


@pytest.fixture(scope="module")
def two_rounds(finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two rounds of one epoch, two steps, each; read only."""
    run = tmp_path_factory.mktemp("rounds") / "run"
    shutil.copytree(finished_run, run)
    result = puzzlecam("run-all", tiny_recipe, "--run", run, *TWO)
    assert result.exit_code == 0, result.output
    return run


def network_after(run: Path, step: int, out: Path) -> Path:
    """A model file of the weights that a checkpoint holds."""
    state = torch.load(run / f"seg/checkpoint/step-{step:09d}/state.pt", weights_only=True)["module"]
    with safe_open(run / "seg/model.safetensors", "pt") as model:
        weights = {name: state[f"network.{name}"].contiguous() for name in model.keys()}  # noqa: SIM118
        save_file(weights, out, model.metadata())
    return out


def test_a_later_round_learns_from_what_the_network_sees_in_photos_of_known_tags(
    two_rounds: Path, tmp_path: Path
) -> None:
    run, model = Made(two_rounds), load_model(network_after(two_rounds, 2, tmp_path / "m"))
    found = 0
    for image_id in run.ids("train"):
        labels = model.predict(run.photo(image_id), tags=run.tags(image_id)).labels
        before = labels_of(two_rounds / f"rw/pseudo_labels/{image_id}.png")
        lost = np.isin(before, labels, invert=True) & (before > 0)
        assert np.array_equal(labels_of(two_rounds / ROUND / f"{image_id}.png"), np.where(lost, before, labels))
        found += int((labels > 0).any() and not np.array_equal(labels, before))
    assert found  # else nothing was to be seen


def test_the_first_round_is_the_training_that_it_would_be_alone(two_rounds: Path, finished_run: Path) -> None:
    ours, alone = ((run / "seg/metrics.jsonl").read_text().splitlines() for run in (two_rounds, finished_run))
    assert ours[:2] == alone[:2]
    assert len(ours) == len(alone) == 4
    assert ours[2:] != alone[2:]  # other labels


def test_two_rounds_killed_anywhere_end_as_if_nothing_had_been(
    two_rounds: Path, finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    run, log, draw = tmp_path / "run", tmp_path / "log", random.Random(0)
    shutil.copytree(finished_run, run)
    killed, labels = 0, set()
    options = ("--set", "runtime.checkpoint_minutes=0", *TWO)
    while (code := end_of(start(log, tiny_recipe, run, *options, before=acting_at(draw.randint(1, 14), kill)))) != 0:
        assert code == -signal.SIGKILL, log.read_text()[-3000:]
        killed += 1
        labels.add(len(list(run.glob(f".unfinished/{ROUND}/[!.]*.png"))))
    assert killed >= 5
    assert len(labels) > 2, labels  # also while labels were written
    assert_same(run, two_rounds)


@pytest.mark.parametrize(("lost", "of_them"), [("labels-2/*.png", 1), ("step-*/state.pt", 2)])
def test_what_is_lost_takes_the_training_back_to_where_it_was_made(
    two_rounds: Path, finished_run: Path, tiny_recipe: Path, tmp_path: Path, lost: str, of_them: int
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    shutil.copytree(finished_run, run)

    def dying_in_the_second_round() -> None:
        save = Checkpoints.save

        def save_and_die(self: Checkpoints, step: int) -> None:
            save(self, step)
            if step == 3:
                kill(run)

        Checkpoints.save = save_and_die  # type: ignore[method-assign]

    options = ("--set", "runtime.checkpoint_minutes=0", *TWO)
    assert end_of(start(log, tiny_recipe, run, *options, before=dying_in_the_second_round)) == -signal.SIGKILL
    for path in list(run.glob(f".unfinished/seg/checkpoint/{lost}"))[:of_them]:
        path.unlink()
    assert end_of(start(log, tiny_recipe, run, *options)) == 0
    assert_same(run, two_rounds)


def test_each_epoch_belongs_to_one_round_which_are_of_equal_length() -> None:
    for epochs, rounds in product(range(1, 12), repeat=2):
        seg = Seg(epochs=epochs, rounds=rounds)
        ends = [epochs * number // seg.parts for number in range(1, seg.parts + 1)]
        for epoch in range(epochs):
            assert seg.round_of(epoch) == 1 + sum(end <= epoch for end in ends)


def test_labels_of_photos_in_folders_go_with_the_training_that_made_them(tmp_path: Path) -> None:
    step = next(step for stage in PIPELINE for step in stage.steps if step.name == "seg/model")
    for image_id in ("photo", "cats/photo", "cats/at home/photo"):
        path = RunFolder(tmp_path).round_label(2, image_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    delete_own(tmp_path, step)
    assert not list(tmp_path.rglob("*.png"))  # another recipe would learn from them


def test_who_made_the_labels_of_a_round_is_known(two_rounds: Path, tiny_recipe: Path, puzzlecam: Run) -> None:
    steps = json.loads((two_rounds / "run.json").read_text())["stages"]["seg"]["steps"]
    engine = steps["seg/model"]["versions"]["crf.engine"]
    assert engine == steps["seg/predictions"]["versions"]["crf.engine"]
    named = ("--set", f"seg.predict.crf.engine={engine}", "--plan", "--json")
    planned = json.loads(puzzlecam("run-all", tiny_recipe, "--run", two_rounds, *TWO, *named).stdout)
    assert {entry["action"] for entry in planned} == {"keep"}


@pytest.mark.parametrize(("rounds", "is_stale"), [(1, False), (2, True)])
def test_how_photos_are_predicted_decides_what_later_rounds_learn(
    finished_run: Path, two_rounds: Path, tiny_recipe: Path, puzzlecam: Run, rounds: int, is_stale: bool
) -> None:
    run = two_rounds if rounds == 2 else finished_run
    changed = ("--set", f"seg.rounds={rounds}", "--set", "seg.predict.flip=false", "--plan", "--json")
    planned = json.loads(puzzlecam("run-all", tiny_recipe, "--run", run, *changed).stdout)
    steps = {entry["step"]: entry["action"] for entry in planned}
    assert steps["seg/model"] == ("run" if is_stale else "keep")
    assert steps["seg/predictions"] == "run"


def test_a_round_has_an_epoch_at_least(
    two_rounds: Path, finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    assert puzzlecam("run-all", tiny_recipe, "--run", run, "--set", "seg.rounds=9").exit_code == 0
    assert_same(run, two_rounds)  # of two epochs


def test_labels_of_rounds_can_go_when_the_network_is_there(
    two_rounds: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    run = shutil.copytree(two_rounds, tmp_path / "run")
    assert puzzlecam("clean", run, "--yes").exit_code == 0
    assert not (run / "seg/checkpoint").exists()
    result = puzzlecam("run-all", tiny_recipe, "--run", run, *TWO)
    assert result.exit_code == 0
    assert not (run / "seg/checkpoint").exists()  # nothing was trained
