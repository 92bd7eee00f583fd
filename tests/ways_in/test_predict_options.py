"""What else `puzzlecam predict` is told: models, tags, settings, folders. What cannot be done is refused at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.session.predict import predict

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


MODELS: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "nothing": (lambda run, tmp: tmp / "no", "model-missing"),
    "a folder that is no run": (lambda run, tmp: tmp, "model-missing"),
    "a classifier": (lambda run, tmp: run / "train-cls" / "model.safetensors", "model-unfit"),
    "an image": (lambda run, tmp: next((run / "data" / "JPEGImages").iterdir()), "artifact-unreadable"),
}


@pytest.mark.parametrize(("make", "reference"), MODELS.values(), ids=MODELS)
def test_what_is_no_model_is_refused(
    make: Callable[[Path, Path], Path], reference: str, finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        predict(str(make(finished_run, tmp_path)), [str(photos)], tmp_path / "out")
    assert caught.value.reference in (reference, "model-unreadable")
    assert not (tmp_path / "out").exists()


PLACES: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
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
    before = sorted([*tmp_path.rglob("*"), *finished_run.rglob("*")])
    with pytest.raises(UserError, match=told) as caught:
        predict(str(finished_run), [str(photos)], place(finished_run, tmp_path))
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
