"""`puzzlecam_cli.Run`: what is given to it from Python, right or wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli import Run, UserError, run_stages
from puzzlecam_cli.run.clean import clean
from puzzlecam_cli.run.run import Run as Working
from puzzlecam_cli.stages import PIPELINE
from tests.recipe.messages import check_message

TRAINED, NEW = "synthetic_train_0002", "synthetic_val_0001"


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run, tmp_path / "run")


def forget(*places: str) -> Callable[[Path], None]:
    """Without a stage's files, and without what tells of them."""

    def change(run: Path) -> None:
        for place in places:
            shutil.rmtree(run / place) if (run / place).is_dir() else (run / place).unlink()

    return change


def overwrite(place: str, text: bytes) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / place).write_bytes(text)

    return change


def unmade(run: Path) -> None:
    """A run whose first stage has only begun."""
    forget("cams", "affinity", "rw", "seg", "eval", "made")(run)
    (run / "run.json").write_text('{"schema": 1, "recipe": "", "stages": {}}')


def without_models(run: Path) -> None:
    unmade(run)
    forget("train-cls", "data")(run)


def cleaned(run: Path) -> None:
    clean(Working.of(run), PIPELINE, say=print, tick=lambda done, total: None)


def nothing(run: Path) -> None:
    pass


def test_a_script_that_its_own_processes_run_once_more_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from multiprocessing import get_context\nfrom puzzlecam_cli import run_stages\n"
        "if __name__ == '__main__':\n"
        "    child = get_context('spawn').Process(target=print)\n    child.start()\n    child.join()\n"
        "else:\n    run_stages('quickstart', 'run')\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert 'if __name__ == "__main__":' in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", [{"stages": "eval"}, {"changes": "seg.epochs=x"}], ids=["a stage", "a change"])
