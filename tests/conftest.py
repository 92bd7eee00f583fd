"""Tiny data, tiny recipes, and one finished run that tests may look at but not change."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of processes that tests start: several tests run at once

import pytest
import torch
import yaml
from typer.main import get_command
from typer.testing import CliRunner, Result

from puzzlecam_cli.cli.app import app
from puzzlecam_cli.engine import pool
from tests import preloaded

TINY = {
    "recipe": 1,
    "data": {"kind": "synthetic", "pictures": 6, "val_pictures": 3, "size": 64, "classes": 3},
    "backbone": {"name": "timm:test_efficientnet", "pretrained": False},  # all that others have, in 82 modules
    "train_cls": {"epochs": 2, "batch": 3, "lr": 0.1, "resize": [56, 72], "crop": 64},
    "cams": {"scales": [0.5, 1.0]},
    "affinity": {
        "epochs": 2,
        "batch": 3,
        "lr": 0.01,
        "resize": [56, 72],
        "crop": 64,
        "radius": 4,
        "labels": {"crf": {"iterations": 2}},
    },
    "rw": {"log2_steps": 3, "background": 0.33},
    "seg": {
        "epochs": 2,
        "batch": 3,
        "resize": [56, 72],
        "crop": 64,
        "width": 16,
        "predict": {"scales": [1.0], "crf": {"iterations": 1}},
    },
    "runtime": {"workers": 0, "log_seconds": 0, "cpu": True},
}

Run = Callable[..., Result]


MOST_AT_ONCE = 4  # tests; each of their processes takes some 700 MB
GPUS = "PUZZLECAM_TEST_GPUS"  # those of this machine, as CUDA_VISIBLE_DEVICES would name them


def wants_gpu(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "gpu")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """No GPU is seen but by `-m gpu`, here or in processes that tests start: what is equal bit for bit is the CPU's."""
    if wants_gpu(config):
        return
    if GPUS not in os.environ:  # else this is a worker, which sees none any more
        found = ",".join(map(str, range(torch.cuda.device_count())))
        os.environ[GPUS] = found and os.environ.get("CUDA_VISIBLE_DEVICES", found)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of GPUs are asked for by `-m gpu`, as `test_gpu.py` does."""
    if config.option.markexpr:
        return
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    config.hook.pytest_deselected(items=on_gpu)
    items[:] = [item for item in items if item not in on_gpu]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread the whole suite over the cores, where pytest-xdist is there; what is named is tested in this process."""
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not hasattr(config, "workerinput")
    is_whole = is_whole and not wants_gpu(config) and not config.option.usepdb
    if is_whole and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)
        config.option.dist = "worksteal"  # neighbours stay together, and with them what a module made


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector need not look at it each time that a network is let go of."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _the_power_stays() -> None:
    """What is written need not reach the disk, which takes milliseconds each time, a hundred times a run."""
    os.fsync = lambda file: None


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """Also where pytest is a shell's job in the background: those ignore it, and so would what tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of a run that takes seconds, without pretrained weights."""
    path = tmp_path_factory.mktemp("recipes") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture(scope="session")
def puzzlecam() -> Iterator[Run]:
    """Call the command line as a shell would: `puzzlecam("run-all", recipe, "--run", folder)`."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))  # to make it takes longer than many a command
        yield call


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, puzzlecam: Run) -> Path:
    """The folder of a finished run; read only."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    result = puzzlecam("run-all", tiny_recipe, "--run", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def _preloaded(finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python processes that a test or our own code starts are forked, all loaded already that a run loads."""
    monkeypatch.setattr(subprocess, "_fork_exec", preloaded.fork_exec)


@pytest.fixture
def _forked_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of our pools are forked as well: those of runs that have more than one."""
    monkeypatch.setattr(pool, "get_context", lambda how: get_context("fork"))


@pytest.fixture
def photos(finished_run: Path, tmp_path: Path) -> Path:
    """A folder of all photos of the run, to change."""
    return Path(shutil.copytree(finished_run / "data" / "JPEGImages", tmp_path / "photos"))


@pytest.fixture(scope="session")
def model(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file alone."""
    return Path(shutil.copy(finished_run / "seg" / "model.safetensors", tmp_path_factory.mktemp("model") / "m"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Each way in, the inputs that were tried on it, and those that were answered well."""
    tried: Counter[str] = Counter()
    well: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            folder, _, rest = report.nodeid.partition("tests/ways_in/test_")
            if rest and not folder:
                way = rest.partition(".py")[0].replace("_", " ")
                tried[way] += 1
                well[way] += outcome == "passed"
    if tried:
        terminalreporter.write_line("")
        rows = [("way in", "inputs tried", "answered well"), *((way, tried[way], well[way]) for way in sorted(tried))]
        for way, number, good in [*rows, ("all", tried.total(), well.total())]:
            terminalreporter.write_line(f"{way:32}{number:>14}{good:>15}")
