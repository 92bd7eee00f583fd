"""The command line: quick to start, readable in a pipe, and as the contract names it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from puzzlecam_cli.recipe.load import load_recipe, recipe_names
from puzzlecam_cli.run.plan import flatten
from puzzlecam_cli.stages import PIPELINE, STAGE_NAMES

Run = Callable[..., Result]
HEAVY = ("torch", "numpy", "timm", "accelerate", "PIL")


LIGHT = (
    "--help",
    "run-all --help",
    "bench --help",
    "new --help",
    "--version",
    "run-all",
    "backbones",
    "recipes list",
    "run-all quickstart --plan --run RUN",
    "run-all quickstart --set sed=1 --run RUN",
)
IN_TURN = """
import sys
from puzzlecam_cli.cli.app import main
for line in sys.argv[1:]:
    sys.argv = ["puzzlecam", *line.split()]
    try:
        main()
    except SystemExit:
        pass
    print("heavy after", line, *[name for name in HEAVY if name in sys.modules], sep="|")
"""


def loaded_after(lines: Sequence[str], names: Sequence[str]) -> list[str]:
    """Which modules are loaded after each command, one after the other in one process."""
    code = IN_TURN.replace("HEAVY", repr(tuple(names)))
    result = subprocess.run([sys.executable, "-c", code, *lines], capture_output=True, text=True, check=True)
    return [line for line in result.stdout.splitlines() if line.startswith("heavy after")]


def test_a_look_around_a_plan_and_a_bad_recipe_import_nothing_heavy(tmp_path: Path) -> None:
    """What the first command had imported would be seen after all."""
    lines = [line.replace("RUN", str(tmp_path / "run")) for line in LIGHT]
    assert loaded_after(lines, HEAVY) == [f"heavy after|{line}" for line in lines]


def test_help_imports_no_parser_of_markdown() -> None:
    lines = ("--help", "", "data --help")
    assert loaded_after(lines, ("rich.markdown", "markdown_it", "pygments")) == [
        f"heavy after|{line}" for line in lines
    ]


def test_help_names_every_command_of_the_pipeline_in_order(puzzlecam: Run) -> None:
    text = puzzlecam("--help").stdout
    places = [text.index(f" {name} ") for name in (*STAGE_NAMES, "run-all")]
    assert places == sorted(places)
    assert all(f" {name} " in text for name in ("new", "ablate", "bench", "status", "recipes", "backbones"))


@pytest.mark.parametrize("stage", [*STAGE_NAMES, "run-all"])
def test_every_stage_takes_the_options_of_the_contract(puzzlecam: Run, stage: str) -> None:
    text = puzzlecam(stage, "--help").stdout
    for option in ("--run", "--set", "-s", "--num-processes", "--mixed-precision", "--cpu", "--plain", "--force"):
        assert option in text


def test_a_usage_error_is_exit_code_2(puzzlecam: Run) -> None:
    assert puzzlecam("run-all").exit_code == 2
    assert puzzlecam("train").exit_code == 2
    assert puzzlecam("run-all", "quickstart", "--set", "seed").exit_code == 2


def test_what_is_misspelt_is_told_with_what_may_have_been_meant(puzzlecam: Run) -> None:
    command = puzzlecam("predikt").stderr
    assert "'predict'" in command
    assert "predict-share" not in command
    choice = " ".join(puzzlecam("export", "m", "--format", "onx").stderr.replace("│", "").split())
    assert "Did you mean 'onnx'?" in choice
    assert "Value error" not in choice


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "puzzlecam_cli", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0.1.0\n"


def test_a_reader_that_has_had_enough_is_no_failure() -> None:
    command = [sys.executable, "-m", "puzzlecam_cli", "recipes", "show", "quickstart"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_every_recipe_key_belongs_to_a_step() -> None:
    """No value can change without something becoming stale."""
    values = load_recipe("quickstart").model_dump(mode="json")
    steps = [step for stage in PIPELINE for step in stage.steps]
    read = {key for step in steps for key in step.keys}
    read |= {f"saliency.{key}" for step in steps if step.saliency for key in ("folder", "plugin", *step.saliency)}
    for name, _ in flatten("", values):
        key = name.removeprefix(".")
        if key.split(".")[0] in ("recipe", "data", "runtime"):  # data count by their files; see `Step.data`
            continue
        assert any(key == known or key.startswith(known + ".") for known in read), key


def test_what_a_step_skips_is_read_by_another_of_its_stage() -> None:
    for stage in PIPELINE:
        read = {key for step in stage.steps for key in step.keys}
        for step in stage.steps:
            assert all(any(key == known or key.startswith(known + ".") for known in read) for key in step.without)


def test_status_as_json(puzzlecam: Run, finished_run: Path, tiny_recipe: Path) -> None:
    entries = json.loads(puzzlecam("status", tiny_recipe, "--run", finished_run, "--json").stdout)
    assert {entry["action"] for entry in entries} == {"keep"}
    assert [entry["stage"] for entry in entries] == [stage.name for stage in PIPELINE for _ in stage.steps]


def test_status_in_words(puzzlecam: Run, finished_run: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    done = puzzlecam("status", tiny_recipe, "--run", finished_run).stdout.splitlines()
    assert all(line.startswith("done") for line in done)
    changed = puzzlecam("status", tiny_recipe, "--run", finished_run, "-s", "seg.lr=1")
    assert changed.stderr == f"`puzzlecam status {finished_run}` shows the run by its own recipe\n"
    assert puzzlecam("status", finished_run).stderr == ""
    stale = changed.stdout
    assert "stale" in stale
    assert "seg.lr changed: 0.007 → 1.0" in stale
    assert puzzlecam("status", tiny_recipe, "--run", tmp_path).stdout.count("missing") == 9


@pytest.mark.parametrize("name", recipe_names())
def test_a_shown_recipe_loads_back_to_itself(puzzlecam: Run, name: str, tmp_path: Path) -> None:
    text = puzzlecam("recipes", "show", name).stdout
    copy = tmp_path / "copy.yaml"
    copy.write_text(text)
    assert load_recipe(str(copy)) == load_recipe(name)


def test_the_resolved_recipe_of_a_run_loads_back_to_itself(finished_run: Path, tiny_recipe: Path) -> None:
    assert load_recipe(str(finished_run / "recipe.yaml")) == load_recipe(str(tiny_recipe))


def test_a_copied_recipe_is_the_shipped_file_and_never_overwrites(puzzlecam: Run, tmp_path: Path) -> None:
    assert puzzlecam("recipes", "copy", "quickstart", tmp_path).exit_code == 0
    copy = tmp_path / "quickstart.yaml"
    assert yaml.safe_load(copy.read_text())["recipe"] == 1
    again = puzzlecam("recipes", "copy", "quickstart", copy)
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_the_schema_describes_every_section(puzzlecam: Run) -> None:
    schema = json.loads(puzzlecam("recipes", "schema").stdout)
    assert {"data", "backbone", "train_cls", "cams", "affinity", "rw", "seg", "eval"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False


def test_backbones_are_listed_with_their_distribution(puzzlecam: Run) -> None:
    found = {entry["name"]: entry["distribution"] for entry in json.loads(puzzlecam("backbones", "--json").stdout)}
    assert found["resnest269"].startswith("puzzlecam-cli ")
    assert "resnest269" in puzzlecam("backbones").stdout
