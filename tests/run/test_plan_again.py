"""A plan does not look again at what a preflight has seen, as long as the files are the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from puzzlecam_cli.data.tags import annotations
from puzzlecam_cli.data.tags import voc_tags as tags
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.preflight import preflight
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.session.plan import plan_stages
from puzzlecam_cli.stages import PIPELINE


@pytest.fixture
def photos(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run / "data", tmp_path / "photos")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The annotations that are read from now on."""
    read: list[Path] = []

    def reading(file: Path, *, clipped: bool = False) -> annotations.Annotation:
        read.append(file)
        return annotations.read_objects(file, clipped=clipped)

    monkeypatch.setattr(tags, "read_objects", reading)
    return read


def changes(photos: Path) -> list[str]:
    return [f"data={{kind: voc, root: '{photos}', train: train, val: val}}"]


def look(recipe: Path, root: Path, photos: Path, stages: slice = slice(None)) -> None:
    run = Run.at(load_recipe(str(recipe), changes(photos)), root)
    run.ledger.write()  # the mark of a run folder comes first
    preflight(run, all_steps(PIPELINE[stages]), tick=lambda done, total: None)


@pytest.mark.parametrize(
    ("stages", "read"),
    [(slice(None), 6 + 3), (slice(1), 6)],  # where `val` is scored, its tags are held against its masks
    ids=["of all stages", "of the first stage"],
)
def test_after_a_preflight_no_annotation_is_read(
    tiny_recipe: Path, photos: Path, tmp_path: Path, parsed: list[Path], stages: slice, read: int
) -> None:
    look(tiny_recipe, tmp_path / "run", photos, stages)
    assert len(parsed) == read
    plan_stages(tiny_recipe, tmp_path / "run", changes=changes(photos))
    assert len(parsed) == read


@pytest.mark.parametrize("name", ["Annotations/synthetic_train_0002.xml", "JPEGImages/synthetic_train_0002.jpg"])
def test_a_file_that_changed_is_looked_at_again(
    tiny_recipe: Path, photos: Path, tmp_path: Path, parsed: list[Path], name: str
) -> None:
    look(tiny_recipe, tmp_path / "run", photos)
    with (photos / name).open("ab") as file:
        file.write(b" ")
    plan_stages(tiny_recipe, tmp_path / "run", changes=changes(photos))
    assert len(parsed) == 6 + 3 + 6


def test_what_became_wrong_is_told(tiny_recipe: Path, photos: Path, tmp_path: Path) -> None:
    look(tiny_recipe, tmp_path / "run", photos)
    (photos / "Annotations/synthetic_train_0002.xml").write_text("<annotation>")
    with pytest.raises(UserError, match=r"synthetic_train_0002\.xml"):
        plan_stages(tiny_recipe, tmp_path / "run", changes=changes(photos))


def test_what_was_wrong_is_not_remembered_as_right(tiny_recipe: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "SegmentationClass/synthetic_val_0001.png").unlink()
    look(tiny_recipe, tmp_path / "run", photos, slice(1))  # a training needs no masks
    with pytest.raises(UserError, match="1 of 3 images of `val` have no mask"):
        plan_stages(tiny_recipe, tmp_path / "run", changes=changes(photos))
