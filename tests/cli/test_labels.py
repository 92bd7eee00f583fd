"""`puzzlecam labels` on a finished run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import Run
from tests.labelled import in_coco


def test_all_training_photos_get_their_pseudo_labels_and_the_run_stays(
    finished_run: Path, tmp_path: Path, puzzlecam: Run
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")}
    result = puzzlecam("labels", finished_run, "--out", tmp_path, "--format", "png,json,coco,overlay,yolo,cvat")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    labels = {path.stem: path.read_bytes() for path in (finished_run / "rw/pseudo_labels").iterdir()}
    assert {path.stem: path.read_bytes() for path in tmp_path.glob("*.png")} == labels
    assert len(json.loads((tmp_path / "predictions.json").read_text())["photos"]) == len(labels) == 6
    classes = json.loads((tmp_path / "predictions.json").read_text())["classes"]
    for name, found in in_coco(tmp_path, classes).items():
        with Image.open(tmp_path / f"{Path(name).stem}.png") as picture:
            assert np.array_equal(found, np.asarray(picture))
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")} == before


def test_labels_that_are_missing_or_stale_are_named(finished_run: Path, tmp_path: Path, puzzlecam: Run) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    (run / "recipe.yaml").write_text((run / "recipe.yaml").read_text().replace("background: 0.33", "background: 0.4"))
    stale = puzzlecam("labels", run, "--out", tmp_path / "out")
    assert stale.exit_code == 2
    assert "stage-stale" in stale.output
    assert "rw.background changed" in stale.output
    shutil.rmtree(run / "rw")
    ledger = json.loads((run / "run.json").read_text())
    del ledger["stages"]["rw"]
    (run / "run.json").write_text(json.dumps(ledger))
    missing = puzzlecam("labels", run, "--out", tmp_path / "out")
    assert missing.exit_code == 2
    assert "stage-missing" in missing.output
    assert "puzzlecam rw" in missing.output
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_or_no_format_is_refused(finished_run: Path, tmp_path: Path, puzzlecam: Run) -> None:
    for arguments, said in (
        (("quickstart", "--out", tmp_path), "run-missing"),
        ((tmp_path, "--out", tmp_path / "out"), "run-missing"),
        ((finished_run, "--out", tmp_path / "out", "--format", "jpg"), "there is no format `jpg`"),
        ((finished_run, "--out", tmp_path / "out", "--format", ","), "names no format"),
        ((finished_run, "--out", " "), "--out names no folder"),
        ((finished_run, "--out", finished_run), "is the folder of a run"),
    ):
        result = puzzlecam("labels", *arguments)
        assert result.exit_code == 2
        assert said in result.output
        assert list(tmp_path.iterdir()) == []
