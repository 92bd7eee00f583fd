"""What people give to be used: a run, a model file, and all that is neither."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.model_file import describe_again, read_description
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.session.plan import status_of
from puzzlecam_cli.use.model import load_model
from tests.models.descriptions import described

MODELS = ("train-cls", "affinity", "seg")


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run, tmp_path / "run")


def in_ledger(run: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    ledger = json.loads((run / "run.json").read_text())
    change(ledger)
    (run / "run.json").write_text(json.dumps(ledger))


def as_of_an_older_version(run: Path) -> None:
    for stage in MODELS:
        file = run / stage / "model.safetensors"
        save_file(load_file(file), file)


def without_data(run: Path) -> None:
    """An older run of photos that are not there any more."""
    as_of_an_older_version(run)
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["data"] = {"kind": "voc", "root": "/nowhere"}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))


Make = Callable[[Path], Path]


def saying(**metadata: object) -> Make:
    """The model with other metadata: values that are no text are written as JSON."""

    def make(run: Path) -> Path:
        with safe_open(seg(run), "pt") as file:
            said = file.metadata() | {key: json.dumps(value) for key, value in metadata.items()}
        save_file(load_file(seg(run)), run / "said.safetensors", said)
        return run / "said.safetensors"

    return make


NAMES = ("striped", "checkered", "dotted")


def seg(run: Path) -> Path:
    return run / "seg/model.safetensors"


def wrote(run: Path, name: str, content: bytes) -> Path:
    (run / name).write_bytes(content)
    return run / name


def stale(run: Path) -> Path:
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("width: 16", "width: 20"))
    return run


def remade_classifier(run: Path) -> Path:
    in_ledger(run, lambda ledger: ledger["stages"]["train-cls"]["steps"]["train-cls/model"].update(ended="later"))
    return run


def unfinished(run: Path) -> Path:
    in_ledger(run, lambda ledger: ledger["stages"]["seg"]["steps"]["seg/model"].update(state="running"))
    return run


def never_made(run: Path) -> Path:
    in_ledger(run, lambda ledger: ledger["stages"].pop("seg"))
    return run


def of_another_backbone(run: Path) -> Path:
    description = read_description(seg(run))
    assert description is not None
    describe_again(seg(run), described(backbone="dino_giant", classes=description.classes, colours=description.colours))
    return seg(run)


def of_other_classes(run: Path) -> Path:
    describe_again(seg(run), described())
    return seg(run)


def moved(source: Callable[[Path], Path], name: str) -> Make:
    return lambda run: Path(shutil.copy(source(run), run.parent / name))


def unnamed(run: Path) -> Path:
    as_of_an_older_version(run)
    return moved(seg, "old.safetensors")(run)


def with_data_gone(run: Path) -> Path:
    without_data(run)
    shutil.rmtree(run / "eval")
    return run


def pipe(run: Path) -> Path:
    os.mkfifo(run / "pipe")
    return run / "pipe"


def cut(run: Path) -> Path:
    return wrote(run, "cut.safetensors", seg(run).read_bytes()[:-100])


def with_nan(run: Path) -> Path:
    state, description = load_file(seg(run)), read_description(seg(run))
    assert description is not None
    next(value for value in state.values() if value.is_floating_point()).fill_(torch.nan)
    save_file(state, run / "nan.safetensors")
    describe_again(run / "nan.safetensors", description)
    return run / "nan.safetensors"


REFUSED: dict[str, tuple[Make, str, str]] = {
    "nothing": (lambda run: run / "gone", "model-missing", "is not there"),
    "a folder that is no run": (lambda run: run / "cams", "model-missing", "not that of a run"),
    "the folder of runs": (lambda run: run.parent, "model-missing", "did you mean"),
    "a pipe": (pipe, "model-missing", "a pipe"),
    "an empty file": (lambda run: wrote(run, "e.safetensors", b""), "model-unreadable", "damaged"),
    "a text": (lambda run: wrote(run, "t.safetensors", b"a model"), "model-unreadable", "damaged"),
    "a file that is cut short": (cut, "model-unreadable", "damaged"),
    "a .pth": (lambda run: wrote(run, "m.pth", pickle.dumps({})), "model-foreign", "weights alone"),
    "an .onnx": (lambda run: wrote(run, "m.onnx", b"\x08\x07"), "model-foreign", "does not say what its network is"),
    "safetensors of another program": (
        lambda run: save_file({"a": torch.zeros(2)}, run / "a.safetensors", {"format": "pt"}) or run / "a.safetensors",
        "model-foreign",
        "does not say",
    ),
    "a model of an older version alone": (unnamed, "model-foreign", "run's folder"),
    "a run without seg": (never_made, "stage-missing", "`seg`"),
    "a run whose seg was interrupted": (unfinished, "stage-missing", "has not finished"),
    "a run whose recipe changed": (stale, "stage-stale", "seg.width changed: 16 → 20"),
    "a run whose classifier was made anew": (remade_classifier, "stage-stale", "train-cls/model was made anew"),
    "a classifier": (lambda run: run / "train-cls/model.safetensors", "model-unfit", "is a classifier"),
    "an affinity network": (lambda run: run / "affinity/model.safetensors", "model-unfit", "affinity network"),
    "a backbone that is not installed": (of_another_backbone, "backbone-missing", "dino_giant"),
    "metadata of another network": (of_other_classes, "artifact-unreadable", "tensors differ"),
    "a class without a name": (saying(classes=["", *NAMES[1:]]), "model-unreadable", "no name of a class"),
    "a class called background": (saying(classes=["background", *NAMES[1:]]), "model-unreadable", "`background`"),
    "a class of escape codes": (saying(classes=["\x1b[31m", *NAMES[1:]]), "model-unreadable", "`\\x1b[31m`"),
    "classes of one name": (saying(classes=[NAMES[0], *NAMES[:2]]), "model-unreadable", "names that differ"),
    "a precision there is not": (saying(predict={"mixed_precision": "fp4"}), "model-unreadable", "precision"),
    "a header of 2^60 bytes": (
        lambda run: wrote(run, "h.safetensors", (1 << 60).to_bytes(8, "little") + b"{}"),
        "model-unreadable",
        "damaged",
    ),
    "weights that are not finite": (with_nan, "artifact-unreadable", "not finite in 1 tensors"),
    "an older run whose data are gone": (with_data_gone, "classes-unknown", "put the data back"),
}


@pytest.mark.parametrize(("make", "reference", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_used_is_refused(make: Make, reference: str, said: str, run: Path) -> None:
    given = make(run)
    with pytest.raises(UserError) as caught:
        open_model(given)
    assert caught.value.reference == reference, str(caught.value)
    assert said in str(caught.value)
    assert caught.value.hint
    assert len(str(caught.value)) < 1200


def older(run: Path) -> Path:
    as_of_an_older_version(run)
    return run


def older_file(run: Path) -> Path:
    return seg(older(run))


def older_without_data(run: Path) -> Path:
    """Its scores name the classes."""
    without_data(run)
    return seg(run)


def read_only(run: Path) -> Path:
    for path in [run, *run.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    return run


OPENED: dict[str, Make] = {
    "a run": lambda run: run,
    "a run with a slash": lambda run: Path(f"{run}/"),
    "its model": seg,
    "a copy of any name": moved(seg, "cats (final) v2.bak"),
    "a link": lambda run: (run.parent / "link").symlink_to(run) or run.parent / "link",  # type: ignore[func-returns-value]
    "an older run": older,
    "an older model in its run": older_file,
    "an older model whose data are gone": older_without_data,
    "a run that cannot be written in": lambda run: read_only(older(run)),
    "a run without its maps": lambda run: shutil.rmtree(run / "cams") or run,  # type: ignore[func-returns-value]
}


@pytest.mark.parametrize("make", OPENED.values(), ids=OPENED.keys())
def test_what_can_be_used_predicts_what_seg_wrote(make: Make, run: Path, finished_run: Path) -> None:
    given = make(run)
    description, network = open_model(given)
    wanted = load_file(seg(finished_run))
    assert all(torch.equal(value, wanted[name]) for name, value in network.state_dict().items())
    assert description.classes == read_description(seg(finished_run)).classes  # type: ignore[union-attr]
    model = load_model(given, device="cpu")
    for path in sorted((finished_run / "seg/predictions").rglob("*.png")):
        (photo,) = (finished_run / "data").rglob(f"{path.stem}.jpg")
        assert np.array_equal(model.predict(photo).labels, np.array(Image.open(path)))


def test_an_older_run_is_upgraded_in_place_and_stays_done(run: Path, finished_run: Path) -> None:
    as_of_an_older_version(run)
    before = {stage: load_file(run / stage / "model.safetensors") for stage in MODELS}
    open_model(run)
    for stage in MODELS:
        assert read_description(run / stage / "model.safetensors") == read_description(
            finished_run / stage / "model.safetensors"
        )
        after = load_file(run / stage / "model.safetensors")
        assert all(torch.equal(value, after[name]) for name, value in before[stage].items())
    assert {entry.state for entry in status_of(run)} == {"done"}


def test_an_older_model_that_is_damaged_keeps_none_of_the_others_from_use(run: Path) -> None:
    as_of_an_older_version(run)
    (run / "affinity/model.safetensors").write_bytes(b"no model")
    open_model(run)
    assert read_description(run / "train-cls/model.safetensors")