def test_one_text_is_one_stage_or_change(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stage-missing|seg\.epochs"):
        run_stages("quickstart", tmp_path / "run", **given)


FOLDERS: dict[str, tuple[Callable[[Path], None], str, tuple[str, ...]]] = {
    "no folder": (lambda run: shutil.rmtree(run), "run-missing", ("is no folder",)),
    "a folder that is no run": (forget("run.json"), "run-missing", ("run.json",)),
    "a run without its recipe": (forget("recipe.yaml"), "run-missing", ("recipe.yaml",)),
    "a damaged ledger": (overwrite("run.json", b"{"), "run-unreadable", ("run.json",)),
    "a newer ledger": (overwrite("run.json", b'{"schema": 9, "stages": {}}'), "run-newer", ("newer",)),
    "a recipe that is no YAML": (overwrite("recipe.yaml", b"a: [\n"), "recipe-unreadable", ("recipe.yaml",)),
    "a recipe with an unknown key": (overwrite("recipe.yaml", b"recipe: 1\ndata: {kind: synthetic}\nbackbone: a\nx: 1"),
                                     "recipe-invalid", ("x",)),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_that_cannot_be_opened(run: Path, case: str) -> None:
    change, reference, words = FOLDERS[case]
    change(run)
    with pytest.raises(UserError) as caught:
        Run(run)
    assert caught.value.reference == reference
    check_message(str(caught.value))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "path", ["~nobody-is-called-so/run", "x" * 300, "a\0b", ""], ids=["home", "long", "NUL", "empty"]
)
def test_a_path_that_can_be_no_run(path: str) -> None:
    with pytest.raises(UserError, match="run-missing"):
        Run(path)


ASKED: dict[str, tuple[Callable[[Path], None], Callable[[Run], object], str, tuple[str, ...]]] = {
    "a misspelt id": (nothing, lambda r: r.cams("synthetic_train_002"), "image-id", (f"did you mean `{TRAINED}`",)),
    "an id of another split": (nothing, lambda r: r.cams(NEW), "image-id", ("`train`",)),
    "an id that leads out": (nothing, lambda r: r.cams("../../etc/passwd"), "image-id", ("..",)),
    "an absolute id": (nothing, lambda r: r.pseudo_label("/etc/passwd"), "image-id", ("absolute",)),
    "an empty id": (nothing, lambda r: r.walked(""), "image-id", ("empty",)),
    "an id with its suffix": (nothing, lambda r: r.photo(f"{TRAINED}.jpg"), "image-id", (f"`{TRAINED}`",)),
    "a path for an id": (nothing, lambda r: r.tags(Path(TRAINED)), "image-id", ("no text",)),  # type: ignore[arg-type]
    "a number for an id": (nothing, lambda r: r.photo(7), "image-id", ("7",)),  # type: ignore[arg-type]
    "an unknown photo": (nothing, lambda r: r.photo("cat"), "image-id", ("cat",)),
    "the tags of an unknown photo": (nothing, lambda r: r.tags("cat"), "image-id", ("cat",)),
    "an unknown photo to show": (nothing, lambda r: r.show("cat"), "image-id", ("cat",)),
    "an unknown split": (nothing, lambda r: r.ids("test"), "split-missing", ("train, val",)),
    "a number for a split": (nothing, lambda r: r.ids(0), "split-missing", ("train, val",)),  # type: ignore[arg-type]
    "a prediction of an unknown split": (nothing, lambda r: r.prediction("test", NEW), "split-missing", ("val",)),
    "a prediction of `train`": (nothing, lambda r: r.prediction("train", TRAINED), "split-missing", ("`val`",)),
    "a stride there is not": (nothing, lambda r: r.cams(TRAINED, stride=3), "usage", ("1 or 4",)),
    "maps before there are any": (unmade, lambda r: r.cams(TRAINED), "stage-missing", ("puzzlecam cams",)),
    "walked maps before": (unmade, lambda r: r.walked(TRAINED), "stage-missing", ("puzzlecam rw",)),
    "pseudo labels before": (unmade, lambda r: r.pseudo_label(TRAINED), "stage-missing", ("puzzlecam rw",)),
    "predictions before": (unmade, lambda r: r.prediction("val", NEW), "stage-missing", ("puzzlecam seg",)),
    "scores before": (unmade, lambda r: r.scores(), "stage-missing", ("puzzlecam eval",)),
    "a model before": (unmade, lambda r: r.model(), "stage-missing", ("seg",)),
    "maps that were deleted": (forget(f"cams/{TRAINED}.npz"), lambda r: r.cams(TRAINED), "artifact-missing", (".npz",)),
    "maps that were cleaned away": (cleaned, lambda r: r.cams(TRAINED), "artifact-missing", ("away", "puzzlecam cams")),
    "a photo to predict that is not there": (
        nothing, lambda r: r.model().predict("no.jpg"), "image-missing", ("no.jpg is not there", "the path of a photo")
    ),
    "damaged maps": (
        overwrite(f"cams/{TRAINED}.npz", b"PK"), lambda r: r.cams(TRAINED), "artifact-unreadable", (".npz",)
    ),
    "a damaged pseudo label": (
        overwrite(f"rw/pseudo_labels/{TRAINED}.png", b"PNG"),
        lambda r: r.pseudo_label(TRAINED),
        "artifact-unreadable",
        (".png",),
    ),
    "damaged scores": (overwrite("eval/scores.json", b"{"), lambda r: r.scores(), "artifact-unreadable", ("eval",)),
    "a damaged photo": (
        overwrite(f"data/JPEGImages/{TRAINED}.jpg", b"JPEG"), lambda r: r.photo(TRAINED), "image-unreadable", (".jpg",)
    ),
    "a photo of data that are gone": (forget("data"), lambda r: r.photo(TRAINED), "data-missing", ("changes=",)),
    "data that are gone, to show": (forget("data"), lambda r: r.show(TRAINED), "data-missing", ("changes=",)),
    "classes that nothing names any more": (
        without_models,
        lambda r: r.classes,
        "data-missing",
        ("changes=",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_what_a_run_cannot_give(run: Path, case: str) -> None:
    change, ask, reference, words = ASKED[case]
    change(run)
    with pytest.raises(UserError) as caught:
        ask(Run(run))
    assert caught.value.reference == reference, str(caught.value)
    check_message(str(caught.value))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_run_before_its_maps_shows_the_photo_and_the_truth(run: Path) -> None:
    unmade(run)
    opened = Run(run)
    assert opened.show(TRAINED, size=100).width < 2 * 112
    assert opened.ids("train")[1] == TRAINED


def test_a_home_folder_and_a_text_are_paths_too(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(run.parent))
    assert Run("~/run").ids("val") == Run(str(run)).ids("val")


def test_a_folder_named_like_a_shipped_recipe_is_the_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    run.rename("quickstart")
    assert Run("quickstart").recipe.seg.width == 16


def test_changes_that_are_none_are_refused(run: Path) -> None:
    with pytest.raises(UserError, match="KEY=VALUE"):
        Run(run, changes=["data.root"])
