"""`--run FOLDER`, and a run folder as RECIPE: where a run works, or why it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.ownership import check_folder
from puzzlecam_cli.session.stages import run_folder
from tests.conftest import Run
from tests.run.folders import content, put

REFUSED = {
    "nothing": ("", "--run names no folder"),
    "blanks": ("  ", "--run names no folder"),
    "a file": ("afile", "afile is no folder"),
    "below a file": ("afile/below", "afile is no folder"),
    "far below a file": ("afile/a/b/c", "afile is no folder"),
    "a device": ("/dev/null", "/dev/null is no folder"),
    "below a device": ("/dev/null/run", "/dev/null is no folder"),
    "a link to nowhere": ("dangling", "dangling is a link to nowhere"),
    "below a link to nowhere": ("dangling/run", "dangling is a link to nowhere"),
    "a link to itself": ("circle", "circle"),
    "in /proc": ("/proc/run", "nothing can be written"),
    "in a process": ("/proc/self/run", "nothing can be written"),
    "in /sys": ("/sys/run", "nothing can be written"),
    "300 characters": ("x" * 300, "name too long"),
    "300 characters, deeper": ("new/" + "x" * 300, "name too long"),
    "a path of 10,000 characters": ("x/" * 5000, "name too long"),
    "a line end in its name": ("a\nb", "unprintable"),
    "an escape code in its name": ("a\x1b[31mb", r"a\x1b[31mb"),
    "a NUL in its name": ("a\0b", "unprintable"),
    "bytes that are no text": ("a\udcffb", "unprintable"),
    "a line separator": ("a\u2028b", "unprintable"),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "afile")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "circle").symlink_to("circle")
    return tmp_path


@pytest.mark.parametrize("command", ["run-all", "train-cls", "run-all --plan", "ablate --seeds 0"])
@pytest.mark.parametrize(("folder", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_folder_that_cannot_be_is_refused(
    puzzlecam: Run, tiny_recipe: Path, here: Path, folder: str, said: str, command: str
) -> None:
    name, *options = command.split()
    before = content(here)
    result = puzzlecam(name, tiny_recipe, "--run", folder, *options)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("error: ") == 1
    assert said.lower() in result.stderr.lower()
    assert len(result.stderr) < 3000
    assert content(here) == before


ALLOWED = (
    "new",
    "new/deep/er",
    "../new",
    "./new/",
    "with blanks",
    "ünï",
    "日本",
    "a'b\"c",
    "-x",
    "runs",
    "$HOME",
    "100%",
    "a\u00a0b",
)


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_folder_that_can_be_made_is_taken(puzzlecam: Run, tiny_recipe: Path, here: Path, folder: str) -> None:
    result = puzzlecam("run-all", tiny_recipe, f"--run={folder}", "--plan")
    assert result.exit_code == 0, result.output
    assert not (here / folder).exists()


@pytest.mark.parametrize("mode", [0o500, 0o000], ids=["read-only", "closed"])
def test_a_folder_in_one_that_is_closed_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != here)  # root may write anywhere
    with pytest.raises(UserError, match="nothing can be written"):
        check_folder(here / "run")


def test_without_run_a_recipe_s_name_says_where(tiny_recipe: Path, here: Path) -> None:
    assert run_folder(tiny_recipe, None) == Path("runs/tiny")
    assert run_folder("quickstart", None) == Path("runs/quickstart")


def test_a_folder_that_is_called_as_a_shipped_recipe_is_left_alone(here: Path) -> None:
    (here / "quickstart").mkdir()
    assert run_folder("quickstart", None) == Path("runs/quickstart")


@pytest.mark.parametrize("name", [".yaml", "..yaml"])
def test_a_recipe_without_a_name_needs_run(here: Path, name: str) -> None:
    put(here, name, "recipe: 1")
    with pytest.raises(UserError, match="no run folder can be called after"):
        run_folder(name, None)


@pytest.mark.parametrize("name", ["nothing", "x" * 300, "a\0b", "afile/x", "circle", "."])
def test_a_recipe_that_is_not_there_is_refused_first(puzzlecam: Run, here: Path, name: str) -> None:
    result = puzzlecam("run-all", name)
    assert result.exit_code == 2
    assert "error: recipe-missing" in result.stderr


def given(run: Path, form: str) -> str:
    return {
        "whole": str(run),
        "with a slash": f"{run}/",
        "relative": os.path.relpath(run),
        "with dots": f"{run}/../tiny",
    }[form]


@pytest.mark.parametrize("form", ["whole", "with a slash", "relative", "with dots"])
def test_a_run_folder_as_recipe_is_that_run(puzzlecam: Run, finished_run: Path, here: Path, form: str) -> None:
    result = puzzlecam("status", given(finished_run, form))
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["done"] * 9
    plan = puzzlecam("run-all", given(finished_run, form), "--plan")
    assert {line.split()[0] for line in plan.stdout.splitlines()} == {"keep"}
    changed = puzzlecam("run-all", given(finished_run, form), "--plan", "--set", "seg.epochs=3")
    assert [line.split()[0] for line in changed.stdout.splitlines()] == ["keep"] * 6 + ["run"] * 3


def test_a_run_folder_as_recipe_of_another_run_begins_there(puzzlecam: Run, finished_run: Path, here: Path) -> None:
    result = puzzlecam("run-all", finished_run, "--run", here / "other", "--plan")
    assert {line.split()[0] for line in result.stdout.splitlines()} == {"run"}
    assert puzzlecam("status", finished_run).stdout.count("done") == 9


def test_data_looked_for_from_elsewhere_is_said(puzzlecam: Run, finished_run: Path, here: Path) -> None:
    changes = ("--set", "data={kind: voc, root: my/photos, train: train, val: val}")
    result = puzzlecam("run-all", finished_run, "--plan", *changes)
    assert result.exit_code == 2
    assert f"data.root: `my/photos` is looked for in the current folder, {here}" in result.stderr


def test_a_forgotten_change_is_said_with_what_goes_on(puzzlecam: Run, finished_run: Path, here: Path) -> None:
    """Photos of the run are elsewhere; without its `--set`, those of the recipe are not there."""
    recipe = put(here, "mine.yaml", "extends: small_photos\nseed: 0\n")
    result = puzzlecam("eval", recipe, "--run", finished_run)
    assert result.exit_code == 2
    assert "the recipe differs from the one this run was made with" in result.stderr
    assert f"`puzzlecam run-all {finished_run}` goes on with the run's own recipe" in result.stderr


def test_a_recipe_with_faults_points_to_the_run_s_own(puzzlecam: Run, finished_run: Path, here: Path) -> None:
    recipe = put(here, "mine.yaml", "recipe: 1\ndata: {kind: voc}\nbackbone: resnet50\n")
    result = puzzlecam("run-all", recipe, "--run", finished_run)
    assert result.exit_code == 2
    assert "data.root" in result.stderr
    assert f"`puzzlecam run-all {finished_run}`" in result.stderr
