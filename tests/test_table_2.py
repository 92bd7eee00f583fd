"""Table 2 of the paper for a run: what the walk adds to the maps, and the CRF to the walk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from sklearn.metrics import jaccard_score

from puzzlecam_cli.run.artifacts import read_walked
from puzzlecam_cli.run.scores import Scores, read_scores
from puzzlecam_cli.view.scores import table_2


def scores_of(backbone: str, puzzle: bool) -> Scores:
    """Scores as `eval` writes them, with round values."""
    common = {"split": "train", "images": 9, "fp": 0.1, "fn": 0.1, "threshold_from": "x", "iou": {}}
    sweep = [[0.25, 0.6], [0.35, 0.58]]
    return {
        "backbone": backbone,
        "puzzle": puzzle,
        "results": [
            common | {"what": "cams", "miou": 0.5, "threshold": 0.3, "crf": False, "sweep": [[0.3, 0.5]]},
            common | {"what": "rw", "miou": 0.6, "threshold": 0.25, "crf": False, "sweep": sweep},
            common | {"what": "pseudo-labels", "miou": 0.59, "threshold": 0.35, "crf": True},
        ],
    }


@pytest.mark.parametrize(
    ("backbone", "puzzle", "paper"),
    [
        ("resnet50", False, ("0.478", "0.581", "0.597")),
        ("resnet50", True, ("0.515", "0.642", "0.647")),
        ("resnest50", True, ("0.576", "0.695", "0.699")),
        ("resnest101", True, ("0.619", "0.719", "0.725")),
        ("resnest269", True, ("0.625", "0.741", "0.747")),
    ],
)
def test_the_paper_s_row_for_the_backbone_stands_beside_the_run(
    backbone: str, puzzle: bool, paper: tuple[str, ...]
) -> None:
    _, best, cut, row = table_2(scores_of(backbone, puzzle))
    assert best[1:] == ("0.500", "0.600", "")
    assert cut[1:] == ("", "0.580", "0.590")
    assert row[1:] == paper
    assert ("Puzzle-CAM" in row[0]) == puzzle


def test_a_backbone_the_paper_has_not_is_set_beside_its_resnet_50() -> None:
    assert "ResNet-50" in table_2(scores_of("efficientnet_lite0", True))[-1][0]


def test_there_is_no_table_without_all_three_columns() -> None:
    scores = scores_of("resnet50", True)
    assert table_2(scores | {"results": scores["results"][:2]}) == []


def test_the_walk_is_scored_at_the_threshold_of_the_pseudo_labels(finished_run: Path) -> None:
    """Counted by scikit-learn over all pixels of all photos."""
    data, cut = finished_run / "data", yaml.safe_load((finished_run / "recipe.yaml").read_text())["rw"]["background"]
    truth, predicted = [], []
    for image_id in (data / "ImageSets" / "Segmentation" / "train.txt").read_text().split():
        mask = np.array(Image.open(data / "SegmentationClass" / f"{image_id}.png"))
        classes, scores = read_walked(finished_run / "rw" / "scores" / f"{image_id}.npz", stride=1)
        best, winner = scores.max(dim=0)
        label = np.where(best > torch.tensor(cut), classes[winner.numpy()], 0)
        truth.append(mask[mask != 255])
        predicted.append(label[mask != 255])
    expected = jaccard_score(np.concatenate(truth), np.concatenate(predicted), average="macro")
    table = table_2(read_scores(finished_run / "eval" / "scores.json"))
    assert cut not in (round(0.05 * k, 2) for k in range(1, 16))  # none of those swept anyway
    assert float(table[2][2]) == pytest.approx(expected, abs=5e-4)
    assert all(cell in (finished_run / "eval" / "scores.md").read_text() for cell in table[2])
