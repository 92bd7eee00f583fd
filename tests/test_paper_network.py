"""The paper's largest recipe, every stage for one step, on two tiny pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Run = Callable[..., Result]

SMALL = (
    "data={kind: synthetic, pictures: 2, val_pictures: 1, size: 64, classes: 2}",
    "backbone.pretrained=false",
    "train_cls={epochs: 1, batch: 2, crop: 64, resize: [64, 64], batchnorm: frozen}",
    "cams.scales=[1.0]",
    "affinity={epochs: 1, batch: 2, crop: 64, resize: [64, 64], radius: 5}",
    "seg={epochs: 1, batch: 2, crop: 64, resize: [64, 64], predict: {scales: [1.0], flip: false}}",
    "runtime={workers: 0, cpu: true}",
)


def test_resnest269_runs_through_every_stage(puzzlecam: Run, tmp_path: Path) -> None:
    changes = [part for change in SMALL for part in ("--set", change)]
    result = puzzlecam("run-all", "recipes/voc_resnest269.yaml", "--run", tmp_path, *changes)
    assert result.exit_code == 0, result.output
    assert "predictions" in result.stdout
