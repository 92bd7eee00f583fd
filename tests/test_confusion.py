"""`eval/confusion.json`: the pixels that the scores are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from puzzlecam_cli import Run
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.use.report.facts import read_confusions


def test_it_counts_the_pixels_of_every_pair_of_classes(finished_run: Path) -> None:
    """Labels and masks counted here once more, pixel by pixel."""
    run = Run(finished_run)
    found = {confusion.what: confusion for confusion in read_confusions(finished_run / "eval/confusion.json")}
    labels = {"pseudo-labels": ("train", "rw/pseudo_labels"), "predictions": ("val", "seg/predictions/val")}
    for what, (split, place) in labels.items():
        expected = np.zeros((4, 4), int)
        for image_id in run.ids(split):
            with Image.open(finished_run / f"data/SegmentationClass/{image_id}.png") as mask:
                truth = np.asarray(mask)
            with Image.open(finished_run / place / f"{image_id}.png") as label:
                np.add.at(expected, (truth[truth != 255], np.asarray(label)[truth != 255]), 1)
        assert np.array_equal(found[what].pixels, expected)
        assert found[what].classes == ("background", *run.classes)


def test_the_scores_are_those_of_the_pixels(finished_run: Path) -> None:
    found = read_confusions(finished_run / "eval/confusion.json")
    for confusion, result in zip(found, Run(finished_run).scores()["results"], strict=True):
        assert confusion.what == result["what"]
        hit = np.diag(confusion.pixels)
        union = confusion.pixels.sum(0) + confusion.pixels.sum(1) - hit
        known = {name: h / u for name, h, u in zip(confusion.classes, hit, union, strict=True) if u}
        assert known == {name: iou for name, iou in result["iou"].items() if iou is not None}


def test_every_step_remembers_the_machine(finished_run: Path) -> None:
    ledger = Ledger(finished_run / "run.json")
    records = [record for steps in ledger.records.values() for record in steps.values()]
    assert all("core" in record.versions["machine"] for record in records)
