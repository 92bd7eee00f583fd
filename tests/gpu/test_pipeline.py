"""The whole pipeline, every stage on the device."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import Result

from tests.gpu.beside import Beside, reset_accelerate

Run = Callable[..., Result]
Made = Callable[..., Path]
TRAININGS = ("train-cls", "affinity", "seg")


@pytest.fixture
def run_all(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Makes a run in float32 or bf16, on the CPU or not, and without dropout: each device draws numbers of its own."""
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda _, x: x)

    def made(precision: str, cpu: bool, *changes: str) -> Path:
        reset_accelerate()
        run = tmp_path / f"{precision} {cpu}"
        options = ["--mixed-precision", precision, "--num-processes", "1"]
        options += [part for change in (f"runtime.cpu={cpu}", *changes) for part in ("--set", change)]
        result = puzzlecam("run-all", tiny_recipe, "--run", run, *options)
        assert result.exit_code == 0, result.output
        return run

    return made


def losses(run: Path, stage: str) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / stage / "metrics.jsonl").read_text().splitlines()]


def equal_pixels(run: Path, other: Path, labels: str) -> float:
    """The share of all pixels of a folder of labels."""
    equal = []
    for path in sorted((other / labels).rglob("*.png")):
        with Image.open(path) as expected, Image.open(run / labels / path.relative_to(other / labels)) as found:
            equal.append(np.asarray(found) == np.asarray(expected))
    return float(np.concatenate(equal, axis=None).mean())


def test_a_run_is_that_of_the_cpu_in_float32_and_learns_alike_in_bf16(beside: Beside, run_all: Made) -> None:
    expected = run_all("no", True)
    with beside.computing():
        found, in_bf16 = run_all("no", False), run_all("bf16", False)
    for stage in TRAININGS:
        assert losses(found, stage) == pytest.approx(losses(expected, stage), rel=1e-3), stage
    for path in sorted((expected / "cams").glob("*.npz")):
        with np.load(path) as maps, np.load(found / "cams" / path.name) as others:
            for name in ("map_0", "map_1"):
                np.testing.assert_allclose(others[name], maps[name], rtol=0.01, atol=0.01 * float(maps[name].max()))
    for path in sorted((expected / "rw/scores").glob("*.npz")):
        with np.load(path) as walked, np.load(found / "rw/scores" / path.name) as other:
            np.testing.assert_allclose(other["scores"], walked["scores"], rtol=0, atol=0.01)
    for labels in ("affinity/labels", "rw/pseudo_labels", "seg/predictions"):
        assert equal_pixels(found, expected, labels) > 0.99, labels
    # other maps give other labels: what is learnt from those is not compared
    learnt = losses(expected, "train-cls")
    assert losses(in_bf16, "train-cls") == pytest.approx(learnt, rel=0.15)
    assert losses(in_bf16, "train-cls")[0] == pytest.approx(learnt[0], rel=0.01)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU")
def test_steps_by_cuda_graphs_learn_what_steps_one_by_one_learn(run_all: Made) -> None:
    expected, found = run_all("no", True), run_all("no", False, "runtime.tf32=false", "runtime.cuda_graphs=true")
    for stage in TRAININGS:
        assert losses(found, stage) == pytest.approx(losses(expected, stage), rel=1e-3), stage
    assert "no CUDA graph" not in (found / "events.jsonl").read_text()
