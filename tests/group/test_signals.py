"""Ctrl-C on a terminal, and what schedulers send, reaches every process of a run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.run.folder import UNFINISHED
from puzzlecam_cli.run.ledger import Ledger

pytestmark = pytest.mark.usefixtures("_preloaded")
TWO_WORKERS = ("-s", "runtime.workers=2")


def run_in_session(log: Path, *arguments: object) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        command = [sys.executable, "-m", "puzzlecam_cli", *map(str, arguments)]
        return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)


def wait_for(happened: Callable[[], bool], log: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 100
    while not happened():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.02)


def stop_all(log: Path, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the whole session; it ends in order, without a word from the workers."""
    os.killpg(process.pid, number)
    try:
        assert process.wait(timeout=60) == 130, log.read_text()
    finally:
        process.kill()
    text = log.read_text()
    assert "Traceback" not in text
    assert text.endswith("interrupted; the same command continues\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_training_with_loader_processes_ends_in_order(
    tiny_recipe: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    process = run_in_session(log, "train-cls", tiny_recipe, "--run", run, *TWO_WORKERS, "-s", "train_cls.epochs=100000")
    metrics = run / "train-cls" / "metrics.jsonl"
    wait_for(lambda: metrics.exists() and metrics.stat().st_size > 0, log, process)
    stop_all(log, process, number)
    assert Ledger(run / "run.json").get("train-cls/model").state == "interrupted"  # type: ignore[union-attr]
    assert len(list((run / "train-cls" / "checkpoint").iterdir())) in (1, 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_pool_whose_workers_are_just_starting_ends_in_order(
    tiny_recipe: Path, finished_run: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run, log = shutil.copytree(finished_run, tmp_path / "run"), tmp_path / "log"
    options = (*TWO_WORKERS, "-s", "affinity.labels.crf.iterations=100")
    process = run_in_session(log, "affinity", tiny_recipe, "--run", run, *options)
    wait_for(lambda: "affinity: started" in log.read_text(), log, process)
    time.sleep(0.5)  # workers take seconds to import PyTorch
    stop_all(log, process, number)
    ledger = Ledger(run / "run.json")
    assert ledger.get_coming("affinity/labels").state == "interrupted"  # type: ignore[union-attr]
    assert ledger.get("affinity/labels").state == "done"  # type: ignore[union-attr]
    assert not list((run / "affinity").rglob(".*"))
    assert not list((run / UNFINISHED).rglob(".*"))


def test_two_processes_killed_in_the_middle_end_with_the_weights_of_two_that_were_not(
    tiny_recipe: Path, finished_run: Path, tmp_path: Path
) -> None:
    """Each draws dropout from random numbers of its own, and continues its own."""
    log = tmp_path / "log"

    def start(run: Path) -> subprocess.Popen[bytes]:
        options = ("-s", "seg.epochs=8", "-s", "runtime.checkpoint_minutes=0", "--num-processes", 2)
        return run_in_session(log, "seg", tiny_recipe, "--run", run, *options)

    undisturbed, killed = (shutil.copytree(finished_run, tmp_path / name) for name in ("undisturbed", "killed"))
    assert start(undisturbed).wait(timeout=200) == 0, log.read_text()
    process, third = start(killed), killed / UNFINISHED / "seg" / "checkpoint" / "step-000000003"
    wait_for(third.exists, log, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL, log.read_text()
    assert not (killed / UNFINISHED / "seg" / "model.safetensors").exists()
    assert (killed / "seg" / "model.safetensors").read_bytes() == (finished_run / "seg/model.safetensors").read_bytes()
    assert start(killed).wait(timeout=200) == 0, log.read_text()
    assert "continues after step" in log.read_text()
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (killed / "seg" / name).read_bytes() == (undisturbed / "seg" / name).read_bytes()
