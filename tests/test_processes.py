"""Two processes on one machine make what one makes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import Result

from puzzlecam_cli.group.cores import cores
from tests.forked import assert_same
from tests.launched import two_processes
from tests.preloaded import fork_exec

Run = Callable[..., Result]
# dropout draws other numbers in each process: it is left out where one process is compared with two
WITHOUT_DROPOUT = """
import json, sys, torch
torch.nn.Dropout.forward = lambda self, x: x
from puzzlecam_cli.cli.app import app
for arguments in json.loads(sys.argv[1]):
    if app(arguments, standalone_mode=False):
        sys.exit(f"failed: {arguments}")
"""
FROZEN = "train_cls.batchnorm=frozen"
# name: stage, options of both, options of two processes
TRAININGS: dict[str, tuple[str, list[str], list[str]]] = {
    "train-cls": ("train-cls", [FROZEN], []),
    "train-cls per tag": ("train-cls", [FROZEN, "train_cls.puzzle.reduction=per_tag"], []),
    "train-cls in parts": ("train-cls", [FROZEN, "train_cls.batch=5"], ["train_cls.accumulate=2"]),
    "train-cls synchronised": ("train-cls", ["train_cls.batchnorm=train"], ["runtime.sync_batchnorm=true"]),
    "train-cls of plain layers synchronised": (
        "train-cls",
        ["train_cls.batchnorm=train", "train_cls.lr=1e-3", "backbone={name: timm:resnet10t, pretrained: false}"],
        ["runtime.sync_batchnorm=true"],
    ),
    "affinity": ("affinity", ["affinity.clip_norm=9"], []),
    "affinity in parts": ("affinity", ["affinity.batch=5"], ["affinity.accumulate=2"]),
    "seg": ("seg", ["seg.batchnorm=frozen"], []),
    "seg in parts": ("seg", ["seg.batch=5"], ["seg.accumulate=2"]),
    "not synchronised": ("train-cls", ["train_cls.batchnorm=train"], []),
}


def training(name: str, recipe: Path, finished: Path, run: Path, *, two: bool) -> list[str]:
    """The command that trains one of `TRAININGS` in a copy of a finished run."""
    stage, both, of_two = TRAININGS[name]
    shutil.copytree(finished, run)
    options = [part for option in (*both, *(of_two if two else ())) for part in ("-s", option)]
    return ["run-all", str(recipe), "--run", str(run), "--from", stage, "--until", stage, *options]


@pytest.fixture(scope="module")
def by_two_processes(
    tiny_recipe: Path, finished_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The folders of all `TRAININGS` by two processes, started once, as a launcher starts them."""
    runs = {name: tmp_path_factory.mktemp("two") / "run" for name in TRAININGS}
    commands = [training(name, tiny_recipe, finished_run, run, two=True) for name, run in runs.items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "_fork_exec", fork_exec)
        two_processes(WITHOUT_DROPOUT, commands, 240)
    return runs


