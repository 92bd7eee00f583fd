"""A run may end at any moment; the same command ends as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from puzzlecam_cli import files
from puzzlecam_cli.cli.app import app
from puzzlecam_cli.engine import checkpoint, loop
from puzzlecam_cli.engine.checkpoint import KEPT
from puzzlecam_cli.run.ledger import Ledger

Act = Callable[[], None]
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


def start(log: Path, recipe: Path, run: Path, *options: str, before: Act = lambda: None) -> int:
    """`puzzlecam run-all` in a process of its own, forked: PyTorch is loaded already. Returns its pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        before()
        app(["run-all", str(recipe), "--run", str(run), *options], standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def end_of(pid: int) -> int:
    """Its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def acting_at(count: int, act: Callable[[Path], None]) -> Act:
    """Make a process act at its `count`-th moment: when a file is begun, is half written, or took its place."""

    def install() -> None:
        left = count

        def moment(path: Path) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                act(path)

        flush, replace, fsync = files.flush_to_disk, Path.replace, checkpoint._write

        def replaced(path: Path, target: Path) -> Path:
            moment(path)
            if left == 1:  # the next moment comes with half a file
                with path.open("r+b") as file:
                    file.truncate(path.stat().st_size // 2)
                moment(path)
            done = replace(path, target)
            moment(target)
            return done

        def written(path: Path, state: dict[str, object]) -> None:
            moment(path)
            fsync(path, state)
            moment(path)

        files.flush_to_disk = flush
        Path.replace = replaced  # type: ignore[assignment,method-assign]
        checkpoint._write = written

    return install


def kill(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def assert_same(run: Path, other: Path) -> None:
    """All that a run leaves is equal, bit for bit, and nothing is half-written."""
    kinds = (".npz", ".png", ".safetensors")
    found, wanted = (
        {path.relative_to(root) for path in root.rglob("*") if path.suffix in kinds and path.parts[-2] != "data"}
        for root in (run, other)
    )
    assert found == wanted
    for name in sorted(found):
        if name.suffix == ".npz":
            with np.load(run / name) as ours, np.load(other / name) as theirs:
                assert all(np.array_equal(ours[key], theirs[key]) for key in theirs.files), name
        elif name.suffix == ".safetensors":
            weights, expected = load_file(run / name), load_file(other / name)
            assert all(torch.equal(weights[key], expected[key]) for key in expected), name
        else:
            assert (run / name).read_bytes() == (other / name).read_bytes(), name
    for name in ("eval/scores.json", *(f"{stage}/metrics.jsonl" for stage in ("train-cls", "affinity", "seg"))):
        assert (run / name).read_text() == (other / name).read_text(), name
    assert [path for path in run.rglob(".*") if path.name != ".gitignore"] == []
    for stage in ("train-cls", "affinity", "seg"):
        assert len(list((run / stage / "checkpoint").iterdir())) <= KEPT


def running_step(run: Path) -> str | None:
    records = json.loads((run / "run.json").read_text())["stages"] if (run / "run.json").exists() else {}
    steps = {name: step["state"] for entry in records.values() for name, step in entry["steps"].items()}
    return next((name for name, state in steps.items() if state == "running"), None)


def test_a_run_killed_forty_times_in_all_its_steps_ends_as_if_nothing_had_been(
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


def empty_artifacts(run: Path) -> Iterator[Path]:
    for folder, pattern in (("cams", "*.npz"), ("affinity/labels", "*.png"), ("rw/scores", "*.npz")):
        yield sorted((run / folder).glob(pattern))[1]


def test_an_empty_file_is_not_taken_for_a_whole_one(finished_run: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    ledger = Ledger(run / "run.json")
    for step, path in zip(("cams", "affinity/labels", "rw/scores"), empty_artifacts(run), strict=True):
        path.write_bytes(b"")
        record = ledger.get(step)
        assert record
        record.state = "interrupted"  # what an outage leaves
        ledger.put(step.partition("/")[0], step, record)
    assert end_of(start(tmp_path / "log", tiny_recipe, run)) == 0, (tmp_path / "log").read_text()
    for path in empty_artifacts(run):
        assert path.stat().st_size == (finished_run / path.relative_to(run)).stat().st_size


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("moment", [9, 40, 75])
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
