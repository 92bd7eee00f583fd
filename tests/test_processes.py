"""Two processes on one machine make what one makes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import Result

from tests.forked import assert_same

Run = Callable[..., Result]
# dropout draws other numbers in each process: it is left out where one process is compared with two
WITHOUT_DROPOUT = """
import torch
torch.nn.Dropout.forward = lambda self, x: x
torch.set_num_threads(1)
from puzzlecam_cli.cli.app import main
main()
"""


def by_two_processes(*arguments: object) -> None:
    """As a launcher starts them, without dropout."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    group |= {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", WITHOUT_DROPOUT, *map(str, arguments)],
            env=os.environ | group | {"RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    errors = [rank.communicate(timeout=120)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], errors


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


@pytest.mark.parametrize(
    ("stage", "options"),
    [
        ("train-cls", ["train_cls.batchnorm=frozen"]),
        ("train-cls", ["train_cls.batchnorm=frozen", "train_cls.puzzle.reduction=per_tag"]),
        ("affinity", ["affinity.clip_norm=9"]),
        ("seg", ["seg.batchnorm=frozen"]),
    ],
    ids=["train-cls", "train-cls per tag", "affinity", "seg"],
)
def test_a_training_by_two_processes_equals_that_by_one_within_rounding(
    finished_run: Path,
    tiny_recipe: Path,
    puzzlecam: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    options: list[str],
) -> None:
    """Batches of 3: one process has two photos of each, the other one."""

    def arguments(name: str) -> list[object]:
        run = shutil.copytree(finished_run, tmp_path / name)
        settings = [part for option in options for part in ("-s", option)]
        return ["run-all", tiny_recipe, "--run", run, "--from", stage, "--until", stage, *settings]

    by_two_processes(*arguments("two"))
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    result = puzzlecam(*arguments("one"))
    assert result.exit_code == 0, result.output
    one, two = (load_file(tmp_path / name / stage / "model.safetensors") for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=2e-6, msg=name)
    logged = [(tmp_path / name / stage / "metrics.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert [len(lines) for lines in logged] == [4, 4]
    for ours, theirs in zip(*([json.loads(line) for line in lines] for lines in logged), strict=True):
        for name in ("loss", *(["loss_cls", "loss_p_cls", "loss_re"] if stage == "train-cls" else [])):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-6)


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


def test_synchronised_batch_normalisation_without_gpus_is_refused(tiny_recipe: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "puzzlecam_cli", "train-cls", tiny_recipe, "--run", tmp_path]
    options = ["--num-processes", "2", "-s", "runtime.sync_batchnorm=true"]
    result = subprocess.run(list(map(str, [*command, *options])), capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("error: sync-batchnorm") == 1


def test_a_group_that_fails_ends_with_the_exit_code_of_its_member(tiny_recipe: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "puzzlecam_cli", "seg", str(tiny_recipe), "--run", str(tmp_path)]
    result = subprocess.run([*command, "--num-processes", "2"], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert "stage-missing" in result.stderr