@pytest.mark.usefixtures("_preloaded")
def test_two_processes_make_the_same_files_and_scores_from_the_same_models(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    lost = 0
    for folder in ("cams", "affinity/labels", "rw/scores", "rw/pseudo_labels", "seg/predictions/val"):
        for path in sorted((run / folder).iterdir())[1:]:
            path.unlink()
            lost += 1
    shutil.rmtree(run / "eval")
    command = [sys.executable, "-m", "puzzlecam_cli", "run-all", tiny_recipe, "--run", run, "--num-processes", "2"]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert lost == 22
    assert_same(run, finished_run)


@pytest.mark.usefixtures("_preloaded")
def test_two_processes_score_labels_cut_anew_in_the_same_command_as_one_does(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    """Only the first process knows at which threshold they were cut; all sweep over it."""
    one, two = (shutil.copytree(finished_run, tmp_path / number) for number in "12")
    options = ("--set", "rw.background=0.37", "--stages", "rw,eval")
    result = puzzlecam("run-all", tiny_recipe, "--run", one, *options)
    assert result.exit_code == 0, result.output
    command = [sys.executable, "-m", "puzzlecam_cli", "run-all", tiny_recipe, "--run", two, *options]
    by_two = subprocess.run([*map(str, command), "--num-processes", "2"], capture_output=True, text=True, check=False)
    assert by_two.returncode == 0, by_two.stderr
    scores = (two / "eval/scores.json").read_text()
    assert scores == (one / "eval/scores.json").read_text()
    assert "0.37" in scores


@pytest.mark.skipif(cores() < 2, reason="one core has one thread, whoever asks")
def test_maps_by_two_processes_are_those_by_one_as_a_user_starts_them(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    """Nobody says how many threads there are: with half as many in each of two processes the maps differ."""
    as_found = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    runs = [shutil.copytree(finished_run, tmp_path / number) for number in "12"]
    for run in runs:
        command = [sys.executable, "-m", "puzzlecam_cli", "cams", tiny_recipe, "--run", run, "--force"]
        command += ["--num-processes", run.name]
        result = subprocess.run(list(map(str, command)), env=as_found, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
    for path in sorted((runs[0] / "cams").iterdir()):
        assert path.read_bytes() == (runs[1] / "cams" / path.name).read_bytes(), path.name


def by_one_and_two(
    name: str,
    by_two_processes: dict[str, Path],
    finished_run: Path,
    recipe: Path,
    puzzlecam: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[Path]:
    """The stage's folder, of one process and of two."""
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    one = by_one(name, finished_run, recipe, puzzlecam, tmp_path / "one")
    return [one, by_two_processes[name] / TRAININGS[name][0]]


def by_one(name: str, finished_run: Path, recipe: Path, puzzlecam: Run, run: Path) -> Path:
    result = puzzlecam(*training(name, recipe, finished_run, run, two=False))
    assert result.exit_code == 0, result.output
    return run / TRAININGS[name][0]


@pytest.mark.parametrize("name", [name for name in TRAININGS if name != "not synchronised"])
def test_a_training_by_two_processes_equals_that_by_one_within_rounding(
    name: str,
    by_two_processes: dict[str, Path],
    finished_run: Path,
    tiny_recipe: Path,
    puzzlecam: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of batches of 3 or 5 photos, one process has one more than the other; in parts, it has them in 2 and 1."""
    folders = by_one_and_two(name, by_two_processes, finished_run, tiny_recipe, puzzlecam, tmp_path, monkeypatch)
    if "synchronised" in name:  # statistics of a few photos amplify rounding: by how much, other kernels tell
        monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
        folders.append(by_one(name, finished_run, tiny_recipe, puzzlecam, tmp_path / "rounded otherwise"))
    one, two, *others = (load_file(folder / "model.safetensors") for folder in folders)
    for key in one:
        rounding = max([float((other[key] - one[key]).abs().max()) for other in others], default=0.0)
        torch.testing.assert_close(two[key], one[key], rtol=1e-4, atol=max(2e-6, 10 * rounding), msg=key)
    logs = [(folder / "metrics.jsonl").read_text().splitlines() for folder in folders]
    assert len(logs[0]) == len(logs[1]) >= 2
    for lines in zip(*logs, strict=True):
        ours, theirs, *rounded = map(json.loads, lines)
        for what in ours:
            rounding = max((abs(other[what] - ours[what]) for other in rounded), default=0.0)
            assert theirs[what] == pytest.approx(ours[what], rel=1e-4, abs=max(1e-6, 10 * rounding)), what


def test_batch_normalisation_of_each_process_alone_trains_something_else(
    by_two_processes: dict[str, Path],
    finished_run: Path,
    tiny_recipe: Path,
    puzzlecam: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the synchronised one would be held to nothing."""
    name = "not synchronised"
    folders = by_one_and_two(name, by_two_processes, finished_run, tiny_recipe, puzzlecam, tmp_path, monkeypatch)
    one, two = (load_file(folder / "model.safetensors") for folder in folders)
    assert max(float((two[key] - one[key]).abs().max()) for key in one if one[key].is_floating_point()) > 1e-3


@pytest.mark.usefixtures("_preloaded")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_training_by_two_processes_that_was_stopped_ends_as_if_it_had_not_been(
    tiny_recipe: Path, tmp_path: Path, number: signal.Signals
) -> None:
    options = ["-s", "train_cls.epochs=6", "-s", "runtime.checkpoint_minutes=0", "--num-processes", "2"]

    def start(run: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "puzzlecam_cli", "train-cls", tiny_recipe, "--run", tmp_path / run, *options]
        return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)

    stopped, undisturbed = start("stopped"), start("undisturbed")
    checkpoints = tmp_path / "stopped/train-cls/checkpoint"
    while not list(checkpoints.glob("step-*")):
        assert stopped.poll() is None, stopped.communicate()
        time.sleep(0.01)
    stopped.send_signal(number)
    errors = stopped.communicate(timeout=30)[1]
    assert stopped.returncode == (130 if number == signal.SIGTERM else -signal.SIGKILL), errors
    assert not (tmp_path / "stopped/train-cls/model.safetensors").exists()
    time.sleep(1)  # the ranks of a killed parent end by themselves
    again = start("stopped")
    errors = again.communicate(timeout=120)[1]
    assert again.returncode == 0, errors
    assert "continues after step" in errors
    errors = undisturbed.communicate(timeout=120)[1]
    assert undisturbed.returncode == 0, errors
    for name in ("model.safetensors", "metrics.jsonl"):
        one, other = ((tmp_path / run / "train-cls" / name).read_bytes() for run in ("stopped", "undisturbed"))
        assert one == other, name


@pytest.mark.usefixtures("_preloaded")
def test_a_group_that_fails_ends_with_the_exit_code_of_its_member(tiny_recipe: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "puzzlecam_cli", "seg", str(tiny_recipe), "--run", str(tmp_path)]
    command += ["--num-processes", "2"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 2
    assert "stage-missing" in result.stderr


def failed_group(*arguments: object) -> str:
    """What a command by two processes prints to stderr, which the user is to mend."""
    command = [sys.executable, "-m", "puzzlecam_cli", *arguments, "--num-processes", "2"]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("error: ") == 1
    return result.stderr


@pytest.mark.usefixtures("_preloaded")
@pytest.mark.parametrize("number", [0, 1])
def test_a_file_that_only_one_process_reads_ends_both(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path, number: int
) -> None:
    """Else the other one would wait for its counts."""
    run = shutil.copytree(finished_run, tmp_path / "run")
    damaged = sorted((run / "cams").iterdir())[number]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert damaged.name in failed_group("eval", tiny_recipe, "--run", run)


@pytest.mark.usefixtures("_preloaded")
def test_two_processes_name_the_same_step_whose_loss_is_not_finite(tiny_recipe: Path, tmp_path: Path) -> None:
    errors = failed_group("train-cls", tiny_recipe, "--run", tmp_path, "-s", "train_cls.lr=1e6")
    assert "no longer finite at step" in errors
    named = errors.partition("images of this step: ")[2].splitlines()[0].split()
    assert len(named) == 3
    assert "nan" not in (tmp_path / "train-cls/metrics.jsonl").read_text().lower()
