"""What was finished lives until its successor is whole: nothing that goes wrong, and no mistake, costs it."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.run import ownership
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.run.folder import REPLACED, UNFINISHED
from puzzlecam_cli.stages import cams, train_cls
from tests.conftest import Run
from tests.run.folders import content, put, states

LOGS = ("events.jsonl", "run.json")
Change = Callable[[Path], object]


def results(run: Path) -> dict[str, bytes | str]:
    """All but what tells of tries."""
    kept = (*LOGS, UNFINISHED, "data", "made")
    return {name: value for name, value in content(run).items() if not name.startswith(kept)}


def forget(run: Path, stage: str) -> None:
    """As if a stage had never been made."""
    ledger = json.loads((run / "run.json").read_text())
    del ledger["stages"][stage]
    (run / "run.json").write_text(json.dumps(ledger))
    shutil.rmtree(run / stage)
    (run / "made" / f"{stage}.txt").unlink(missing_ok=True)


def damage_the_model(run: Path) -> None:
    (run / "train-cls/model.safetensors").write_bytes(b"no model")


def lose_a_map(run: Path) -> None:
    next((run / "cams").glob("*.npz")).unlink()


def damage_a_label(run: Path) -> None:
    next((run / "rw/pseudo_labels").glob("*.png")).write_bytes(b"\x89PNG no picture")


FAILING: dict[str, tuple[Change, tuple[str, ...]]] = {
    "maps by a model that is damaged": (damage_the_model, ("cams", "--force")),
    "scores without one of the maps": (lose_a_map, ("eval",)),
    "scores with a damaged label": (damage_a_label, ("eval",)),
}


@pytest.mark.parametrize(("change", "command"), FAILING.values(), ids=FAILING.keys())
def test_a_stage_that_fails_leaves_its_old_results(
    puzzlecam: Run, tiny_recipe: Path, run: Path, change: Change, command: tuple[str, ...]
) -> None:
    change(run)
    before = results(run)
    name, *options = command
    result = puzzlecam(name, tiny_recipe, "--run", run, *options)
    assert result.exit_code == 2, result.output
    assert results(run) == before


ERRORS: dict[str, tuple[Callable[[], BaseException], int]] = {
    "Ctrl-C": (KeyboardInterrupt, 130),
    "a full disk": (lambda: OSError(errno.ENOSPC, "No space left on device", "x"), 2),
    "a fault of ours": (lambda: RuntimeError("oh"), 1),
}


@pytest.mark.parametrize(("error", "code"), ERRORS.values(), ids=ERRORS.keys())
def test_a_mistaken_seed_costs_nothing(
    puzzlecam: Run,
    tiny_recipe: Path,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Callable[[], BaseException],
    code: int,
) -> None:
    def fail(context: Context) -> None:
        put(context.folder.training("train-cls"), "model.safetensors", "half")
        raise error()

    before = results(run)
    with monkeypatch.context() as patch:
        patch.setattr(train_cls, "train_classifier", fail)
        assert puzzlecam("run-all", tiny_recipe, "--run", run, "--set", "seed=1").exit_code == code
    assert results(run) == before
    status = puzzlecam("status", tiny_recipe, "--run", run)
    assert states(status) == ["done"] * 9
    assert f"is left in {run / UNFINISHED}" in status.stdout.splitlines()[0]
    assert states(puzzlecam("run-all", run, "--plan")) == ["keep"] * 9  # its own recipe is the one it was made with


def test_a_try_that_is_given_up_goes_when_another_begins(
    puzzlecam: Run, tiny_recipe: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(context: Context) -> None:
        trace = context.folder.metrics("train-cls")
        assert not trace.exists()
        put(trace.parent, trace.name, str(context.recipe.seed))
        raise KeyboardInterrupt

    monkeypatch.setattr(train_cls, "train_classifier", fail)
    for seed in (1, 2, 3):
        assert puzzlecam("train-cls", tiny_recipe, "--run", run, "--set", f"seed={seed}").exit_code == 130
    assert content(run / UNFINISHED) == {"train-cls/metrics.jsonl": b"3"}
    assert states(puzzlecam("run-all", tiny_recipe, "--run", run, "--set", "seed=3", "--plan"))[0] == "resume"


@pytest.mark.parametrize("moment", range(4))
def test_a_kill_between_two_renames_ends_as_if_nothing_had_been(
    puzzlecam: Run, tiny_recipe: Path, run: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    own = put(run, "cams/notes.txt")
    before, left, move = results(run), moment, ownership._move

    def killed(path: Path, target: Path) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        move(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(ownership, "_move", killed)
        puzzlecam("cams", tiny_recipe, "--run", run, "--force")
    assert "whole" in (run / "run.json").read_text()
    assert states(puzzlecam("cams", tiny_recipe, "--run", run)) == []
    assert results(run) == before
    assert own.read_text() == "mine"
    assert not (run / UNFINISHED).exists()
    assert not (run / REPLACED).exists()


STRAYS = (
    "cams/notes.txt",
    "cams/mine.npz",
    "cams/deep/mine.npz",
    "cams/.synthetic.txt.1",
    "train-cls/notes.txt",
    "train-cls/checkpoint/mine.pt",
    "train-cls/checkpoint/step-mine/state.pt",
    "made/notes.txt",
    "notes.txt",
)


def test_own_files_among_ours_stay_when_ours_are_made_anew(puzzlecam: Run, tiny_recipe: Path, run: Path) -> None:
    for name in STRAYS:
        put(run, name)
    model = (run / "train-cls/model.safetensors").read_bytes()
    result = puzzlecam("run-all", tiny_recipe, "--run", run, "--set", "seed=1", "--until", "cams")
    assert result.exit_code == 0, result.output
    assert {name: (run / name).read_text() for name in STRAYS} == dict.fromkeys(STRAYS, "mine")
    assert (run / "train-cls/model.safetensors").read_bytes() != model
    assert states(puzzlecam("run-all", run, "--until", "cams", "--plan")) == ["keep"] * 2


def test_another_s_file_where_one_of_ours_has_to_go_is_named(puzzlecam: Run, tiny_recipe: Path, run: Path) -> None:
    own = put(run, "cams/synthetic_train_0007.npz")
    result = puzzlecam("run-all", tiny_recipe, "--run", run, "--set", "data.pictures=7", "--until", "cams")
    assert result.exit_code == 2
    assert str(own) in result.stderr
    assert own.read_text() == "mine"


def test_predictions_go_where_none_are_wanted_any_more(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    photos = f"data={{kind: voc, root: '{finished_run / 'data'}', train: train, val: val}}"
    forget(run, "eval")
    options = ("--run", run, "--set", photos, "--set", "data.val=null")
    assert puzzlecam("run-all", tiny_recipe, *options).exit_code == 0
    assert content(run / "seg/predictions") == {}
    assert states(puzzlecam("status", tiny_recipe, *options)) == ["done"] * 9


def test_a_recipe_that_somebody_changed_is_kept(puzzlecam: Run, run: Path) -> None:
    text = "# mine\n" + (run / "recipe.yaml").read_text().replace("iterations: 1", "iterations: 2")
    (run / "recipe.yaml").write_text(text)
    result = puzzlecam("run-all", run)
    assert result.exit_code == 0, result.output
    assert (run / "recipe.own-1.yaml").read_text() == text
    assert "recipe.own-1.yaml" in result.stderr
    assert states(puzzlecam("status", run)) == ["done"] * 9


@pytest.mark.parametrize("name", ["events.jsonl", "train-cls/metrics.jsonl", "run.json", "recipe.yaml"])
def test_what_a_hard_link_shares_is_not_written_to(puzzlecam: Run, run: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "copy"
    other.hardlink_to(run / name)
    before = other.read_bytes()
    assert puzzlecam("train-cls", run, "--set", "seed=1").exit_code == 0
    assert other.read_bytes() == before
    assert (run / name).read_bytes() != before


def test_no_number_that_json_lacks_is_written(run: Path) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(text)

    for path in (*run.rglob("*.json"), *run.rglob("*.jsonl")):
        for line in [path.read_text()] if path.suffix == ".json" else path.read_text().splitlines():
            json.loads(line, parse_constant=refuse)


def test_an_interrupted_stage_is_not_taken_for_another_s(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path
) -> None:
    """A map that somebody put there while a stage was interrupted is not deleted with ours."""

    def some(context: Context) -> None:
        put(context.folder.cams, "synthetic_train_0001.npz", "ours")
        raise KeyboardInterrupt

    forget(run, "cams")
    with monkeypatch.context() as patch:
        patch.setattr(cams, "make_cams", some)
        assert puzzlecam("cams", tiny_recipe, "--run", run).exit_code == 130
    own = put(run, "cams/mine.npz")
    assert puzzlecam("cams", tiny_recipe, "--run", run, "--set", "cams.scales=[1.0]").exit_code == 0
    assert own.read_text() == "mine"
