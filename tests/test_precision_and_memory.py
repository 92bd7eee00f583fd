"""Batches in parts, losses that are not finite, and networks that do not fit into memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from typer.testing import Result

from puzzlecam_cli.engine import loop
from puzzlecam_cli.engine.memory import out_of_memory
from puzzlecam_cli.engine.views import predict
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.puzzle import puzzle_loss
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.recipe.schema import Affinity, Puzzle, Seg, TrainCls, Training
from puzzlecam_cli.stages import rw
from puzzlecam_cli.stages.train_cls import PuzzleLosses

Run = Callable[..., Result]


def test_a_batch_in_parts_gives_the_weights_of_the_whole_batch(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path
) -> None:
    """Of 3 images, in parts of 2 and 1."""
    for parts in (1, 2):
        settings = ["-s", "train_cls.batchnorm=frozen", "-s", f"train_cls.accumulate={parts}"]
        result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path / str(parts), *settings)
        assert result.exit_code == 0, result.output
    whole, in_parts = (load_file(tmp_path / str(parts) / "train-cls/model.safetensors") for parts in (1, 2))
    for name in whole:
        torch.testing.assert_close(in_parts[name], whole[name], rtol=1e-4, atol=2e-6, msg=name)
    logs = [(tmp_path / str(parts) / "train-cls/metrics.jsonl").read_text().splitlines() for parts in (1, 2)]
    for one, other in zip(*([json.loads(line) for line in lines] for lines in logs), strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)


def test_losses_are_computed_in_single_precision() -> None:
    torch.manual_seed(0)
    whole, puzzle = (30 * torch.randn(2, 5, 8, 8) for _ in range(2))
    labels = torch.eye(5)[:2]
    half = [maps.bfloat16() for maps in (whole, puzzle)]
    with torch.autocast("cpu", torch.bfloat16):
        found = puzzle_loss(*half, labels, 4.0)
    expected = puzzle_loss(*(maps.float() for maps in half), labels, 4.0)
    for name, value in found.items():
        assert value.dtype == torch.float32, name
        assert float(value) == pytest.approx(float(expected[name]), rel=1e-6), name


@pytest.mark.parametrize("log_seconds", [0, 1000])
def test_a_loss_that_is_not_finite_names_its_step_and_images_though_no_step_is_logged(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_seconds: int
) -> None:
    seen: list[Tensor] = []
    forward = PuzzleLosses.forward

    def broken(self: PuzzleLosses, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        seen.append(batch["tags"])
        losses = forward(self, batch)
        return losses | {"loss_cls": losses["loss_cls"] * (torch.inf if len(seen) == 3 else 1)}

    monkeypatch.setattr(PuzzleLosses, "forward", broken)
    options = ["-s", f"runtime.log_seconds={log_seconds}"]
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path, *options)
    assert result.exit_code == 2
    assert "no longer finite at step 2" in result.stderr
    named = result.stderr.partition("images of this step: ")[2].splitlines()[0].split()
    classes = ("striped", "checkered", "dotted")
    tags = [
        [float(f"<name>{name}<" in (tmp_path / f"data/Annotations/{photo}.xml").read_text()) for name in classes]
        for photo in named
    ]
    assert tags == seen[2].tolist()
    assert "clip_norm" in result.stderr
    assert not (tmp_path / "train-cls/checkpoint/step-000000003").exists()
    assert "nan" not in (tmp_path / "train-cls/metrics.jsonl").read_text().lower()
    assert "infinity" not in (tmp_path / "train-cls/metrics.jsonl").read_text().lower()


def test_fp16_without_a_gpu_is_refused(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path, "--mixed-precision", "fp16")
    assert result.exit_code == 2
    assert "bf16 works on CPUs" in result.stderr


class Small(nn.Module):
    """A network in a memory that holds so many images."""

    def __init__(self, most: int):
        super().__init__()
        self.most, self.sizes = most, list[int]()

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return images.mean(dim=(-2, -1))


def test_views_that_do_not_fit_are_halved_until_they_do() -> None:
    views = list(torch.randn(3, 3, 8, 9))
    network, notes = Small(2), list[str]()
    found = predict(network, views, Accelerator(cpu=True), flip=True, note=notes.append)
    torch.testing.assert_close(found, torch.stack([torch.stack([v, v.flip(-1)]).mean(dim=(-2, -1)) for v in views]))
    assert network.sizes == [6, 3, 2, 1, 3, 2, 1]
    assert len(set(notes)) == 1


def test_a_run_goes_on_with_halves_and_says_so_once(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network holds one view; each photo has two."""
    run = shutil.copytree(finished_run, tmp_path / "run")
    forward = Classifier.forward

    def small(self: Classifier, images: Tensor) -> Tensor:
        if len(images) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(self, images)

    monkeypatch.setattr(Classifier, "forward", small)
    result = puzzlecam("cams", tiny_recipe, "--run", run, "--force")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("in halves") == 1
    for path in (finished_run / "cams").iterdir():
        with np.load(path) as whole, np.load(run / "cams" / path.name) as halves:
            for name in ("map_0", "map_1"):
                np.testing.assert_allclose(halves[name], whole[name], rtol=2**-9, atol=1e-4)


