"""What is done photo by photo in a pool: CRFs and scores.

A worker imports this module: it must stay light.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from puzzlecam_cli.data.photos import Mask
from puzzlecam_cli.data.pixels.mask_file import read_labels
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.data.saliency import SaliencyOf
from puzzlecam_cli.engine.refine import Segmented, options_of, pixels_within
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.colour_evidence import with_colours
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.method.labels import confident_labels, enlarged, pseudo_labels, with_lost_classes
from puzzlecam_cli.method.metrics import confusion_matrix, threshold_sweep
from puzzlecam_cli.method.saliency import brought_to, salient_maps, without_silent
from puzzlecam_cli.method.threshold import Background, background_of
from puzzlecam_cli.recipe.schema import AffinityLabels, Crf, RandomWalk
from puzzlecam_cli.run.artifacts import read_cams, read_walked, write_labels


@dataclass(frozen=True)
class LabelJob:
    image: Path
    cams: Path
    out: Path
    settings: AffinityLabels
    num_classes: int
    saliency: SaliencyOf | None = None


def label_photo(job: LabelJob, fields: FieldOf) -> None:
    """Write the confident labels of one photo."""
    settings, side = job.settings, job.settings.crf.largest_side
    photo = open_image(job.image)
    size, image = (photo.height, photo.width), pixels_within(photo, side)
    seen = (image.shape[0], image.shape[1])
    classes, cams = read_cams(job.cams, stride=1, size=size, num_classes=job.num_classes, seen=seen)
    if job.saliency is not None:
        uses = job.saliency.settings
        saliency = brought_to(torch.from_numpy(job.saliency.read(np.asarray(photo))), seen)
        cams = salient_maps(cams, saliency, uses.maps)
    labels = confident_labels(
        torch.from_numpy(image),
        cams,
        torch.from_numpy(classes),
        foreground=settings.foreground,
        background=settings.background,
        powers=settings.powers,
        **options_of(settings.crf, fields),
    )
    if job.saliency is not None:
        labels = without_silent(labels, saliency, uses.labels)
    write_labels(job.out, enlarged(labels, size))


@dataclass(frozen=True)
class PseudoLabelJob:
    image: Path
    scores: Path
    out: Path
    settings: RandomWalk
    num_classes: int


def pseudo_label_photo(job: PseudoLabelJob, fields: FieldOf) -> None:
    """Write the pseudo labels of one photo."""
    photo = open_image(job.image)
    size, image = (photo.height, photo.width), pixels_within(photo, job.settings.crf.largest_side)
    seen = (image.shape[0], image.shape[1])
    classes, scores = read_walked(job.scores, stride=1, size=size, num_classes=job.num_classes, seen=seen)
    pixels = torch.from_numpy(image)
    background = background_of(scores, job.settings.background, lambda: pixels)
    labels = pseudo_labels(
        pixels,
        with_colours(scores, pixels, background, job.settings.colours),
        torch.from_numpy(classes),
        background=background,
        **options_of(job.settings.crf, fields),
    )
    write_labels(job.out, enlarged(labels, size))


@dataclass(frozen=True)
class PredictionJob:
    seen: Segmented
    out: Path
    before: Path | None
    crf: Crf


def refine_prediction(job: PredictionJob, fields: FieldOf) -> bool:
    """CRF and argmax of one prediction; see `write_prediction`."""
    return write_prediction(job.out, job.before, job.seen.labelled(job.crf, fields).labels)


def write_prediction(out: Path, before: Path | None, labels: Tensor) -> bool:
    """Write labels (H, W); whether they show anything but background.

    Args:
        before: other labels of the photo, whose classes it is known to show.
    """
    if before is not None:
        labels = with_lost_classes(labels, torch.from_numpy(read_labels(before)))
    write_labels(out, labels)
    return bool(labels.any())


def _pixels(image: Path) -> Tensor:
    """(H, W, 3) uint8."""
    return torch.from_numpy(pixels_within(open_image(image), None))


@dataclass(frozen=True)
class ScoreJob:
    what: str
    kind: Literal["cams", "walked", "labels"]
    image: Path
    artifact: Path
    mask: Mask
    thresholds: tuple[Background, ...]
    num_classes: int


def score_photo(job: ScoreJob) -> tuple[str, Tensor, bool]:
    """What was scored, the confusion matrices of one photo, and whether its mask is the very label that is scored.

    The matrices are (T, C+1, C+1) int64, T = 1 for labels. A mask that is all background tells nothing of its origin.
    """
    mask = torch.from_numpy(job.mask.read())
    try:
        if job.kind == "labels":
            prediction = torch.from_numpy(read_labels(job.artifact))
            counts = confusion_matrix(prediction, mask, job.num_classes)[None]
            return job.what, counts, bool(mask.any()) and torch.equal(prediction, mask)
        read = read_cams if job.kind == "cams" else read_walked
        size = (mask.shape[0], mask.shape[1])  # the photo's: preflight saw to it
        classes, scores = read(job.artifact, stride=1, size=size, num_classes=job.num_classes)
        pixels = partial(_pixels, job.image)
        thresholds = [background_of(scores, threshold, pixels) for threshold in job.thresholds]
        counts = threshold_sweep(scores, torch.from_numpy(classes), mask, thresholds, job.num_classes)
        return job.what, counts, False
    except ValueError as error:
        raise UserError(
            "score-impossible",
            f"{job.artifact} does not fit {job.mask.key}: {error}",
            hint=f"delete {job.artifact.name}: the stage that wrote it makes it again",
        ) from None
