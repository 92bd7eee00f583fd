"""Pixels of each photo that are hit, true and predicted, from a run's files and the masks: as `eval` counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from puzzlecam_cli.data.photos import Photo, Tick
from puzzlecam_cli.engine.pool import map_unordered, pool_workers
from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.method.threshold import Background
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import Result
from puzzlecam_cli.stages.photo_jobs import ScoreJob, score_photo
from puzzlecam_cli.use.comparison.bootstrap import Counts

Kind = Literal["cams", "walked", "labels"]


@dataclass(frozen=True)
class Counted:
    """One result of one run, photo by photo.

    Args:
        counts: (3, C+1) of each photo, by id in the order of the split.
        without: photos of the split that have no mask, and those of which the run has no file.
    """

    result: Result
    counts: dict[str, Counts]
    without: dict[str, tuple[str, ...]]


def count_photos(run: Run, result: Result, tick: Tick) -> Counted:
    """Count what `eval` scored once more, at the threshold that it chose.

    Photos are decoded only where each has a threshold of its own.

    Args:
        result: of the run's scores.

    Raises:
        UserError: the data are not there, or a file is damaged.
    """
    kind, artifact = _files(run.folder, result)
    split, data = result["split"], run.photos
    photos, known = data.photos(split), data.masks_left_out(split)
    masked = [photo for photo in photos if photo.mask is not None and photo.id not in known]
    there = [photo for photo in masked if artifact(photo.id).is_file()]
    threshold: Background = AUTO if result["threshold"] is None else result["threshold"]
    classes = len(data.classes)

    def jobs() -> Iterator[_Job]:
        for number, photo in enumerate(there):
            assert photo.mask
            job = ScoreJob("", kind, photo.image, artifact(photo.id), photo.mask, (threshold,), classes)
            yield _Job(number, job)

    found: list[Counts] = [np.zeros(0, np.int64)] * len(there)
    for done, (number, counts) in enumerate(map_unordered(_count, jobs(), pool_workers(run.recipe.runtime)), 1):
        found[number] = counts
        tick(done, len(there))
    by_id = {photo.id: counts for photo, counts in zip(there, found, strict=True)}
    return Counted(result, by_id, {"mask": _ids(photos, masked), "file": _ids(masked, there)})


def _ids(photos: list[Photo], kept: list[Photo]) -> tuple[str, ...]:
    names = {photo.id for photo in kept}
    return tuple(photo.id for photo in photos if photo.id not in names)


def _files(folder: RunFolder, result: Result) -> tuple[Kind, Callable[[str], Path]]:
    match result["what"]:
        case "cams":
            return "cams", folder.cam
        case "rw":
            return "walked", folder.walked_scores
        case "pseudo-labels":
            return "labels", folder.pseudo_label
    return "labels", partial(folder.prediction, result["split"])


@dataclass(frozen=True)
class _Job:
    number: int
    score: ScoreJob


def _count(job: _Job) -> tuple[int, Counts]:
    _, confusion, _ = score_photo(job.score)
    matrix = confusion[0].numpy()
    return job.number, np.stack([matrix.diagonal(), matrix.sum(1), matrix.sum(0)])
