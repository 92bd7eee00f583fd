"""What `puzzlecam new` tells of the photos it found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from puzzlecam_cli.recipe.load import load_recipe
from tests.layouts import JPEG, MANY, TWO, lay, photos

Run = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# What lies in a folder, and what is said of it.
HOPELESS = {
    "one class on all": (
        {**photos(*MANY), "tags.csv": "file,tags\n" + "".join(f"{n}.jpg,cat\n" for n in MANY)},
        "all 40 photos of `.` are tagged with `cat` and nothing else: no photo lacks what another shows",
    ),
    "one class on all that are trained on": (
        {**TWO, **photos("c"), "tags.csv": "file,tags,split\na.jpg,cat,train\nb.jpg,cat,train\nc.jpg,dog,val\n"},
        "all 2 photos of `train` are tagged with `cat` and nothing else",
    ),
    "the same classes on all": ({**TWO, "tags.csv": "a.jpg,cat;dog\nb.jpg,cat;dog\n"}, "`cat`, `dog`"),
    "one photo": ({"a.jpg": JPEG, "tags.csv": "a.jpg,cat\n"}, "`train` holds 1 photo"),
}


@pytest.mark.parametrize(("files", "said"), HOPELESS.values(), ids=HOPELESS)
def test_what_cannot_be_learned_is_said_at_once_and_not_reckoned(
    puzzlecam: Run, here: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes | str], said: str
) -> None:
    monkeypatch.delattr("puzzlecam_cli.session.forecast.forecast_recipe")
    lay(here, files)
    result = puzzlecam("new")
    assert result.exit_code == 0, result.output
    assert f"training would make no sense: {said}" in result.stdout or f"tagged with {said}" in result.stdout
    assert "then: puzzlecam data check" in result.stdout
    assert load_recipe("here.yaml")


OFTEN = {"1": 0, "1.02": 1, "1.50": 20, "2": 40}  # how many of 40 photos have a second tag


@pytest.mark.parametrize(("often", "twice"), OFTEN.items())
def test_tags_a_photo_are_not_rounded_to_one(puzzlecam: Run, here: Path, often: str, twice: int) -> None:
    rows = [f"{name}.jpg,{'cat;dog' if at < twice else 'cat'}" for at, name in enumerate(MANY)]
    lay(here, {**photos(*MANY), "tags.csv": "\n".join(["file,tags", *rows])})
    result = puzzlecam("new", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert f": {often} a photo\n" in result.stdout


def test_one_class_is_not_called_classes(puzzlecam: Run, here: Path) -> None:
    lay(here, {**TWO, "tags.csv": "file,tags\na.jpg,cat\nb.jpg,\n"})
    assert puzzlecam("new", "--no-forecast").exit_code == 0
    assert Path("here.yaml").read_text().startswith("# 2 photos of 1 class in .,")
