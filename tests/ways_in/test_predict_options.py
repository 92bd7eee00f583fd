"""What else `puzzlecam predict` is told: models, tags, settings, folders. What cannot be done is refused at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.session.predict import predict
from puzzlecam_cli.use.labels import write_labels
from puzzlecam_cli.use.sources import open_source

REFUSED: dict[str, tuple[dict[str, object], str, str]] = {
    "a class that is not known": ({"tags": "file,tags\nsynthetic_val_0001.jpg,dottet\n"}, "tags-unlisted", "dottet"),
    "tags of other photos": ({"tags": "file,tags\nx.jpg,dotted\n"}, "tags-unmatched", "x.jpg"),
    "tags in no encoding": ({"tags": "file,tags\nx.jpg,a\0b\n"}, "tags-encoding", "save it as UTF-8"),
    "tags of a variable that is not set": ({"tags": ""}, "usage", "--tags names nothing"),
    "pseudo labels without tags": ({"source": "pseudo"}, "usage", "--tags"),
    "pseudo labels of photos without a row": (
        {"source": "pseudo", "tags": "file,tags\nsynthetic_val_0001.jpg,dotted\n"},
        "tags-unmatched",
        "8 photos",
    ),
    "maps of the network": ({"keep": True}, "usage", "--keep-maps"),
    "an unknown format": ({"formats": "jsn"}, "usage", "did you mean `json`"),
    "a setting of seg for pseudo labels": (
        {"source": "pseudo", "tags": "folders", "changes": ["seg.predict.flip=false"]},
        "recipe-invalid",
        "is not a key",
    ),
    "a key of another stage": ({"changes": ["seg.epochs=3"]}, "recipe-invalid", "seg.epochs"),
    "a value that cannot be": ({"changes": ["seg.predict.flip=7"]}, "recipe-invalid", "seg.predict.flip"),
}


@pytest.mark.parametrize(("given", "reference", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_refused_before_anything_is_made(
    given: dict[str, object], reference: str, told: str, finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    if given.get("tags"):
        (tmp_path / "tags.csv").write_text(str(given["tags"]))
        given = given | {"tags": str(tmp_path / "tags.csv")}
    with pytest.raises(UserError) as caught:
        predict(str(finished_run), [str(photos)], tmp_path / "out", **given)  # type: ignore[arg-type]
    assert caught.value.reference == reference
    assert told in str(caught.value)
    assert "did you mean `seg`" not in str(caught.value)
    assert "data.encoding" not in str(caught.value)  # it is no setting of this command
    assert not (tmp_path / "out").exists()


def _recipe(run: Path, folder: Path) -> Path:
    return Path(shutil.copy(run / "recipe.yaml", folder / "PHOTOS.yaml"))


MODELS: dict[str, tuple[Callable[[Path, Path], Path], str, str]] = {
    "nothing": (lambda run, tmp: tmp / "no", "model-missing", "is not there"),
    "a folder that is no run": (lambda run, tmp: tmp, "model-missing", "is a folder, but not that of a run"),
    "a stage's folder": (lambda run, tmp: run / "seg", "model-missing", "did you mean {run}?"),
    "predictions in a run": (lambda run, tmp: run / "seg/predictions/val", "model-missing", "did you mean {run}?"),
    "a classifier": (lambda run, tmp: run / "train-cls" / "model.safetensors", "model-unfit", "another stage"),
    "a photo": (
        lambda run, tmp: next((run / "data" / "JPEGImages").iterdir()),
        "model-foreign",
        "the run or model comes first",
    ),
    "a recipe": (_recipe, "model-foreign", "the folder of its run (runs/PHOTOS), not the recipe"),
    "the recipe of a run": (lambda run, tmp: run / "recipe.yaml", "model-foreign", "its run ({run}), not the recipe"),
}


@pytest.mark.parametrize(("make", "reference", "told"), MODELS.values(), ids=MODELS)
def test_what_is_no_model_is_refused(
    make: Callable[[Path, Path], Path], reference: str, told: str, finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        predict(str(make(finished_run, tmp_path)), [str(photos)], tmp_path / "out")
    assert caught.value.reference == reference
    assert told.format(run=finished_run) in str(caught.value)
    assert not (tmp_path / "out").exists()


def _put(file: Path) -> Path:
    file.parent.mkdir(parents=True)
    file.write_text("")
    return file


PLACES: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "a folder of other photos": (lambda run, tmp: _put(tmp / "o" / "b.JPG").parent, "o holds images"),
    "a folder with photos somewhere in it": (lambda run, tmp: _put(tmp / "o" / "of" / "b.jpg").parent.parent, "images"),
    "the folder of the run's photos": (lambda run, tmp: run / "data", "data holds images"),
    "what labels wrote": (lambda run, tmp: _put(tmp / "o/.puzzlecam/written.jsonl").parents[1], "`labels` wrote"),
    "a file": (lambda run, tmp: tmp / "file", "is no folder"),
    "below a file": (lambda run, tmp: tmp / "file" / "below", "is no folder"),
    "the folder of a run": (lambda run, tmp: run, "run"),
    "the folder of the photos": (lambda run, tmp: tmp / "photos", "photos"),
    "a folder around the photos": (lambda run, tmp: tmp, "photos"),
    "no name": (lambda run, tmp: Path("\n"), "--out names nothing"),
    "a name with an escape": (lambda run, tmp: tmp / "\x1b[31m", "unprintable"),
}


@pytest.mark.parametrize(("place", "told"), PLACES.values(), ids=PLACES)
def test_folders_that_results_cannot_lie_in_are_refused(
    place: Callable[[Path, Path], Path], told: str, finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    out = place(finished_run, tmp_path)
    before = sorted([*tmp_path.rglob("*"), *finished_run.rglob("*")])
    with pytest.raises(UserError, match=told) as caught:
        predict(str(finished_run), [str(photos)], out)
    assert "--run" not in (caught.value.hint or "")
    assert sorted([*tmp_path.rglob("*"), *finished_run.rglob("*")]) == before


@pytest.mark.parametrize("name", ["confidence", "overlay", "yolo/labels"])
@pytest.mark.parametrize("force", [False, True])
def test_a_file_in_the_place_of_a_folder_is_told_before_anything_is_made(
    name: str, force: bool, finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(UserError, match=name) as caught:
        predict(
            str(finished_run), [str(photos)], tmp_path / "out", formats="overlay,yolo", confidence=True, force=force
        )
    assert caught.value.reference in ("folder-not-ours", "output-exists")
    assert file.read_text() == "mine"
    assert not (tmp_path / "out/.puzzlecam").exists()


LABELS: dict[str, tuple[str, bool, str | None]] = {
    "photos": ("other.jpg", False, "holds images"),
    "photos, with --force": ("other.jpg", True, "holds images"),
    "predictions": (".puzzlecam/made.json", False, "`predict` made"),
    "its own labels": (".puzzlecam/written.jsonl", False, None),
    "notes": ("notes.txt", False, None),
}


@pytest.mark.parametrize(("file", "force", "told"), LABELS.values(), ids=LABELS)
def test_labels_are_not_mixed_with_what_is_in_their_folder(
    file: str, force: bool, told: str | None, finished_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _put(out / file)
    if told is None:
        assert write_labels(finished_run, out) > 0
        return
    with pytest.raises(UserError, match=told):
        write_labels(finished_run, out, force=force)
    assert [path for path in out.rglob("*") if path.is_file()] == [out / file]


@pytest.mark.parametrize(
    ("made_by", "told"),
    [("a/model.safetensors", "they are of `a/model.safetensors`, not of"), (None, "of another model"), ("", "anew")],
    ids=["another file", "not known, of an older version", "the same file, trained anew"],
)
def test_the_model_that_made_earlier_results_is_called_by_its_place(
    made_by: str | None, told: str, model: Path, photos: Path, tmp_path: Path
) -> None:
    made = _put(tmp_path / "out/.puzzlecam/made.json")
    inputs = dict(open_source(model, "seg", []).inputs, model="0123456789abcdef")
    content = {"schema": 1, "inputs": inputs} | ({} if made_by is None else {"model": made_by or str(model)})
    made.write_text(json.dumps(content))
    with pytest.raises(UserError, match=told) as caught:
        predict(str(model), [str(photos)], tmp_path / "out")
    assert caught.value.reference == "results-of-another"
    assert "0123456789abcdef" not in str(caught.value)
    assert len(caught.value.where) == 1


def test_what_is_wrong_is_told_without_pytorch(finished_run: Path, tmp_path: Path) -> None:
    code = """
import sys
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.session.predict import predict
for model, given in ((sys.argv[1], {}), ("no", {}), (sys.argv[1], {"formats": "jsn"}), (sys.argv[1], {"tags": "no"})):
    try:
        predict(model, ["no.jpg"], "out", **given)
    except UserError as error:
        print(error.reference)
print("torch" in sys.modules)
"""
    call = [sys.executable, "-c", code, str(finished_run)]
    said = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert said == ["path-unusable", "model-missing", "usage", "path-unusable", "False"]
