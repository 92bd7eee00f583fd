"""Ways in: saliency maps from a folder or a plugin, read rightly or refused at the start."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.pixels.mask_file import read_labels
from tests.conftest import Run
from tests.planted import SIZE, Farm
from tests.recipe.messages import check_message
from tests.ways_in.test_plugins import GROUPS, install

WALK = ("-s", "rw.background_power=2", "-s", "rw.background=0.5")
SAL = "saliency.folder"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, puzzlecam: Run) -> Path:
    """A run up to its pseudo labels, with a background that walks, made of tags alone; read only."""
    home = tmp_path_factory.mktemp("base")
    farm, run = Farm(home), home / "run"
    result = puzzlecam("run-all", farm.recipe, "--run", run, "--until", "rw", *WALK)
    assert result.exit_code == 0, result.output
    return run


@pytest.fixture
def run(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "run"))


def drawn(folder: Path, grey: np.ndarray) -> Path:
    """A folder of saliency maps, each of them (H, W) `grey`."""
    folder.mkdir()
    for name in TRAINED_ON:
        Image.fromarray(grey).save(folder / f"{name}.png")
    return folder


TRAINED_ON = [f"t{number:02}" for number in range(16)]
WHITE = np.full(SIZE[::-1], 255, np.uint8)
LEFT = np.where(np.arange(SIZE[0]) < SIZE[0] // 2, 255, 0).astype(np.uint8)[None].repeat(SIZE[1], axis=0)


def files(run: Path, *below: str) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for name in below for path in (run / name).rglob("*.[np]*")}


MADE = ("affinity/labels", "rw/scores", "rw/pseudo_labels")


def test_maps_in_which_all_stands_out_change_no_file(run: Path, tmp_path: Path, puzzlecam: Run) -> None:
    before = files(run, *MADE)
    folder = drawn(tmp_path / "maps", WHITE)
    result = puzzlecam(
        "run-all", run, "--run", run, "--until", "rw", "-s", f"{SAL}={folder}", "-s", "saliency.walk=true"
    )
    assert result.exit_code == 0, result.output
    record = json.loads((run / "run.json").read_text())
    assert SAL in json.dumps(record), "they were made anew"
    assert files(run, *MADE) == before


def test_a_half_that_does_not_stand_out_has_less_of_objects(run: Path, tmp_path: Path, puzzlecam: Run) -> None:
    def objects_right() -> int:
        labels = [read_labels(run / "rw" / "pseudo_labels" / f"{name}.png") for name in TRAINED_ON]
        return sum(int((label[:, SIZE[0] // 2 :] > 0).sum()) for label in labels)

    before = objects_right()
    assert before > 0
    folder = drawn(tmp_path / "maps", LEFT)
    assert puzzlecam("run-all", run, "--run", run, "--until", "rw", "-s", f"{SAL}={folder}").exit_code == 0
    assert objects_right() < before
    for name in TRAINED_ON:
        label = read_labels(run / "affinity" / "labels" / f"{name}.png")
        assert set(np.unique(label[:, SIZE[0] // 2 :])) <= {0, 255}, "no object is sure where nothing stands out"


def test_scores_and_models_tell_of_saliency(run: Path, tmp_path: Path, puzzlecam: Run) -> None:
    folder = drawn(tmp_path / "maps", LEFT)
    told = puzzlecam("run-all", run, "--run", run, "-s", f"{SAL}={folder}", "-s", "seg.epochs=1")
    assert told.exit_code == 0, told.output
    results = json.loads((run / "eval" / "scores.json").read_text())["results"]
    assert {result["what"]: result["supervision"] for result in results} == {
        "cams": "tags",
        "rw": "tags + saliency",
        "pseudo-labels": "tags + saliency",
        "predictions": "tags + saliency",
    }
    table = (run / "eval" / "scores.md").read_text()
    assert table.count("| tags + saliency |") == 3
    assert table.count("| tags |") == 1
    card = tmp_path / "card.md"
    assert puzzlecam("card", run, "--licence", "mit", "--out", card).exit_code == 0
    assert "**Saliency**: maps from the folder maps" in card.read_text()
    # without it again: nothing says so any more
    assert puzzlecam("run-all", run, "--run", run, "-s", f"{SAL}=null").exit_code == 0
    results = json.loads((run / "eval" / "scores.json").read_text())["results"]
    assert {result["supervision"] for result in results} == {"tags"}


@pytest.fixture
def salient(run: Path, tmp_path: Path, puzzlecam: Run) -> tuple[Path, Path]:
    """A run with saliency maps, and their folder."""
    folder = drawn(tmp_path / "maps", LEFT)
    result = puzzlecam("run-all", run, "--run", run, "--until", "rw", "-s", f"{SAL}={folder}")
    assert result.exit_code == 0, result.output
    return run, folder


def stale(puzzlecam: Run, run: Path, *changes: str) -> tuple[set[str], str]:
    """The steps that a plan would make, and all that it says."""
    arguments = [part for change in changes for part in ("-s", change)]
    result = puzzlecam("run-all", run, "--run", run, "--until", "rw", "--plan", *arguments)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert len(rows) == 6, result.stdout
    return {row[1] for row in rows if row[0] in ("run", "resume", "repair")}, result.stdout


def test_steps_are_made_anew_by_the_uses_that_they_make(salient: tuple[Path, Path], puzzlecam: Run) -> None:
    run, folder = salient
    assert stale(puzzlecam, run)[0] == set()
    both = {"affinity/labels", "affinity/model", "rw/scores", "rw/pseudo_labels"}
    assert stale(puzzlecam, run, "saliency.maps=0.5")[0] == both
    assert stale(puzzlecam, run, "saliency.labels=0.5")[0] == both
    assert stale(puzzlecam, run, "saliency.walk=true")[0] == {"rw/scores", "rw/pseudo_labels"}
    assert stale(puzzlecam, run, f"{SAL}=null")[0] == both
    (folder / "v20.png").write_bytes(b"")
    assert stale(puzzlecam, run)[0] == set(), "a file that is no photo's decides nothing"
    Image.new("L", SIZE, 7).save(folder / "t03.png")
    found, said = stale(puzzlecam, run)
    assert found == both
    assert "the saliency maps changed" in said


def test_keys_of_a_saliency_that_is_not_there_change_nothing(run: Path, puzzlecam: Run) -> None:
    assert stale(puzzlecam, run, "saliency.maps=0.1", "saliency.walk=true")[0] == set()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def tinted(path: Path) -> None:
    Image.new("RGB", SIZE, "red").save(path)


# what is done to the map of one photo, the reference, what is said of it
FAULTY: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (lambda path: path.unlink(), "saliency-missing", "not there"),
    "cut off": (cut, "saliency-unreadable", "cannot be decoded"),
    "empty": (lambda path: path.write_bytes(b""), "saliency-unreadable", "is empty"),
    "in colour": (tinted, "saliency-unreadable", "is no grey PNG of 8 bits"),
    "a JPEG": (lambda path: Image.new("L", (64, 64)).save(path, format="jpeg"), "saliency-unreadable", "no grey PNG"),
    "of floats": (
        lambda path: Image.fromarray(np.zeros((64, 64), np.float32)).save(path, format="tiff"),
        "saliency-unreadable",
        "no grey PNG",
    ),
    "of 16 bits": (
        lambda path: Image.fromarray(np.zeros((64, 64), np.uint16)).save(path),
        "saliency-unreadable",
        "no grey PNG of 8 bits",
    ),
    "of another size": (lambda path: Image.new("L", (64, 32)).save(path), "saliency-unreadable", "has 64 × 32 pixels"),
    "a folder": (lambda path: [path.unlink(), path.mkdir()], "saliency-missing", "is a folder"),
    "text": (lambda path: path.write_text("white"), "saliency-unreadable", "cannot be decoded"),
}


@pytest.mark.parametrize(("spoil", "reference", "words"), FAULTY.values(), ids=FAULTY)
def test_a_map_that_cannot_be_used_is_told_at_the_start(
    spoil: Callable[[Path], object], reference: str, words: str, run: Path, tmp_path: Path, puzzlecam: Run
) -> None:
    folder, before = drawn(tmp_path / "maps", WHITE), files(run, *MADE)
    spoiled = sorted(folder.glob("*.png"))[2]
    spoil(spoiled)
    result = puzzlecam("run-all", run, "--run", run, "-s", f"{SAL}={folder}")
    assert result.exit_code == 2, result.output
    message = result.stderr[result.stderr.index("error:") :].rstrip()
    check_message(message)
    assert message.startswith(f"error: {reference}\n")
    assert words in message
    assert spoiled.stem in message
    assert "1 of 16" in message
    assert files(run, *MADE) == before
    checked = puzzlecam("data", "check", run, "--json", "-s", f"{SAL}={folder}")
    assert checked.exit_code == 2, checked.output
    (found,) = (one for one in json.loads(checked.stdout)["findings"] if one["finding"] == reference)
    assert found["ids"] == [spoiled.stem]


RECIPES: dict[str, tuple[tuple[str, ...], str]] = {
    "two sources": (("saliency.folder=maps", "saliency.plugin=mine"), "give one of them"),
    "no use": (
        ("saliency.folder=maps", "saliency.maps=0", "saliency.labels=0"),
        "used for nothing",
    ),
    "too large a share": (("saliency.maps=1.5",), "saliency.maps"),
    "an unknown key": (("saliency.path=maps",), "saliency.path"),
    "no folder": (("saliency.folder=nowhere",), "there is no folder of saliency maps nowhere"),
    "an empty name": (("saliency.folder=''",), "must not be empty"),
    "an unknown plugin": (("saliency.plugin=nobody",), "no saliency method is called `nobody`"),
}


@pytest.mark.parametrize(("changes", "words"), RECIPES.values(), ids=RECIPES)
def test_a_section_that_makes_no_sense_is_refused(
    changes: tuple[str, ...], words: str, run: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [part for change in changes for part in ("-s", change)]
    result = puzzlecam("run-all", run, "--run", run, "--plan", *arguments)
    assert result.exit_code == 2, result.output
    check_message(result.stderr.rstrip())
    assert words in result.stderr


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where plugins are installed."""
    home = tmp_path / "site"
    home.mkdir()
    monkeypatch.syspath_prepend(home)
    yield home
    for name in [name for name in sys.modules if name.startswith("way_in_")]:
        del sys.modules[name]


