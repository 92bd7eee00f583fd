"""What is written of one photo's prediction, and said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.engine.refine import Segmented
from puzzlecam_cli.recipe.schema import PredictionCrf
from puzzlecam_cli.registry import crf_engine
from puzzlecam_cli.stages.photo_jobs import PredictionJob, refine_prediction


@pytest.mark.parametrize("shown", [False, True])
def test_a_prediction_says_whether_it_shows_anything(tmp_path: Path, shown: bool) -> None:
    probabilities = np.zeros((3, 4, 5), dtype=np.float32)
    probabilities[0] = 0.6
    probabilities[2, 1, 1] = 0.9 if shown else 0.5
    crf = PredictionCrf(iterations=0)
    seen = Segmented(np.zeros((4, 5, 3), dtype=np.uint8), probabilities, (4, 5))
    job = PredictionJob(seen, tmp_path / "a.png", None, crf)
    assert refine_prediction(job, crf_engine()) is shown
    with Image.open(tmp_path / "a.png") as labels:
        assert np.any(np.array(labels)) == shown
