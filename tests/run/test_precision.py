"""The precision that `auto` chose is remembered, and what was made in any stays as it is under `auto`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from puzzlecam_cli.engine import precision
from puzzlecam_cli.method.crf_engines import best_engine
from puzzlecam_cli.run.plan import what_changed
from tests.conftest import Run

KEY = "runtime.mixed_precision"


@pytest.mark.parametrize("before", ["no", "bf16", "fp16"])
def test_auto_is_content_with_what_there_is(before: str) -> None:
    assert what_changed({KEY: before}, {KEY: "auto"}) == []


@pytest.mark.parametrize(("before", "after"), [("no", "bf16"), ("bf16", "no"), ("fp16", "bf16")])
def test_a_precision_that_is_named_makes_anew_what_has_another(before: str, after: str) -> None:
    assert what_changed({KEY: before}, {KEY: after}) == [f'{KEY} changed: "{before}" → "{after}"']


def test_a_new_key_for_tf32_leaves_older_runs_as_they_are() -> None:
    assert what_changed({KEY: "no"}, {KEY: "auto", "runtime.tf32": True}) == []
    assert what_changed({KEY: "no"}, {KEY: "auto", "runtime.tf32": False})


def test_tf32_that_is_allowed_is_content_without_and_one_that_is_not_is_made_anew() -> None:
    tf32 = "runtime.tf32"
    assert what_changed({tf32: False}, {tf32: True}) == []
    assert what_changed({tf32: True}, {tf32: False}) == [f"{tf32} changed: true → false"]


def test_a_cpu_computes_without_tf32_whoever_allows_it(puzzlecam: Run, finished_run: Path, tiny_recipe: Path) -> None:
    plan = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--plan", "--set", "runtime.tf32=false")
    assert plan.exit_code == 0
    assert all(line.startswith("keep") for line in plan.stdout.splitlines())


def test_fp16_without_a_gpu_is_refused_by_the_plan(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    plan = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", "--plan", "--mixed-precision", "fp16")
    assert plan.exit_code == 2
    assert "fp16-needs-gpu" in plan.stderr


def test_scores_say_what_networks_computed_in_and_who_inferred(finished_run: Path) -> None:
    scores = json.loads((finished_run / "eval" / "scores.json").read_text())
    assert scores["made_with"] == {"precision": ["float32"], "crf": [best_engine()]}
    assert (
        f"Made with networks in float32, dense CRFs by {best_engine()}."
        in (finished_run / "eval" / "scores.md").read_text()
    )


def test_a_run_remembers_what_auto_was(finished_run: Path) -> None:
    assert f'"{KEY}": "no"' in (finished_run / "run.json").read_text()
    assert f'"{KEY}": "auto"' not in (finished_run / "run.json").read_text()


def test_naming_what_auto_was_keeps_all(puzzlecam: Run, finished_run: Path, tiny_recipe: Path) -> None:
    plan = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--plan", "--mixed-precision", "no")
    assert plan.exit_code == 0
    assert all(line.startswith("keep") for line in plan.stdout.splitlines())


def test_what_auto_chose_is_said_once_at_the_start(
    puzzlecam: Run, finished_run: Path, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "said", lambda runtime, chosen: f"{runtime.mixed_precision} is {chosen}")
    run = shutil.copytree(finished_run, tmp_path / "run")
    for lost in ("cams", "rw/pseudo_labels"):
        next((run / lost).iterdir()).unlink()
    result = puzzlecam("run-all", tiny_recipe, "--run", run)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("auto is no") == 1
