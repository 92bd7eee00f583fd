"""Who infers in dense CRFs: named or chosen, it makes the labels, is remembered, and two in one run are told."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.engine import dense_crfs
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.crf_engines import ENGINES, best_engine
from puzzlecam_cli.run import crf_engines
from puzzlecam_cli.run.crf_engines import check_agreed
from puzzlecam_cli.use.run import Run as FinishedRun
from tests.conftest import Run

WITH_CRF = ("affinity/labels", "rw/pseudo_labels", "seg/predictions")
two_engines = pytest.mark.skipif(find_spec("pydensecrf") is None, reason="pydensecrf is not installed")


def versions(run: Path) -> dict[str, dict[str, str]]:
    stages = json.loads((run / "run.json").read_text())["stages"].values()
    return {name: record["versions"] for stage in stages for name, record in stage["steps"].items()}


def labels(folder: Path) -> np.ndarray[Any, Any]:
    return np.concatenate([np.array(Image.open(path)).ravel() for path in sorted(folder.iterdir())])


@pytest.fixture
def copy(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def choose(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `auto` is."""
    monkeypatch.setattr(dense_crfs, "best_engine", lambda device: name)


@pytest.mark.parametrize(
    ("there", "device", "best"),
    [
        (["pydensecrf", "torch"], "cpu", "pydensecrf"),
        (["torch"], "cpu", "torch"),
        (["pydensecrf", "torch"], "cuda:1", "torch"),
        (["pydensecrf", "torch"], "mps", "pydensecrf"),
    ],
)
def test_auto_is_the_fastest_that_is_there(
    there: list[str], device: str, best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, engine in ENGINES.items():
        needs = "json" if name in there else "no_module_of_this_name"
        monkeypatch.setitem(ENGINES, name, engine._replace(needs=needs))
    assert best_engine(device) == best


def test_every_step_with_a_crf_remembers_its_engine_and_no_other_does(finished_run: Path) -> None:
    engines = {name: found["crf.engine"] for name, found in versions(finished_run).items() if "crf.engine" in found}
    assert engines == dict.fromkeys(WITH_CRF, best_engine())
    if find_spec("pydensecrf"):
        assert versions(finished_run)["rw/pseudo_labels"]["pydensecrf2"]


def test_naming_what_auto_was_keeps_all(puzzlecam: Run, finished_run: Path, tiny_recipe: Path) -> None:
    named = [f"--set={key}.crf.engine={best_engine()}" for key in ("affinity.labels", "rw", "seg.predict")]
    plan = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--plan", *named)
    assert plan.exit_code == 0
    assert all(line.startswith("keep") for line in plan.stdout.splitlines())


@two_engines
def test_a_run_by_torch_is_like_one_by_the_best(
    finished_run: Path, copy: Path, tiny_recipe: Path, puzzlecam: Run
) -> None:
    named = [f"--set={key}.crf.engine=torch" for key in ("affinity.labels", "rw", "seg.predict")]
    result = puzzlecam("run-all", tiny_recipe, "--run", copy, *named)
    assert result.exit_code == 0, result.output
    assert {name: versions(copy)[name]["crf.engine"] for name in WITH_CRF} == dict.fromkeys(WITH_CRF, "torch")
    alike = labels(copy / "affinity" / "labels") == labels(finished_run / "affinity" / "labels")
    assert alike.mean() > 0.99


@two_engines
def test_a_step_that_goes_on_with_another_engine_says_so(
    copy: Path, tiny_recipe: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("torch", monkeypatch)
    next((copy / "rw" / "pseudo_labels").iterdir()).unlink()
    result = puzzlecam("rw", tiny_recipe, "--run", copy)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stderr.split())
    assert "rw/pseudo_labels was begun with the CRF engine pydensecrf and goes on with torch" in said
    assert "affinity/labels is of the CRF engine pydensecrf, rw/pseudo_labels of torch" in said
    assert versions(copy)["rw/pseudo_labels"]["crf.engine"] == "pydensecrf, torch"
    again = puzzlecam("rw", tiny_recipe, "--run", copy, "--force")
    assert "begun with" not in again.stderr
    assert versions(copy)["rw/pseudo_labels"]["crf.engine"] == "torch"


@two_engines
def test_a_folder_of_predictions_by_two_engines_says_so(
    model: Path, photos: Path, tmp_path: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = sorted(photos.iterdir())
    calm = ("--out", tmp_path / "out", "--set", "runtime.workers=0", "--cpu")
    assert "CRF engine" not in puzzlecam("predict", model, first, *calm).stderr
    choose("torch", monkeypatch)
    result = puzzlecam("predict", model, second, *calm)
    assert result.exit_code == 0, result.output
    assert "results of earlier calls are of the CRF engine pydensecrf, those made now of torch" in result.stderr


@two_engines
@pytest.mark.parametrize("source", ["seg", "pseudo"])
def test_predictions_by_another_engine_than_that_of_the_run_say_so(
    source: str, finished_run: Path, photos: Path, tmp_path: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = sorted(photos.iterdir())[0]
    (tmp_path / "tags.csv").write_text(f"file,tags\n{photo.name},{FinishedRun(finished_run).classes[0]}\n")
    said = "the run's own labels are of the CRF engine pydensecrf, those made now of torch"
    asked = ("--from", source, "--tags", tmp_path / "tags.csv", "--set", "runtime.workers=0", "--cpu")
    for engine in ("pydensecrf", "torch"):
        choose(engine, monkeypatch)
        result = puzzlecam("predict", finished_run, photo, "--out", tmp_path / engine, *asked)
        assert result.exit_code == 0, result.output
        assert (said in " ".join(result.stderr.split())) == (engine == "torch")


def test_predict_refuses_an_engine_that_is_not_there_before_anything(
    model: Path, photos: Path, tmp_path: Path, puzzlecam: Run
) -> None:
    asked = ("--out", tmp_path / "out", "--set", "seg.predict.crf.engine=Torch")
    result = puzzlecam("predict", model, photos, *asked)
    assert result.exit_code == 2
    assert "crf-missing" in result.stderr
    assert not (tmp_path / "out").exists()


def test_processes_of_two_engines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crf_engines, "agreed", lambda value, accelerator: {"crf.engine": "pydensecrf"})
    check_agreed({"crf.engine": "pydensecrf"}, None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="of two engines: pydensecrf on the first machine, torch on this one"):
        check_agreed({"crf.engine": "torch"}, None)  # type: ignore[arg-type]