HALF = """import numpy
def make(photo):
    assert photo.dtype == numpy.uint8 and photo.ndim == 3
    out = numpy.zeros(photo.shape[:2])
    out[:, : photo.shape[1] // 2] = 1
    return out
"""


def test_a_plugin_gives_the_same_as_its_maps_in_a_folder(
    salient: tuple[Path, Path], base: Path, path: Path, tmp_path: Path, puzzlecam: Run
) -> None:
    install(path, "halves", HALF, group=GROUPS["saliency"], name="halves")
    other = Path(shutil.copytree(base, tmp_path / "other"))
    result = puzzlecam("run-all", other, "--run", other, "--until", "rw", "-s", "saliency.plugin=halves")
    assert result.exit_code == 0, result.output
    assert files(other, *MADE) == files(salient[0], *MADE) != files(base, *MADE)


PLUGINS = {
    "an error": ("def make(photo): raise IndexError('no grid')", "failed: IndexError: no grid"),
    "another shape": ("def make(photo): return photo", "gave (48, 64, 3) for a photo of"),
    "grey levels": ("def make(photo): return photo[..., 0] * 0 + 255", "gave values from 255 to 255, not in [0, 1]"),
    "no numbers": ("def make(photo): return photo[..., 0] * float('nan')", "not in [0, 1]"),
    "nothing": ("def make(photo): pass", "gave ()"),
    "no function": ("make = 3", "is a int, which is not callable"),
}


@pytest.mark.parametrize(("source", "words"), PLUGINS.values(), ids=PLUGINS)
def test_a_plugin_that_fails_is_named_at_the_start(
    source: str, words: str, run: Path, path: Path, puzzlecam: Run
) -> None:
    name = "".join(filter(str.isalpha, words)).lower()
    install(path, "theirs", source, group=GROUPS["saliency"], name=name)
    before = files(run, *MADE)
    result = puzzlecam("run-all", run, "--run", run, "-s", f"saliency.plugin={name}")
    assert result.exit_code == 2, result.output
    check_message(result.stderr[result.stderr.index("error:") :].rstrip())
    assert words in result.stderr
    assert f"saliency method `{name}` from theirs 1.2" in result.stderr
    assert files(run, *MADE) == before
