"""A run may end at any moment; the same command ends as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from puzzlecam_cli.engine import checkpoint, loop
from puzzlecam_cli.run.ledger import Ledger
from tests.forked import acting_at, assert_same, end_of, kill, start

EVERY_STEP = ("--set", "runtime.checkpoint_minutes=0")
STEPS = {
    "train-cls/model",
    "cams",
    "affinity/labels",
    "affinity/model",
    "rw/scores",
    "rw/pseudo_labels",
    "seg/model",
    "seg/predictions",
    "eval/scores",
}


def running_step(run: Path) -> str | None:
    records = json.loads((run / "run.json").read_text())["stages"] if (run / "run.json").exists() else {}
    steps = {name: step["state"] for entry in records.values() for name, step in entry["steps"].items()}
    return next((name for name, state in steps.items() if state == "running"), None)


def test_a_run_killed_in_all_its_steps_ends_as_if_nothing_had_been(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    run, log, draw = tmp_path / "run", tmp_path / "log", random.Random(0)
    hit: Counter[str | None] = Counter()
    while sum(hit.values()) < 200:
        pid = start(log, tiny_recipe, run, *EVERY_STEP, before=acting_at(draw.randint(1, 14), kill))
        code = end_of(pid)
        if code == 0:
            break
        assert code == -signal.SIGKILL, log.read_text()[-3000:]
        hit[running_step(run)] += 1
    assert sum(hit.values()) >= 30
    assert STEPS - {"eval/scores"} <= hit.keys(), hit
    assert_same(run, finished_run)


def test_a_run_killed_by_the_clock_ends_as_if_nothing_had_been(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    """In the middle of whatever it does: a pass, a photo, an import; each try is given a little longer."""
    run, log, draw = tmp_path / "run", tmp_path / "log", random.Random(1)
    codes = []
    while not codes or codes[-1] != 0:
        pid = start(log, tiny_recipe, run, *EVERY_STEP)
        time.sleep(draw.uniform(0.2, 0.4 + 0.05 * len(codes)))
        os.kill(pid, signal.SIGKILL)  # it is not reaped yet: the pid is still its own
        codes.append(end_of(pid))
        assert codes[-1] in (0, -signal.SIGKILL), log.read_text()[-3000:]
    assert -signal.SIGKILL in codes
    assert_same(run, finished_run)


def test_a_training_with_loader_processes_killed_at_any_step_ends_with_the_same_weights(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    run, log, killed = tmp_path / "run", tmp_path / "log", 0
    options = (*EVERY_STEP, "--until", "train-cls", "--set", "runtime.workers=2")
    while (code := end_of(start(log, tiny_recipe, run, *options, before=acting_at(11, kill)))) != 0:
        assert code == -signal.SIGKILL, log.read_text()[-3000:]
        killed += 1
    assert killed >= 3
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (run / "train-cls" / name).read_bytes() == (finished_run / "train-cls" / name).read_bytes()


@pytest.fixture
def killed_in_a_training(tiny_recipe: Path, tmp_path: Path) -> Path:
    """A run that was killed when it had checkpoints of two steps."""
    run = tmp_path / "run"

    def install() -> None:
        save = checkpoint.Checkpoints.save

        def save_and_die(self: checkpoint.Checkpoints, step: int) -> None:
            save(self, step)
            if step == 3:
                kill(run)

        checkpoint.Checkpoints.save = save_and_die  # type: ignore[method-assign]

    assert end_of(start(tmp_path / "log", tiny_recipe, run, *EVERY_STEP, before=install)) == -signal.SIGKILL
    assert [path.name[-1] for path in sorted((run / "train-cls/checkpoint").iterdir())] == ["2", "3"]
    return run


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    killed_in_a_training: Path, finished_run: Path, tiny_recipe: Path, tmp_path: Path, share: float, damaged: int
) -> None:
    run, log = killed_in_a_training, tmp_path / "again"
    for path in sorted((run / "train-cls/checkpoint").iterdir())[-damaged:]:
        state = path / "state.pt"
        state.write_bytes(state.read_bytes()[: int(share * state.stat().st_size)])
    assert end_of(start(log, tiny_recipe, run, "--until", "train-cls")) == 0, log.read_text()
    assert "step-000000003 is damaged" in log.read_text()
    assert ("continues after step 2 of 4" if damaged == 1 else "begins again") in log.read_text()
    ours, theirs = (load_file(root / "train-cls/model.safetensors") for root in (run, finished_run))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_checkpoint_without_the_random_numbers_of_a_process_does_not_count(
    killed_in_a_training: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    (killed_in_a_training / "train-cls/checkpoint/step-000000003/rank-0.pt").unlink()
    log = tmp_path / "again"
    assert end_of(start(log, tiny_recipe, killed_in_a_training, "--until", "train-cls")) == 0
    assert "continues after step 2 of 4" in log.read_text()


def some_artifacts(run: Path) -> Iterator[Path]:
    for folder, pattern in (("cams", "*.npz"), ("affinity/labels", "*.png"), ("rw/scores", "*.npz")):
        yield sorted((run / folder).glob(pattern))[1]


@pytest.mark.parametrize("missing", [1, 3, 50, 1_000_000])
def test_a_file_cut_short_is_not_taken_for_a_whole_one(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path, missing: int
) -> None:
    """It is made again by its own stage, whatever number of bytes is missing at its end."""
    run = shutil.copytree(finished_run, tmp_path / "run")
    ledger = Ledger(run / "run.json")
    for step, path in zip(("cams", "affinity/labels", "rw/scores"), some_artifacts(run), strict=True):
        path.write_bytes(path.read_bytes()[:-missing])
        record = ledger.get(step)
        assert record
        record.state = "interrupted"  # what an outage leaves
        ledger.put(step.partition("/")[0], step, record)
    assert end_of(start(tmp_path / "log", tiny_recipe, run)) == 0, (tmp_path / "log").read_text()
    for path in some_artifacts(run):
        assert path.read_bytes() == (finished_run / path.relative_to(run)).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("moment", [9, 40, 90])
def test_an_interrupt_saves_and_ends_with_130_and_the_run_continues_to_the_same_result(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path, number: signal.Signals, moment: int
) -> None:
    def ask(_: Path) -> None:
        os.kill(os.getpid(), number)
        if number == signal.SIGTERM:  # schedulers and launchers both send it
            os.kill(os.getpid(), number)

    run, log = tmp_path / "run", tmp_path / "log"
    began = time.monotonic()
    assert end_of(start(log, tiny_recipe, run, before=acting_at(moment, ask))) == 130, log.read_text()
    assert time.monotonic() - began < 60
    states = {r.state for r in (Ledger(run / "run.json").get(step) for step in STEPS) if r}
    assert "interrupted" in states
    assert states <= {"interrupted", "done"}
    assert end_of(start(log, tiny_recipe, run)) == 0, log.read_text()
    assert_same(run, finished_run)


def test_an_interrupted_training_has_a_checkpoint_of_its_last_step(tiny_recipe: Path, tmp_path: Path) -> None:
    """With one at the end of each epoch only, the first step would be lost."""

    def install() -> None:
        rate = loop.poly_rate

        def ask(step: int, *rest: object) -> float:
            if step == 2:  # in the middle of it
                os.kill(os.getpid(), signal.SIGTERM)
            return rate(step, *rest)  # type: ignore[arg-type]

        loop.poly_rate = ask  # type: ignore[assignment]

    run = tmp_path / "run"
    assert end_of(start(tmp_path / "log", tiny_recipe, run, before=install)) == 130
    assert [path.name for path in sorted((run / "train-cls/checkpoint").iterdir())] == [
        "step-000000002",
        "step-000000003",
    ]


def test_a_second_ctrl_c_stops_at_once_and_nothing_is_half_written(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    def insist(_: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)

    run, log = tmp_path / "run", tmp_path / "log"
    began = time.monotonic()
    assert end_of(start(log, tiny_recipe, run, before=acting_at(30, insist))) == 130, log.read_text()
    assert time.monotonic() - began < 25
    assert end_of(start(log, tiny_recipe, run)) == 0, log.read_text()
    assert_same(run, finished_run)