def test_a_walk_that_does_not_fit_on_the_gpu_is_made_on_the_cpu(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    for path in sorted((run / "rw/scores").iterdir())[1:]:
        path.unlink()
    walked, calls = rw.walked, list[bool]()

    def full_at_first(*arguments: Any) -> Tensor:
        calls.append(len(calls) % 2 == 0)
        if calls[-1]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return walked(*arguments)

    monkeypatch.setattr(rw, "walked", full_at_first)
    result = puzzlecam("rw", tiny_recipe, "--run", run)
    assert result.exit_code == 0, result.output
    assert len(calls) == 2 * 5
    assert result.stderr.count("made on the CPU") == 1
    for path in (finished_run / "rw/scores").iterdir():
        with np.load(path) as one, np.load(run / "rw/scores" / path.name) as other:
            np.testing.assert_array_equal(other["scores"], one["scores"])


def test_walks_that_do_not_fit_together_are_made_in_halves(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, alone = shutil.copytree(finished_run, tmp_path / "run"), tmp_path / "alone"
    for photo in (run / "data/JPEGImages").iterdir():
        Image.open(photo).resize((70, 59)).save(photo)
    lost = sorted((run / "rw/scores").iterdir())[1:]
    for path in (*sorted((run / "cams").glob("*.npz"))[1:], *lost):
        path.unlink()
    for stage in ("cams", "rw"):
        assert puzzlecam(stage, tiny_recipe, "--run", run).exit_code == 0
    alone.mkdir()
    for path in lost:
        shutil.move(path, alone)
    walked, sizes = rw.walked, list[int]()

    def small(cams: Tensor, *arguments: Any) -> Tensor:
        sizes.append(len(cams))
        if len(cams) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return walked(cams, *arguments)

    monkeypatch.setattr(rw, "walked", small)
    result = puzzlecam("rw", tiny_recipe, "--run", run, "-s", "runtime.photos_at_once=5")
    assert result.exit_code == 0, result.output
    assert sizes == [5, 2, 1, 1, 3, 1, 2, 1, 1]
    assert result.stderr.count("in halves") == 1
    for path in alone.iterdir():
        with np.load(path) as one, np.load(run / "rw/scores" / path.name) as other:
            np.testing.assert_array_equal(other["scores"], one["scores"])


def test_a_view_that_does_not_fit_alone_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match="one view of 8×9 pixels"):
        predict(Small(0), [torch.zeros(3, 8, 9)], Accelerator(cpu=True), flip=True)


def test_a_training_that_does_not_fit_names_three_settings_and_what_they_save(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(loop, "add_gradients", full)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path, "-s", "train_cls.accumulate=1")
    assert result.exit_code == 2
    for advice in (
        "train_cls.accumulate=2: about 50%",
        "train_cls.crop=32: about 25%",
        "--mixed-precision bf16: 60 to 75%",
    ):
        assert advice in result.stderr
    assert "3 images of 64×64" in result.stderr


@pytest.mark.parametrize(
    ("stage", "settings", "precision", "processes", "advice"),
    [
        ("train-cls", TrainCls(accumulate=1), "no", 1, ["accumulate=2: about 50%", "crop=384: about 56%", "bf16: 60"]),
        # a crop of 384 cannot be cut into 3 × 3 tiles of whole cells; more parts than images there are not
        (
            "train-cls",
            TrainCls(crop=480, puzzle=Puzzle(tiles=9), batch=4, accumulate=2),
            "bf16",
            2,
            ["crop=336: about 49%", "batch=2: about 50%"],
        ),
        # pairs of cells need a crop of 80, and 72 are no whole cells of 16
        ("affinity", Affinity(crop=96, accumulate=1), "no", 1, ["accumulate=2", "bf16: 60 to 75%", "batch=16: about"]),
        ("seg", Seg(accumulate=24), "no", 1, ["accumulate=32: about 75%", "crop=384", "bf16"]),
        # in as many parts as there can be it was tried already
        ("seg", Seg(), "no", 1, ["crop=384", "bf16"]),
        ("seg", Seg(), "bf16", 1, ["crop=384"]),
    ],
)
def test_only_settings_that_a_recipe_takes_are_advised(
    stage: str, settings: Training, precision: str, processes: int, advice: list[str]
) -> None:
    backbone = Backbone(nn.Identity(), [8] * 5)
    parts = settings.accumulate if isinstance(settings.accumulate, int) else settings.batch
    found = out_of_memory(stage, settings, precision, processes, backbone, parts).where
    assert len(found) == len(advice)
    assert all(wanted in line for wanted, line in zip(advice, found, strict=True)), found
