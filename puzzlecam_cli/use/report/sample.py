"""Which photos a report shows: of however many, only some are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import several
from puzzlecam_cli.use.photo_row import PREDICTION, PSEUDO_LABEL, PhotoRow, photo_row
from puzzlecam_cli.use.run import Run

LOOKED_AT = 96  # photos of a split that are scored to find the best and the worst
SIDE = 640  # pixels of the longer side of a photo that is kept: the page shows fewer
EACH_RANK = 3  # photos that are called best, of the median, worst
STEP = {PSEUDO_LABEL: "rw/pseudo_labels", PREDICTION: "seg/predictions"}


@dataclass(frozen=True)
class Shown:
    """A photo that is shown.

    Args:
        split: it belongs to.
        part: `train` or `val`.
        rank: `best`, `median` or `worst` of those looked at; empty: neither, or there is no truth.
        iou: of its pseudo label or prediction with the truth, the mean over classes that either holds, background
            included; None: there is no truth.
    """

    row: PhotoRow
    split: str
    part: str
    rank: str
    iou: float | None


@dataclass(frozen=True)
class Sample:
    """Photos that are shown.

    Args:
        counts: of all photos, by split.
        missing: what could not be shown, a sentence each.
    """

    photos: tuple[Shown, ...]
    counts: dict[str, int]
    missing: tuple[str, ...]


def sample(run: Run, *, most: int) -> Sample:
    """Photos of the training and the predicted split, spread evenly over each; the same for the same run.

    Args:
        most: photos that are shown, as many of each split.
    """
    found: list[tuple[str, str, str, list[str]]] = []
    counts: dict[str, int] = {}
    missing: list[str] = []
    for part, what in (("train", PSEUDO_LABEL), ("val", PREDICTION)):
        try:
            ids = run.ids(part)
        except UserError as error:
            if error.reference != "split-missing":
                missing.append(f"photos of `{part}`: {error.problem}")
            continue
        split = run.name_of_split(part)
        if split in counts:  # trained on and predicted: shown once
            continue
        counts[split] = len(ids)
        made = [image_id for image_id in evenly(ids, 4 * LOOKED_AT) if _is_made(run, image_id)]
        found += [(part, split, STEP[what], evenly(made, LOOKED_AT))] if made else []
    photos: list[Shown] = []
    shares = _shares([len(made) for *_, made in found], most)
    for each, (part, split, step, made) in zip(shares, found, strict=True):
        ious = {image_id: iou for image_id in made if (iou := _iou(run, step, image_id)) is not None}
        ranks = ranked(ious)
        others = evenly([image_id for image_id in made if image_id not in ranks], each - len(ranks))
        shown = [
            Shown(
                photo_row(run, image_id, strict=False, side=SIDE),
                split,
                part,
                ranks.get(image_id, ""),
                ious.get(image_id),
            )
            for image_id in [*ranks, *others][:each]
        ]
        photos += shown
        if broken := [one for one in shown if one.row.problems]:
            first = broken[0].row.problems[0].problem
            missing.append(f"{several(len(broken), 'photo')} of `{split}` shown in part: {first}")
    return Sample(tuple(photos), counts, tuple(missing))


def _shares(lengths: Sequence[int], most: int) -> list[int]:
    """How many of each list are taken: as many of all, but what a short one leaves is the others'."""
    shares = [0] * len(lengths)
    for number, index in enumerate(sorted(range(len(lengths)), key=lambda index: lengths[index])):
        shares[index] = min(lengths[index], (most - sum(shares)) // (len(lengths) - number))
    return shares


def evenly(ids: Sequence[str], count: int) -> list[str]:
    """So many of a list, at equal distances; all where there are not more."""
    if count <= 0:
        return []
    if len(ids) <= count:
        return list(ids)
    return [ids[number * len(ids) // count] for number in range(count)]


def ranked(ious: dict[str, float]) -> dict[str, str]:
    """The best, those around the median, and the worst, one of each in turn; of few photos fewer each, none twice."""
    order = sorted(ious, key=lambda image_id: (-ious[image_id], image_id))
    each = min(EACH_RANK, len(order) // 3)
    middle = (len(order) - each) // 2
    groups = {"best": order[:each], "median": order[middle : middle + each], "worst": order[len(order) - each :]}
    return {group[place]: rank for place in range(each) for rank, group in groups.items()}


def _is_made(run: Run, image_id: str) -> bool:
    return any(run.has(step, image_id) for step in ("cams", "rw/scores", "rw/pseudo_labels", "seg/predictions"))


def _iou(run: Run, step: str, image_id: str) -> float | None:
    """Of a photo's labels with its mask; None: one of them is not there, or cannot be read."""
    try:
        if not run.has(step, image_id) or (truth := run.truth(image_id)) is None:
            return None
        labels = run.labels(step, image_id)
    except UserError:
        return None
    if labels.shape != truth.shape:
        return None
    import torch

    from puzzlecam_cli.method.metrics import confusion_matrix, iou_from_confusion

    most = len(run.classes)
    if truth[truth != 255].max(initial=0) > most or labels[labels != 255].max(initial=0) > most:
        return None
    counts = confusion_matrix(torch.from_numpy(labels), torch.from_numpy(truth), most)
    iou = float(iou_from_confusion(counts).nanmean())
    return iou if iou == iou else None  # NaN: all of it is void
