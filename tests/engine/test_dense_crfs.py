"""Dense CRFs of many photos: threads beside a GPU make the files of processes, and what it cannot hold is made."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.engine import dense_crfs
from puzzlecam_cli.engine.dense_crfs import TOO_LARGE, engine_of, fields_of, map_crfs, uses_gpu
from puzzlecam_cli.engine.refine import Segmented
from puzzlecam_cli.method.constants import LABEL_KERNELS
from puzzlecam_cli.method.crf_engines import ENGINES, FieldOf
from puzzlecam_cli.method.crf_torch import TorchField
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Crf, Runtime
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages.photo_jobs import (
    LabelJob,
    PredictionJob,
    PseudoLabelJob,
    label_photo,
    pseudo_label_photo,
    refine_prediction,
)

CPU, TORCH = torch.device("cpu"), Crf(engine="torch")
SHAPE = (20, 30)


def silent(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that a GPU's engine goes, with the CPU in its place."""
    monkeypatch.setattr(dense_crfs, "uses_gpu", lambda crf, device: True)


Job = LabelJob | PseudoLabelJob | PredictionJob


def make(job: Job, fields: FieldOf) -> None:
    match job:
        case LabelJob():
            label_photo(job, fields)
        case PseudoLabelJob():
            pseudo_label_photo(job, fields)
        case PredictionJob():
            refine_prediction(job, fields)


def make_all(finished_run: Path, out: Path) -> dict[str, bytes]:
    """Affinity labels, pseudo labels and predictions of the run's photos, by the engine `torch`."""
    recipe = load_recipe(str(finished_run))
    run = Run.at(recipe, finished_run)
    photos, folder = run.photos.photos(run.photos.splits.train, tags=True), run.folder
    classes, labels, rw = len(run.photos.classes), recipe.affinity.labels, recipe.rw

    def seen(path: Path) -> Segmented:
        image = np.array(open_image(path))
        noise = torch.rand(classes + 1, *image.shape[:2], generator=torch.Generator().manual_seed(0))
        return Segmented(image, (4 * noise).softmax(dim=0).numpy(), image.shape[:2])

    jobs: list[Job] = []
    for p in photos:
        jobs.append(LabelJob(p.image, folder.cam(p.id), out / f"sure-{p.id}", labels, classes))
        jobs.append(PseudoLabelJob(p.image, folder.walked_scores(p.id), out / f"pseudo-{p.id}", rw, classes))
        jobs.append(PredictionJob(seen(p.image), out / f"predicted-{p.id}", None, TORCH))
    assert len(list(map_crfs(make, jobs, TORCH, CPU, Runtime(workers=2), silent))) == len(jobs) == 18
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.usefixtures("_forked_pools")
def test_threads_beside_a_gpu_make_the_files_of_processes(
    finished_run: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It takes as long as two processes need to begin."""
    (tmp_path / "processes").mkdir()
    (tmp_path / "threads").mkdir()
    of_processes = make_all(finished_run, tmp_path / "processes")
    request.getfixturevalue("as_on_a_gpu")
    assert make_all(finished_run, tmp_path / "threads") == of_processes
    assert len(of_processes) == 18


def where(job: int, fields: FieldOf) -> int:
    return threading.get_ident()


@pytest.mark.usefixtures("as_on_a_gpu")
def test_photos_are_read_and_written_beside_the_gpu() -> None:
    assert threading.get_ident() not in map_crfs(where, range(4), TORCH, CPU, Runtime(workers=0), silent)


@pytest.mark.parametrize(
    ("engine", "device", "name", "on_gpu"),
    [
        ("auto", "cpu", "pydensecrf", False),
        ("auto", "cuda", "torch", True),
        ("torch", "cpu", "torch", False),
        ("torch", "cuda:1", "torch", True),
        ("pydensecrf", "cuda", "pydensecrf", False),
        ("mine", "cuda", "mine", False),
    ],
)
def test_a_gpu_is_used_where_the_engine_can(
    engine: str, device: str, name: str, on_gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINES, "pydensecrf", ENGINES["pydensecrf"]._replace(needs="json"))  # as if it were installed
    crf = Crf(engine=engine)
    assert engine_of(crf, torch.device(device)) == name
    assert uses_gpu(crf, torch.device(device)) == on_gpu


class Small:
    """An engine on a GPU whose memory is used up, when a field is made or when it infers."""

    when = ""

    def __init__(self, *given: Any):
        if self.when == "made":
            raise torch.OutOfMemoryError("CUDA out of memory")

    def infer(self, unary: Any, iterations: int) -> NDArray[np.float32]:
        raise torch.OutOfMemoryError("CUDA out of memory")


def photo_and_energies() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    numbers = np.random.default_rng(0)
    unary = numbers.random((3, SHAPE[0] * SHAPE[1]), dtype=np.float32)
    return numbers.integers(0, 256, (*SHAPE, 3), dtype=np.uint8), unary


def inferred(job: int, fields: FieldOf) -> NDArray[np.float32]:
    photo, unary = photo_and_energies()
    return fields(photo, 3, LABEL_KERNELS).infer(unary, 2)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("when", ["made", "infers"])
def test_what_a_gpu_cannot_hold_is_made_on_the_cpu_and_that_is_said(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = dense_crfs.crf_engine
    monkeypatch.setattr(Small, "when", when)
    monkeypatch.setattr(dense_crfs, "crf_engine", lambda name, *device: Small if device else made(name))
    photo, unary = photo_and_energies()
    wanted = TorchField(photo, 3, LABEL_KERNELS).infer(unary, 2)
    said: list[tuple[str, int]] = []
    for found in map_crfs(
        inferred, range(5), TORCH, CPU, Runtime(workers=2), lambda text: said.append((text, threading.get_ident()))
    ):
        assert np.array_equal(found, wanted)
    assert set(said) == {(TOO_LARGE, threading.get_ident())}, "by this thread: others are not expected to tell"
    alone: list[str] = []
    assert np.array_equal(fields_of(TORCH, CPU, alone.append)(photo, 3, LABEL_KERNELS).infer(unary, 2), wanted)
    assert alone == [TOO_LARGE]


def test_an_engine_that_is_named_and_not_needed_is_not_loaded() -> None:
    fields = fields_of(Crf(engine="nobody's"), CPU, silent)
    assert list(map_crfs(where, [0], Crf(engine="nobody's"), CPU, Runtime(workers=0), silent)) == [
        threading.get_ident()
    ]
    with pytest.raises(Exception, match="no CRF engine is called"):
        fields(*photo_and_energies()[:1], 3, LABEL_KERNELS)
