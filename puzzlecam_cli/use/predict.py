"""Label photos with a trained network, as `seg` labels those of its evaluation split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from PIL import Image

from puzzlecam_cli.data.photos import Photo, Tick
from puzzlecam_cli.engine.accelerator import for_inference, share
from puzzlecam_cli.engine.dense_crfs import engine_of, map_crfs
from puzzlecam_cli.engine.place import Place
from puzzlecam_cli.engine.refine import Labels, Segmented
from puzzlecam_cli.engine.segment import Segmenter
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import replacing
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.recipe.schema import Crf
from puzzlecam_cli.run.artifacts import write_labels
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.use.job import Job, Network
from puzzlecam_cli.use.results import CONFIDENCE, Given, Made, Results

BAND = 256  # rows that are summed at once: memory stays flat for large photos


@dataclass(frozen=True)
class _Refining:
    """A photo for the pool."""

    photo: Given
    found: Segmented
    crf: Crf
    out: Path
    confidence: Path | None


def predict_photos(
    job: Job,
    photos: Sequence[Given],
    results: Results,
    accelerator: Accelerator,
    report: Callable[[str, str], Tick],
    note: Callable[[str], None],
) -> None:
    """Label this process's share of photos. Of those that cannot be read it is remembered why.

    Args:
        photos: all that are to be labelled.
        report: gives for a task and a unit what is told of (done, total).
        note: is told what is worth knowing.

    Raises:
        UserError: the network cannot be opened, gives values that are not finite, or does not fit into memory.
    """
    assert isinstance(job.settings, Network)
    settings, runtime = job.settings.seg.predict, job.settings.runtime
    description, network = open_model(job.model)
    segmenter = Segmenter(
        for_inference(network, accelerator, note),
        description.mean,
        description.std,
        settings,
        accelerator,
        note,
        report("tiles of a large photo", "tiles"),
    )
    own, engine = share(photos, accelerator), engine_of_all(job, accelerator, photos, results, note)
    by_id = {photo.id: photo for photo in own}
    tick, files = report("predictions", "images"), {"": ""} | ({f"{CONFIDENCE}/": ""} if job.confidence else {})
    done = 0

    def finished(made: Made) -> None:
        nonlocal done
        results.put(made)
        done += 1
        tick(done, len(own))

    def failed(error: UserError) -> None:
        finished(by_id[error.ids[0]].made(job.by, problem=error.problem))

    def jobs() -> Iterator[_Refining]:
        given = [Photo(photo.id, Path(photo.image)) for photo in own]
        for index, found in segmenter.photos(given, runtime, tags=lambda index: own[index].tags, failed=failed):
            photo = own[index]
            out = results.staged(photo.id)
            confidence = results.staged(photo.id, f"{CONFIDENCE}/") if job.confidence else None
            if isinstance(found, Labels):
                finished(photo.made(job.by, files=files, scores=_written(found, out, confidence), crf=engine))
            else:
                yield _Refining(photo, found, settings.crf, out, confidence)

    for photo, scores in map_crfs(_refine, jobs(), settings.crf, accelerator.device, runtime, note):
        finished(photo.made(job.by, files=files, scores=scores, crf=engine))


def engine_of_all(
    job: Job, place: Place, photos: Sequence[Given], results: Results, note: Callable[[str], None]
) -> str | None:
    """The engine of dense CRFs, None for none; it is noted where the run or earlier calls took another."""
    crf = job.settings.crf
    if not crf.iterations:
        return None
    engine = engine_of(crf, place.device)
    if job.engines and engine not in job.engines:
        note(f"the run's own labels are of the CRF engine {' and '.join(job.engines)}, those made now of {engine}")
    kept = {made.crf for made in results.others(photo.id for photo in photos)} - {None, engine}
    for other in sorted(map(str, kept)):
        note(
            f"results of earlier calls are of the CRF engine {other}, those made now of {engine}; crf.engine names one"
        )
    return engine


def _refine(job: _Refining, fields: FieldOf) -> tuple[Given, dict[str, float]]:
    return job.photo, _written(job.found.labelled(job.crf, fields), job.out, job.confidence)


def _written(found: Labels, out: Path, confidence: Path | None) -> dict[str, float]:
    """Write the pictures of one photo; its labels with the mean probability of their pixels."""
    write_labels(out, found.labels)
    if confidence is not None:
        with replacing(confidence) as temporary:
            Image.fromarray(found.confidence.numpy()).save(temporary, format="png")
    count, total = np.zeros(256), np.zeros(256)
    for first in range(0, len(found.labels), BAND):
        labels, sure = (values[first : first + BAND].numpy().ravel() for values in found)
        count += np.bincount(labels, minlength=256)
        total += np.bincount(labels, sure, minlength=256)
    return {str(label): round(float(total[label] / count[label] / 255), 4) for label in np.flatnonzero(count)}
