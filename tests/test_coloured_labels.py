"""`rw.colours` from the recipe to the labels."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from typer.testing import Result

from puzzlecam_cli.method.colour_evidence import with_colours
from puzzlecam_cli.run.artifacts import read_walked
from tests.test_automatic_threshold import ids


def test_labels_are_cut_from_scores_that_colours_have_changed(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Callable[..., Result], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    changes = ("--set", "rw.colours=0.8", "--set", "rw.background=0.33", "--set", "rw.crf.iterations=0")
    result = puzzlecam("rw", tiny_recipe, "--run", run, *changes)
    assert result.exit_code == 0, result.output
    differ = 0
    for image_id in ids(run):
        classes, scores = read_walked(run / "rw/scores" / f"{image_id}.npz", stride=1)
        photo = torch.from_numpy(np.array(Image.open(run / "data/JPEGImages" / f"{image_id}.jpg").convert("RGB")))
        told = with_colours(scores, photo, 0.33, 0.8).numpy()
        made = np.array(Image.open(run / "rw/pseudo_labels" / f"{image_id}.png"))
        np.testing.assert_array_equal(made, np.where(told.max(axis=0) > 0.33, classes[told.argmax(axis=0)], 0))
        differ += bool(((scores.numpy().max(axis=0) > 0.33) != (made > 0)).any())
    assert differ, "colours changed nothing: nothing was tried"
