"""Several processes started by one command: who shows, who ends whom, and with what message."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from puzzlecam_cli.events import (
    Metric,
    Note,
    Progress,
    RunStarted,
    StageEnded,
    StageKept,
    StageStarted,
    as_record,
    from_record,
)
from puzzlecam_cli.recipe.load import load_recipe

pytestmark = pytest.mark.usefixtures("_preloaded")
LONG = ["-s", "train_cls.epochs=500"]
PARENT = """
import sys
from puzzlecam_cli.cli.app import main
try:
    main()
finally:
    print("a GPU is touched:", "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized())
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command in two processes: `start("train-cls", recipe)`; its run folder is `tmp_path / "run"`."""
    started: list[subprocess.Popen[str]] = []

    def begin(stage: str, recipe: Path, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PARENT, stage, str(recipe), "--run", str(tmp_path / "run")]
        process = subprocess.Popen(
            [*command, "--num-processes", "2", *options],
            env=os.environ | {"TMPDIR": str(tmp_path)},  # a killed parent leaves its resolved recipe there
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def ranks_of(parent: subprocess.Popen[str]) -> list[int]:
    """Process ids of the ranks, rank 0 first."""
    wait_for(lambda: len(children(parent.pid)) == 2, parent)
    return children(parent.pid)


def children(pid: int) -> list[int]:
    return [int(fields[0]) for fields in processes() if int(fields[2]) == pid]


def left_of(ranks: list[int]) -> list[list[str]]:
    """What still runs of the ranks and of the workers they started."""
    return [fields for fields in processes() if int(fields[3]) in ranks and fields[1] != "Z"]


def processes() -> list[list[str]]:
    """Of every process: its id, state, parent and group; proc(5)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        found.append([path.parent.name, *text.rpartition(")")[2].split()[:3]])
    return sorted(found, key=lambda fields: int(fields[0]))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def happened(run: Path, kind: str) -> list[dict[str, object]]:
    """The events of a kind so far."""
    path = run / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def test_a_killed_rank_ends_the_group_and_is_named(
    start: Callable[..., subprocess.Popen[str]], tiny_recipe: Path, tmp_path: Path
) -> None:
    parent = start("train-cls", tiny_recipe, *LONG)
    ranks = ranks_of(parent)
    wait_for(lambda: happened(tmp_path / "run", "Metric") != [], parent)
    os.kill(ranks[1], signal.SIGKILL)
    _, errors = parent.communicate(timeout=20)
    assert parent.returncode == 1
    assert "rank 1 of 2 was ended by SIGKILL" in errors
    assert errors.count("error: ") == 1
    assert "Traceback" not in errors
    assert left_of(ranks) == []
    assert not (tmp_path / "run" / "run.lock").exists()


def test_ctrl_c_at_the_parent_ends_with_130_and_the_next_group_continues_and_ends_with_its_parent(
    start: Callable[..., subprocess.Popen[str]], tiny_recipe: Path, tmp_path: Path
) -> None:
    parent = start("train-cls", tiny_recipe, *LONG)
    ranks = ranks_of(parent)
    wait_for(lambda: happened(tmp_path / "run", "Metric") != [], parent)
    parent.send_signal(signal.SIGINT)
    _, errors = parent.communicate(timeout=20)
    assert parent.returncode == 130, errors
    assert errors.count("the same command continues") == 1
    assert "Traceback" not in errors
    assert left_of(ranks) == []

    again = start("train-cls", tiny_recipe, *LONG)
    ranks = ranks_of(again)
    wait_for(lambda: len(happened(tmp_path / "run", "StageStarted")) == 2, again)
    assert happened(tmp_path / "run", "StageStarted")[1]["because"] in ("was interrupted", "had failed")
    again.kill()
    wait_for(lambda: left_of(ranks) == [], seconds=5)


def test_a_recipe_changed_after_the_start_does_not_reach_the_ranks(
    start: Callable[..., subprocess.Popen[str]], tiny_recipe: Path, tmp_path: Path
) -> None:
    base, recipe = tmp_path / "base.yaml", tmp_path / "recipe.yaml"
    base.write_text(tiny_recipe.read_text())
    recipe.write_text("extends: base.yaml\nseed: 5\n")
    expected = load_recipe(str(recipe), LONG[1::2]).model_dump(mode="json")
    parent = start("train-cls", recipe, *LONG)
    ranks_of(parent)
    for path in (base, recipe):
        path.write_text("no recipe any more")
    wait_for(lambda: happened(tmp_path / "run", "Metric") != [], parent)
    parent.terminate()
    _, errors = parent.communicate(timeout=20)
    assert parent.returncode == 130, errors
    assert yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text()) == expected


def test_what_the_user_can_mend_is_said_once_by_a_parent_that_touches_no_gpu(
    start: Callable[..., subprocess.Popen[str]], tiny_recipe: Path
) -> None:
    parent = start("train-cls", tiny_recipe, "-s", "train_cls.batch=1")
    output, errors = parent.communicate(timeout=60)
    assert parent.returncode == 2
    assert errors.count("error: ") == errors.count("error: batch-too-small") == 1
    assert "train_cls.batch 1" in errors
    *_, hint, more = errors.splitlines()
    assert "raise" in hint
    assert more == "      `puzzlecam explain batch-too-small` tells more"
    assert "Traceback" not in errors
    assert output == "a GPU is touched: False\n"


def test_torchrun_makes_the_group_and_rank_0_shows_it(tiny_recipe: Path, tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    command = ["puzzlecam_cli", "train-cls", str(tiny_recipe), "--run", str(tmp_path)]
    result = subprocess.run(
        [*launcher, *command],
        env=os.environ | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("train-cls: started") == result.stderr.count("train-cls: done") == 1
    assert len(happened(tmp_path, "StageEnded")) == 1
    assert (tmp_path / "train-cls" / "model.safetensors").exists()
    assert not (tmp_path / "run.lock").exists()


@pytest.mark.parametrize(
    "event",
    [
        RunStarted("tiny", "runs/tiny", ("train-cls", "cams")),
        StageStarted("cams", "not made yet"),
        StageKept("cams", "recipe and inputs unchanged"),
        Progress("cams", "maps", 2, 5),
        Metric("seg", 3, {"loss": 0.1, "lr": 1e-5}),
        Note("seg", "zwölf × 3"),
        StageEnded("seg", "done", 1.5),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_survives_its_way_to_the_parent(event: Note) -> None:
    assert from_record(json.loads(json.dumps(as_record(event)))) == event
