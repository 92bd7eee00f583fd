"""Kinds of data that other distributions bring: one file is enough; a broken one is named and breaks only itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from puzzlecam_cli.data.photos import open_photos
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.model import recipe_model
from tests.conftest import Run
from tests.recipe.messages import check_message

FLAT = '''
"""Photos in one folder, each called after its class: cat-1.jpg."""
from pathlib import Path
from typing import Literal
from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.recipe.data import DataSettings

class FlatData(DataSettings):
    kind: Literal["{kind}"]
    root: Path

class FlatPhotos(PhotoSet):
    Settings = FlatData
    classes = ("cat", "dog")
    splits = Splits("all", None, "all")
    tags_from = "names"

    def photos(self, split, *, tags=False):
        files = sorted(self.settings.root.glob("*.jpg"))
        return [Photo(f.stem, f, (self.classes.index(f.stem.split("-")[0]) + 1,) if tags else ()) for f in files]

    def fingerprint(self, split, *, tags=False, masks=False):
        return " ".join(photo.id for photo in self.photos(split))
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of three photos, where distributions may be installed."""
    (tmp_path / "photos").mkdir()
    for name in ("cat-1", "cat-2", "dog-1"):
        Image.new("RGB", (40, 30)).save(tmp_path / "photos" / f"{name}.jpg")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    recipe_model.cache_clear()
    for name in [name for name in sys.modules if name.startswith("way_in_")]:
        del sys.modules[name]


def install(path: Path, kind: str, source: str, value: str = "way_in_data:FlatPhotos") -> Path:
    """The distribution `theirs 1.2` of one module, as pip leaves it behind, and a recipe of its kind of data."""
    recipe_model.cache_clear()
    (path / "way_in_data.py").write_text(source)
    info = path / "theirs-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[puzzlecam.datasets]\n{kind} = {value}\n")
    recipe = path / "mine.yaml"
    data = f"data: {{kind: {kind}, root: photos}}\n"
    recipe.write_text(f"recipe: 1\n{data}backbone: {{name: resnet18, pretrained: false}}\n")
    return recipe


def test_one_file_is_a_kind_of_data(here: Path, puzzlecam: Run) -> None:
    recipe = load_recipe(str(install(here, "flat", FLAT.format(kind="flat"))))
    photos = open_photos(recipe.data, here / "run", 0).photos("all", tags=True)
    assert [(photo.id, photo.tags) for photo in photos] == [("cat-1", (1,)), ("cat-2", (1,)), ("dog-1", (2,))]
    result = puzzlecam("run-all", "mine.yaml", "--plan")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 9


def test_a_kind_is_not_loaded_for_others(here: Path, puzzlecam: Run) -> None:
    install(here, "broken", "raise SystemExit(3)")
    assert puzzlecam("run-all", "quickstart", "--plan").exit_code == 0
    assert "way_in_data" not in sys.modules


WRONG_KEY = FLAT.format(kind="flat").replace("return [Photo", "return [{}['cat']] + [Photo")
BROKEN = {
    "no module": ("", "way_in_gone:Photos", "ModuleNotFoundError"),
    "no such name": ("", "way_in_data:Photos", "AttributeError"),
    "an error when it is imported": ("raise RuntimeError('no licence')", "way_in_data:Photos", "no licence"),
    "an exit when it is imported": ("raise SystemExit(3)", "way_in_data:Photos", "SystemExit: 3"),
    "wrong Python": ("def (", "way_in_data:Photos", "SyntaxError"),
    "escape codes": ("raise RuntimeError('\\x1b[31m')", "way_in_data:Photos", r"RuntimeError: \x1b[31m"),
    "a number": ("Photos = 3", "way_in_data:Photos", "is no PhotoSet: it lacks Settings, a model with `kind`"),
    "a function": ("def Photos(*given): pass", "way_in_data:Photos", "it lacks Settings"),
    "another class": ("class Photos: pass", "way_in_data:Photos", "it lacks Settings"),
    "settings that are none": ("class Photos: Settings = dict", "way_in_data:Photos", "it lacks Settings"),
    "a part of the methods": (
        FLAT.format(kind="flat").replace("def photos", "def pictures"),
        "way_in_data:FlatPhotos",
        "it lacks photos",
    ),
    "an error in a method": (WRONG_KEY, "way_in_data:FlatPhotos", "in photos"),
}


@pytest.mark.parametrize(("source", "value", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_kind_is_named_with_what_brings_it(
    source: str, value: str, words: str, here: Path, puzzlecam: Run
) -> None:
    install(here, "flat", source, value)
    result = puzzlecam("run-all", "mine.yaml", "--plan")
    assert result.exit_code == 2, result.output
    check_message(result.stderr.rstrip())
    assert "theirs 1.2" in result.stderr
    assert words in result.stderr
    assert "python -m pip uninstall theirs" in result.stderr


def test_a_kind_called_as_ours_takes_its_place_in_no_silence(here: Path, puzzlecam: Run) -> None:
    install(here, "voc", FLAT.format(kind="voc"))
    result = puzzlecam("run-all", "mine.yaml", "--plan")
    assert result.exit_code == 2, result.output
    assert "puzzlecam-cli 0.1.0 and theirs 1.2 both bring a data kind `voc`" in result.stderr
