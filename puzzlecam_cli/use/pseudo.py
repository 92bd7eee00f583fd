"""Pseudo labels of tagged photos that were not trained on: the stages' own functions, with a run's networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.data.saliency import SaliencyMaps, wrong_with
from puzzlecam_cli.engine.accelerator import share
from puzzlecam_cli.engine.pool import map_unordered, pool_workers
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Emit, Note
from puzzlecam_cli.files import is_whole, write_text
from puzzlecam_cli.group.interrupt import stop_if_asked
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.runtime import Runtime
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages.cams import make_cams
from puzzlecam_cli.stages.rw import make_pseudo_labels, walk
from puzzlecam_cli.use.job import WALKED, Job, Pseudo
from puzzlecam_cli.use.predict import engine_of_all
from puzzlecam_cli.use.results import Given, Results
from puzzlecam_cli.use.sources import described_by


class GivenPhotos(PhotoSet):
    """Photos with tags from anywhere, of a run's classes, as a data set of one split."""

    def __init__(self, photos: Sequence[Photo], classes: tuple[str, ...]):
        self._photos, self._classes = list(photos), classes

    @property
    def classes(self) -> tuple[str, ...]:
        return self._classes

    @property
    def splits(self) -> Splits:
        return Splits("given", None, "given")

    @property
    def tags_from(self) -> str:
        return "file"

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        return self._photos

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        return ""  # nothing made of them is kept by it


@dataclass(frozen=True)
class _RunOfGiven(Run):
    """A run whose photos are given ones."""

    given: PhotoSet | None = None

    @property
    def photos(self) -> PhotoSet:
        assert self.given is not None
        return self.given


@dataclass(frozen=True)
class _Folder(RunFolder):
    """A folder with what is made on the way; networks are a run's, labels those of a folder of results."""

    run: RunFolder | None = None
    results: Results | None = None

    def model(self, stage: str) -> Path:
        assert self.run is not None
        return self.run.model(stage)

    def pseudo_label(self, image_id: str) -> Path:
        assert self.results is not None
        return self.results.staged(image_id)


def forget_stale(job: Job, photos: Sequence[Given], results: Results) -> None:
    """Delete what an interrupted try made on the way of photos that are others now, or in another way.

    It is called once, before the processes begin.
    """
    home, known = results.home / "pseudo", results.home / "pseudo" / "given.jsonl"
    before: dict[str, Any] = {}
    if known.is_file():
        for line in known.read_text(encoding="utf-8").splitlines():
            image_id, *rest = json.loads(line)
            before[image_id] = rest
    folder = _Folder(home, results=results)
    for photo in photos:
        if before.get(photo.id) != [photo.state, photo.tags, job.by]:
            for path in (folder.cam(photo.id), folder.walked_scores(photo.id), folder.pseudo_label(photo.id)):
                path.unlink(missing_ok=True)
    before |= {photo.id: [photo.state, photo.tags, job.by] for photo in photos}
    write_text(known, "".join(json.dumps([image_id, *rest]) + "\n" for image_id, rest in before.items()))


def make_pseudo(job: Job, photos: Sequence[Given], results: Results, accelerator: Accelerator, emit: Emit) -> None:
    """Label this process's share of photos by classifier, random walk and CRF, as `rw` labels training photos.

    Args:
        photos: with tags, all of them.
        results: where the labels go; maps and walked scores grow in `.puzzlecam/pseudo`, and go when all is labelled.

    Raises:
        UserError: a network of the run is not there, or does not fit into memory.
    """
    settings = job.settings
    assert isinstance(settings, Pseudo)
    recipe = load_recipe(str(job.model)).model_copy(
        update={name: getattr(settings, name) for name in Pseudo.model_fields}
    )
    trained = RunFolder(job.model)
    folder = _Folder(results.home / "pseudo", run=trained, results=results)
    described = described_by(trained.model("train-cls"))
    engine = engine_of_all(job, accelerator, photos, results, lambda text: emit(Note("predict", text)))
    maps = SaliencyMaps(settings.saliency) if settings.saliency.serves(*WALKED) else None
    own = _readable(share(photos, accelerator), maps, job, results, recipe.runtime)
    given = [Photo(photo.id, Path(photo.image), tuple(photo.tags or ())) for photo in own]
    run = _RunOfGiven(recipe, folder, Ledger(folder.ledger), given=GivenPhotos(given, described.classes))
    make_cams(_OfShare("cams", run, folder, accelerator, emit))
    walk(_OfShare("rw", run, folder, accelerator, emit))
    make_pseudo_labels(_OfShare("rw", run, folder, accelerator, emit))
    for photo in own:
        results.put(photo.made(job.by, files={"": ""}, crf=engine))
        if not job.keep:
            folder.cam(photo.id).unlink(missing_ok=True)
            folder.walked_scores(photo.id).unlink(missing_ok=True)


class _OfShare(Context):
    """A step's context where the photos are this process's share already."""

    def to_do(self, photos: Sequence[Photo], artifact: Callable[[str], Path]) -> Sequence[Photo]:
        return [photo for photo in photos if not is_whole(artifact(photo.id))]


def _readable(
    photos: Sequence[Given], maps: SaliencyMaps | None, job: Job, results: Results, runtime: Runtime
) -> list[Given]:
    """Those that can be decoded, with their saliency maps; of the others it is remembered why they cannot."""
    kept: set[str] = set()
    jobs = [(photo, maps.of(photo.id).file if maps else None) for photo in photos]
    for photo, problem in map_unordered(_decoded, jobs, pool_workers(runtime)):
        stop_if_asked()
        if problem is None:
            kept.add(photo.id)
        else:
            results.put(photo.made(job.by, problem=problem))
    return [photo for photo in photos if photo.id in kept]


def _decoded(job: tuple[Given, Path | None]) -> tuple[Given, str | None]:
    photo, saliency = job
    try:
        image = open_image(Path(photo.image))
    except UserError as error:
        return photo, error.problem
    return photo, wrong_with(saliency, (image.height, image.width)) if saliency else None
