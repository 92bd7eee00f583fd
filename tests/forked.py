"""Runs in forked processes, PyTorch loaded already, that something happens to at a chosen moment."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from puzzlecam_cli.cli.app import app
from puzzlecam_cli.engine import checkpoint
from puzzlecam_cli.engine.checkpoint import KEPT
from tests.preloaded import close_all_but, end_with_parent

Act = Callable[[], None]
TRAININGS = ("train-cls", "affinity", "seg")


def start(log: Path, recipe: Path, run: Path, *options: str, before: Act = lambda: None) -> int:
    """`puzzlecam run-all` in a process of its own; see `start_command`."""
    return start_command(log, "run-all", str(recipe), "--run", str(run), *options, before=before)


def start_command(log: Path, *arguments: str, before: Act = lambda: None) -> int:
    """A command in a process of its own, forked: PyTorch is loaded already. Returns its pid."""
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
        close_all_but({0, 1, 2})
        end_with_parent()
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        before()
        app([*arguments], standalone_mode=True)
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
    """Make a process act at its `count`-th moment: when a file is whole, half written, or took its place."""

    def install() -> None:
        left = count

        def moment(path: Path) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                act(path)

        replace, write = Path.replace, checkpoint._write

        def replaced(path: Path, target: Path) -> Path:
            moment(path)
            if left == 1:  # the next moment comes with half a file
                content = path.read_bytes()
                path.write_bytes(content[: len(content) // 2])
                moment(path)
                path.write_bytes(content)
            done = replace(path, target)
            moment(target)
            return done

        def written(path: Path, state: dict[str, object]) -> None:
            moment(path)
            write(path, state)
            moment(path)

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
    for name in ("eval/scores.json", *(f"{stage}/metrics.jsonl" for stage in TRAININGS)):
        assert (run / name).read_text() == (other / name).read_text(), name
    assert [path for path in run.rglob(".*") if path.name != ".gitignore"] == []
    for stage in TRAININGS:
        assert len(list((run / stage / "checkpoint").glob("step-*"))) <= KEPT
