"""Trackers are told what `metrics.jsonl` holds, and see the maps; a training is the same with and without them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import Result

from puzzlecam_cli.engine import loop, trackers
from puzzlecam_cli.engine.trackers import Trackers, overlay

Run = Callable[..., Result]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard's own
def test_tensorboard_gets_all_logged_losses_and_a_picture_of_maps_an_epoch(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path, "-s", "runtime.trackers=[tensorboard]")
    assert result.exit_code == 0, result.output
    told = EventAccumulator(str(tmp_path / "trackers/train-cls/puzzlecam"))
    told.Reload()
    logged = [json.loads(line) for line in (tmp_path / "train-cls/metrics.jsonl").read_text().splitlines()]
    for name in ("loss", "loss_cls", "loss_re", "alpha", "lr"):
        assert [(e.step, e.value) for e in told.Scalars(name)] == [
            (line["step"], pytest.approx(line[name], rel=1e-6)) for line in logged
        ]
    assert sorted({event.step for event in told.Images("maps")}) == [1, 3]
    ours, theirs = (load_file(run / "train-cls/model.safetensors") for run in (tmp_path, finished_run))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_trackers_write_beside_the_run_while_a_model_grows_aside(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(
        loop, "Trackers", lambda runtime, folder, *rest: seen.append(folder) or Trackers(runtime, folder, *rest)
    )
    run = shutil.copytree(finished_run, tmp_path / "run")
    assert puzzlecam("train-cls", tiny_recipe, "--run", run, "--force").exit_code == 0
    assert seen == [run]


def test_weights_and_biases_gets_them_too(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the package: what Accelerate would hand to it."""
    told: list[tuple[str, int, Any]] = []

    class Tracker:
        name = "wandb"

        def log(self, values: dict[str, float], step: int) -> None:
            told.append(("values", step, values))

        def log_images(self, values: dict[str, Any], step: int) -> None:
            told.append(("images", step, values))

        def finish(self) -> None:
            told.append(("end", -1, None))

    def init_trackers(self: Any, project: str, init_kwargs: dict[str, Any]) -> None:
        assert (project, init_kwargs["wandb"]["group"]) == ("puzzlecam", "run")
        self.trackers = [Tracker()]

    monkeypatch.setattr(trackers, "find_spec", lambda name: ModuleSpec(name, None, origin="here"))
    monkeypatch.setattr("accelerate.Accelerator.init_trackers", init_trackers)
    options = ["--run", tmp_path / "run", "-s", "runtime.trackers=[wandb]"]
    assert puzzlecam("train-cls", tiny_recipe, *options).exit_code == 0
    assert [step for kind, step, _ in told if kind == "values"] == [0, 1, 2, 3]
    pictures = [values["maps"] for kind, _, values in told if kind == "images"]
    assert [(p.shape, p.dtype) for p in pictures] == [((4, 64, 64, 3), np.uint8)] * 2
    assert told[-1][0] == "end"


@pytest.mark.parametrize("found", [None, ModuleSpec("wandb", None)], ids=["nothing", "a folder of its name"])
def test_a_tracker_that_is_not_installed_is_an_error_before_anything_is_done(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: ModuleSpec | None
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: found)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path, "-s", "runtime.trackers=[wandb]")
    assert result.exit_code == 2
    assert "pip install 'puzzlecam-cli[wandb]'" in result.stderr
    assert not (tmp_path / "train-cls").exists()


def test_high_maps_redden_a_photo_and_low_ones_leave_it() -> None:
    photo, maps = torch.full((1, 3, 1, 2), 0.5), torch.tensor([[[0.0, 1.0]]])
    shown = overlay(photo, maps)[0, :, 0]
    assert shown[:, 0].tolist() == [0.5, 0.5, 0.5]
    assert shown[0, 1] > 0.8
    assert shown[1:, 1].max() < 0.35
