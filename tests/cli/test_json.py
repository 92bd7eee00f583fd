"""What people script: `--json` gives one JSON document on stdout, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import Result

from puzzlecam_cli.cli.app import app
from puzzlecam_cli.recipe.load import load_recipe, recipe_names
from puzzlecam_cli.stages import STAGE_NAMES

Cli = Callable[..., Result]
FOR_PEOPLE = {  # commands whose output is a document, a path or nothing: stages write into the run folder
    *STAGE_NAMES,
    "predict-share",
    "card",
    "recipes copy",
    "recipes check",
    "recipes schema",
    "plugins new",
}


def commands(group: Any, before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, f"{before}{name} ")
        else:
            found[before + name] = command
    return found


def test_every_command_that_tells_something_tells_it_as_json() -> None:
    every = commands(typer.main.get_command(app))
    lacking = {name for name, command in every.items() if not _takes_json(command)}
    assert lacking <= FOR_PEOPLE | {"watch", "report", "show", "docs"}


def _takes_json(command: Any) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


def told(puzzlecam: Cli, *arguments: object) -> Any:
    result = puzzlecam(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_recipes(puzzlecam: Cli) -> None:
    listed = told(puzzlecam, "recipes", "list")
    assert [entry["name"] for entry in listed] == recipe_names()
    assert all(entry["about"].endswith(".") for entry in listed), "the first line of a recipe is a whole"
    shown = told(puzzlecam, "recipes", "show", "quickstart", "--set", "seg.epochs=5")
    assert shown == load_recipe("quickstart", ["seg.epochs=5"]).model_dump(mode="json")


def test_a_plan_and_a_run(puzzlecam: Cli, finished_run: Path) -> None:
    plan = told(puzzlecam, "run-all", finished_run, "--run", finished_run, "--plan")
    assert {step["action"] for step in plan} == {"keep"}
    assert list(dict.fromkeys(step["stage"] for step in plan)) == list(STAGE_NAMES)
    done = told(puzzlecam, "run-all", finished_run, "--run", finished_run)
    assert done["run"] == str(finished_run)
    assert done["scores"] == json.loads((finished_run / "eval/scores.json").read_text())


def test_labels_and_predictions(puzzlecam: Cli, finished_run: Path, photos: Path, tmp_path: Path) -> None:
    labels = told(puzzlecam, "labels", finished_run, "--out", tmp_path / "labels", "--format", "png,json")
    assert labels == {"schema": 1, "out": str(tmp_path / "labels"), "photos": 6, "formats": ["png", "json"]}
    (photos / "broken.jpg").write_bytes(b"no photo")
    result = puzzlecam("predict", finished_run, photos, "--out", tmp_path / "masks", "--plain", "--json")
    assert result.exit_code == 2
    predicted = json.loads(result.stdout)
    assert (predicted["made"], predicted["kept"], list(predicted["unreadable"])) == (9, 0, ["broken"])
    assert "image-unreadable" in result.stderr


def test_a_new_recipe(puzzlecam: Cli, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = told(puzzlecam, "new", finished_run / "data", "--out", "mine.yaml")
    assert Path(written["path"]).name == "mine.yaml"
    assert (tmp_path / "mine.yaml").is_file()
    assert written["can_learn"]
