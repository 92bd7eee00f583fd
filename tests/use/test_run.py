"""A run from Python: what its files hold, and nothing else; they stay as they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import puzzlecam_cli
from puzzlecam_cli import Run, UserError
from puzzlecam_cli.run.artifacts import read_cams, read_walked
from puzzlecam_cli.use.photo_row import photo_row
from tests.run.folders import content

TRAINED, NEW = "synthetic_train_0002", "synthetic_val_0001"


@pytest.fixture
def opened(finished_run: Path) -> Run:
    return Run(finished_run)


def test_importing_the_package_and_opening_a_run_load_no_torch(finished_run: Path) -> None:
    code = "import sys; from puzzlecam_cli import Run; Run(sys.argv[1]).ids('train'); print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code, str(finished_run)], text=True) == "False\n"


def test_the_public_names_are_listed_and_there() -> None:
    public = {"Model", "Prediction", "Run", "UserError", "load_model", "run_stages"}
    assert public <= set(dir(puzzlecam_cli))
    assert all(getattr(puzzlecam_cli, name).__name__ == name for name in public)
    with pytest.raises(AttributeError, match="loud_model"):
        _ = puzzlecam_cli.loud_model  # type: ignore[attr-defined]


def test_it_gives_what_lies_in_the_files(opened: Run, finished_run: Path) -> None:
    assert opened.recipe.seg.width == 16
    assert opened.classes == tuple((finished_run / "data/classes.txt").read_text().split()[1:])
    for stride in (1, 4):
        for give, read, place in ((opened.cams, read_cams, "cams"), (opened.walked, read_walked, "rw/scores")):
            classes, scores = give(TRAINED, stride=stride)
            expected_classes, expected = read(finished_run / place / f"{TRAINED}.npz", stride)
            assert classes.tolist() == expected_classes.tolist()
            assert np.array_equal(scores, expected.numpy())
    with Image.open(finished_run / f"rw/pseudo_labels/{TRAINED}.png") as label:
        assert np.array_equal(opened.pseudo_label(TRAINED), np.asarray(label))
    with Image.open(finished_run / f"seg/predictions/val/{NEW}.png") as label:
        assert np.array_equal(opened.prediction("val", NEW), np.asarray(label))
    with Image.open(finished_run / f"data/JPEGImages/{NEW}.jpg") as photo:
        assert np.array_equal(np.asarray(opened.photo(NEW)), np.asarray(photo))
    assert opened.scores() == json.loads((finished_run / "eval/scores.json").read_text())


@pytest.mark.parametrize("split", ["train", "val", "score"])
def test_ids_are_those_of_the_list_in_its_order(opened: Run, finished_run: Path, split: str) -> None:
    name = "val" if split == "val" else "train"
    assert opened.ids(split) == (finished_run / f"data/ImageSets/Segmentation/{name}.txt").read_text().split()


def test_tags_are_those_of_the_data_with_maps_and_without(opened: Run, finished_run: Path) -> None:
    for image_id in (TRAINED, NEW):
        annotation = (finished_run / f"data/Annotations/{image_id}.xml").read_text()
        named = {part.partition("</name>")[0] for part in annotation.split("<name>")[1:]}
        assert set(opened.tags(image_id)) == named
        assert named


def test_nothing_is_written(finished_run: Path) -> None:
    before = content(finished_run)
    run = Run(finished_run)
    for image_id in (TRAINED, NEW):
        run.show(image_id)
        run.tags(image_id)
    run.model()
    run.scores()
    assert content(finished_run) == before


def test_data_that_are_gone_take_only_the_photos_with_them(finished_run: Path, tmp_path: Path) -> None:
    whole = Run(finished_run)
    moved = shutil.copytree(finished_run, tmp_path / "run")
    (moved / "data").rename(tmp_path / "elsewhere")
    run = Run(moved)
    assert run.classes == whole.classes
    assert all(run.ids(split) == whole.ids(split) for split in ("train", "val"))
    assert run.tags(TRAINED) == whole.tags(TRAINED)
    assert np.array_equal(run.cams(TRAINED)[1], whole.cams(TRAINED)[1])
    with pytest.raises(UserError, match="data"):
        run.photo(TRAINED)
    again = Run(moved, changes=[f"data.root={tmp_path / 'elsewhere'}"])
    assert again.photo(TRAINED).tobytes() == whole.photo(TRAINED).tobytes()


def test_a_photo_is_shown_beside_all_that_was_made_of_it(opened: Run) -> None:
    """Photo, a map for each tag, walked maps, pseudo label, truth where it was trained on; else a prediction."""
    photo = opened.photo(TRAINED)
    row, other = opened.show(TRAINED, size=100), opened.show(NEW, size=100)
    assert row._repr_png_()[:4] == b"\x89PNG"
    panel = (max(photo.size) == photo.width and 100) or round(100 * photo.width / photo.height)
    assert row.width == 6 + (4 + len(opened.tags(TRAINED))) * (panel + 6)
    assert [panel.what for panel in photo_row(opened, NEW).panels] == ["prediction", "truth"]
    assert other.width < row.width
