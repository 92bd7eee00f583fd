"""`show`: photos beside all that was made of them, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli import Run as Opened
from puzzlecam_cli.view.pictures import VOC_COLOURS
from tests.conftest import Run

TRAINED, NEW = "synthetic_train_0002", "synthetic_val_0001"


def test_a_picture_is_written_for_each_photo_that_is_named(finished_run: Path, puzzlecam: Run, tmp_path: Path) -> None:
    result = puzzlecam("show", finished_run, TRAINED, NEW, "--out", tmp_path / "out", "--size", 64)
    assert result.exit_code == 0, result.output
    files = [tmp_path / "out" / f"{image_id}.png" for image_id in (TRAINED, NEW)]
    assert result.stdout.split() == [str(file) for file in files]
    with Image.open(files[1]) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    labels = Opened(finished_run).prediction("val", NEW)
    height, width = (round(64 * side / max(labels.shape)) for side in labels.shape)
    small = np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))
    left = 6 + width + 6  # the photo comes first
    assert np.array_equal(pixels[6 : 6 + height, left : left + width], VOC_COLOURS[small])


def test_without_names_some_of_each_split_are_shown_and_may_be_written_again(
    finished_run: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    for more in ((), ("--overlay",)):
        result = puzzlecam("show", finished_run, "--out", tmp_path, "--size", 40, *more)
        assert result.exit_code == 0, result.output
        names = [Path(line).stem for line in result.stdout.split()]
        assert {"train", "val"} == {name.split("_")[1] for name in names}


def test_training_photos_are_predicted_where_that_is_asked_for(
    finished_run: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    widths = []
    for more in ((), ("--predict",)):
        file = tmp_path / f"{len(widths)}.png"
        result = puzzlecam("show", finished_run, TRAINED, "--out", file, "--size", 40, *more)
        assert result.exit_code == 0, result.output
        with Image.open(file) as sheet:
            widths.append(sheet.width)
    assert widths[0] < widths[1] <= widths[0] + 46  # one picture more


def test_one_sheet_holds_all(finished_run: Path, puzzlecam: Run, tmp_path: Path) -> None:
    heights = []
    for ids in ((TRAINED,), (NEW,), (TRAINED, NEW)):
        file = tmp_path / f"{len(heights)}.png"
        assert puzzlecam("show", finished_run, *ids, "--out", file, "--size", 40).exit_code == 0
        with Image.open(file) as sheet:
            heights.append(sheet.height)
    assert heights[2] == heights[0] + heights[1] + 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((TRAINED,), "there is no terminal"),
        (("synthetic_train_0002x", "--out", "OUT"), "did you mean `synthetic_train_0002`"),
        (("../x", "--out", "OUT"), "image-id"),
        ((TRAINED, "--out", "OTHERS"), "file-exists"),
        ((TRAINED, "--out", "OUT", "--size", "9"), "32"),
    ],
)
def test_what_cannot_be_shown_is_said(
    arguments: tuple[str, ...], said: str, finished_run: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    others = tmp_path / "others"
    others.mkdir()
    Image.new("RGB", (2, 2)).save(others / f"{TRAINED}.png")
    places = {"OUT": str(tmp_path / "out"), "OTHERS": str(others)}
    result = puzzlecam("show", finished_run, *(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    with Image.open(others / f"{TRAINED}.png") as kept:
        assert kept.size == (2, 2)
