"""Networks of other strides, sides and kinds go through every stage; what does not fit is said before training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

Run = Callable[..., Result]
QUICK = (
    "data={kind: synthetic, pictures: 3, val_pictures: 1, size: 75, classes: 2}",
    "train_cls={epochs: 1, lr: 0.001}",
    "cams.scales=[1.0]",
    "affinity={epochs: 1, lr: 0.001, radius: 3, labels: {crf: {iterations: 0}}}",
    "seg={epochs: 1, width: 8, predict: {scales: [1.0], crf: {iterations: 0}}}",
    "rw.crf.iterations=0",
)


def options(*changes: str) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


@pytest.mark.parametrize(
    ("backbone", "crop", "stride"),
    [
        ("{name: 'timm:ghostnet_050', pretrained: false}", 64, 32),
        ("{name: 'timm:convnext_atto', pretrained: false, depths: [1, 1, 1, 1], dims: [8, 16, 24, 32]}", 64, 16),
        ("{name: 'timm:convnext_atto', pretrained: false, depths: [1, 1, 1, 1], output_stride: 8}", 48, 8),
        ("{name: 'timm:vit_tiny_patch16_224', pretrained: false, depth: 6, embed_dim: 48}", 64, 16),
        ("{name: 'timm:vit_small_patch14_dinov2', pretrained: false, depth: 6, embed_dim: 48, num_heads: 3}", 56, 14),
        ("{name: 'timm:swin_tiny_patch4_window7_224', pretrained: false, embed_dim: 24, depths: [1, 1, 1, 1]}", 64, 32),
    ],
    ids=["ghostnet", "convnext", "stride 8", "vit patch 16", "vit patch 14", "swin"],
)
def test_a_network_goes_through_every_stage(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, backbone: str, crop: int, stride: int
) -> None:
    crops = [f"{section}.{key}" for section in ("train_cls", "affinity", "seg") for key in (f"crop={crop}", "batch=3")]
    resize = [f"{section}.resize=[56, 72]" for section in ("train_cls", "affinity", "seg")]
    changes = options(*QUICK, *crops, *resize, f"backbone={backbone}")
    result = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *changes)
    assert result.exit_code == 0, result.output
    for path in (tmp_path / "run" / "cams").glob("*.npz"):
        with np.load(path) as maps:
            size = tuple(maps["size"])
            assert maps["map_0"].shape[1:] == tuple(-(-side // stride) for side in size)
            assert maps["cell"] == stride
        with np.load(tmp_path / "run" / "rw" / "scores" / path.name) as walked:
            assert walked["scores"].shape[1:] == tuple(-(-side // 4) for side in size)
        with Image.open(tmp_path / "run" / "rw" / "pseudo_labels" / f"{path.stem}.png") as labels:
            assert labels.size == size[::-1]
    scores = json.loads((tmp_path / "run" / "eval" / "scores.json").read_text())
    assert {row["what"] for row in scores["results"]} == {"cams", "rw", "pseudo-labels", "predictions"}


def test_maps_of_several_levels_have_the_cells_of_the_finest(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    changes = options(*QUICK, "backbone={name: 'timm:ghostnet_050', pretrained: false}", "train_cls.levels=3")
    result = puzzlecam("run-all", tiny_recipe, "--until", "cams", "--run", tmp_path / "run", *changes)
    assert result.exit_code == 0, result.output
    found = list((tmp_path / "run" / "cams").glob("*.npz"))
    assert found
    for path in found:
        with np.load(path) as maps:
            assert maps["cell"] == 8
            assert maps["map_0"].shape[1:] == tuple(-(-side // 8) for side in maps["size"])


@pytest.mark.parametrize(
    ("backbone", "change", "words"),
    [
        ("timm:ghostnet_050", "train_cls.crop=96", "train_cls.crop 96 must be a multiple of 64"),
        ("timm:vit_tiny_patch16_224", "train_cls.crop=84", "train_cls.crop 84 must be a multiple of 32"),
    ],
)
def test_a_crop_that_does_not_fit_is_refused(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, backbone: str, change: str, words: str
) -> None:
    changes = options(*QUICK, f"backbone={{name: '{backbone}', pretrained: false}}", change)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path / "run", *changes)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())


def test_the_canvas_redoes_the_walk_and_no_training(finished_run: Path, tiny_recipe: Path, puzzlecam: Run) -> None:
    changes = options("affinity.canvas=photo")
    plan = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--until", "rw", "--plan", *changes)
    actions = {line.split()[1]: line.split()[0] for line in plan.stdout.splitlines()}
    assert [name for name, action in actions.items() if action == "run"] == ["rw/scores", "rw/pseudo_labels"]
    assert 'affinity.canvas changed: "crop" → "photo"' in plan.stdout
