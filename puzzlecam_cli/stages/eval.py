"""eval: maps, walked maps, pseudo labels and predictions against the masks. Nothing is trained or chosen here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator
from torch import Tensor

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.engine.accelerator import share
from puzzlecam_cli.engine.pool import map_unordered, pool_workers
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.events import Figure, Note
from puzzlecam_cli.files import as_json, write_text
from puzzlecam_cli.group.launch import agreed
from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.method.metrics import iou_from_confusion, over_and_under_activation
from puzzlecam_cli.method.threshold import Background
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.run.how_made import MADE_BY, count_tags, how_made, learned_from, made_before, value_of
from puzzlecam_cli.run.scores import Result
from puzzlecam_cli.stages import PIPELINE
from puzzlecam_cli.stages.photo_jobs import ScoreJob, score_photo
from puzzlecam_cli.stages.shown import count_shown
from puzzlecam_cli.text import shell
from puzzlecam_cli.view.scores import TITLES, said_of_equal, said_of_older, score_figure, scores_table


@dataclass(frozen=True)
class Scored:
    """One row of the scores: which artifacts of which split, cut at which thresholds, and what is said about them."""

    what: str
    split: str
    kind: Literal["cams", "walked", "labels"]
    folder: Path
    artifact: Callable[[str], Path]
    thresholds: tuple[Background, ...]  # none of labels; `auto` comes last, if it is among them
    about: Result

    @property
    def columns(self) -> int:
        """How many confusion matrices it takes."""
        return len(self.thresholds) or 1


def rows_of(context: Context) -> list[Scored]:
    """The rows whose artifacts are there, at least in part, told as they were made, whatever the recipe is now."""
    folder, run, splits = context.folder, context.run, context.splits
    train, val = splits.score, splits.val
    swept = {"threshold_from": f"masks of {train}", "crf": False}
    background: Background = value_of("rw.background", MADE_BY["pseudo-labels"], run)
    crf = value_of("rw.crf.iterations", MADE_BY["pseudo-labels"], run) > 0
    tried = context.recipe.eval.thresholds
    with_labels = (*tried, background)  # which tells what the CRF adds to walked maps
    cut: Result = {"threshold": background, "threshold_from": "recipe", "crf": crf}
    if background == AUTO:
        cut |= {"threshold": None, "threshold_from": "tags"}
    else:
        with_labels = tuple(sorted({*tried, background}))
    crf = value_of("seg.predict.crf.iterations", MADE_BY["predictions"], run) > 0
    final = {"threshold": None, "threshold_from": None, "crf": crf}
    rows = [
        Scored("cams", train, "cams", folder.cams, folder.cam, tried, swept),
        Scored("rw", train, "walked", folder.walked, folder.walked_scores, with_labels, swept),
        Scored("pseudo-labels", train, "labels", folder.pseudo_labels, folder.pseudo_label, (), cut),
    ]
    if val:
        predicted = partial(folder.prediction, val)
        rows.append(Scored("predictions", val, "labels", folder.predictions / val, predicted, (), final))
    return [row for row in rows if row.folder.is_dir() and any(row.folder.iterdir())]


def score(context: Context) -> None:
    """Write `eval/scores.json` and `eval/scores.md`.

    Raises:
        UserError: nothing to score, an artifact or a mask of some image is missing, or they do not fit.
    """
    rows = agreed(rows_of(context), context.accelerator)
    if not rows:
        raise UserError(
            "stage-missing",
            f"there is nothing to score in {context.folder.root}",
            hint="run `puzzlecam run-all` or the stages before `eval` first",
        )
    _tell_of_cleaned(context, rows)
    splits = {split: context.data.photos(split) for split in {row.split for row in rows}}
    photos = {row.what: _with_masks(context, row, splits[row.split]) for row in rows}
    rows, without = [row for row in rows if photos[row.what]], [row for row in rows if not photos[row.what]]
    mine = {row.what: share(photos[row.what], context.accelerator) for row in rows}
    jobs = (_job(context, row, photo) for row in rows for photo in mine[row.what])
    total = sum(map(len, mine.values()))
    size = context.num_classes + 1
    totals = {row.what: torch.zeros(row.columns, size, size, dtype=torch.int64) for row in rows}
    equal = {row.what: torch.zeros((), dtype=torch.int64) for row in rows}
    report = context.progress("scoring", "files")
    for done, (what, counts, is_equal) in enumerate(
        map_unordered(score_photo, jobs, pool_workers(context.recipe.runtime)), start=1
    ):
        totals[what] += counts
        equal[what] += is_equal
        report(done, total)
    totals = {what: _of_all_processes(counts, context.accelerator) for what, counts in totals.items()}
    equal = {what: _of_all_processes(count, context.accelerator) for what, count in equal.items()}
    if not context.accelerator.is_main_process:
        return
    scored = [_result(context, row, len(photos[row.what]), totals[row.what]) for row in rows]
    results = [result for result, _ in scored]
    shown = _shown(context, without, splits)
    older = made_before(context.run.ledger, PIPELINE)
    for result in [*results, *shown]:
        if newer := older.get(MADE_BY[result["what"]]):
            result["out_of_date"] = newer
            context.note_once(said_of_older(result))
    for result in results:
        if number := int(equal[result["what"]]):
            result["equal"] = number
            context.note_once(said_of_equal(result))
        if result["threshold_from"] is None and not totals[result["what"]][0, :, 1:].any():
            result["empty"] = True
    classes = ("background", *context.data.classes)
    scores = {
        "schema": 1,
        "tags_from": context.data.tags_from,
        "tags": count_tags(context),
        "seed": context.recipe.seed,
        "backbone": context.recipe.backbone.name,
        "puzzle": context.recipe.train_cls.puzzle.is_used,
        "made_with": how_made(context.run.ledger),
        "classes": list(classes),
        "results": results,
    } | count_left_out(context)
    if shown:
        scores["shown"] = shown
    for row in rows:
        warn_of_collapse(context, row, totals[row.what])
    write_text(context.folder.scores, as_json(scores, indent=1) + "\n")
    write_text(context.folder.confusion, confusion_text([counts for _, counts in scored], results, classes))
    write_text(context.folder.scores_table, scores_table(scores))
    context.emit(Figure("eval", score_figure(scores)))


def _shown(context: Context, rows: Sequence[Scored], splits: Mapping[str, Sequence[Photo]]) -> list[Result]:
    """What the labels show for which there are no masks."""
    found, workers = [], pool_workers(context.recipe.runtime)
    for row in rows:
        if row.kind == "labels":
            files = [path for photo in splits[row.split] if (path := row.artifact(photo.id)).exists()]
            found.append(count_shown(row.what, row.split, files, context.data.classes, workers))
    return found


def _tell_of_cleaned(context: Context, rows: Sequence[Scored]) -> None:
    """A note where maps cannot be scored because `clean` deleted them, with what brings them back."""
    there, ledger = {row.what for row in rows}, context.run.ledger
    gone = [
        what
        for what in ("cams", "rw")
        if what not in there and (record := ledger.get(MADE_BY[what])) and record.state == "cleaned"
    ]
    if gone:
        run = shell(str(context.run.folder.root))
        again = " && ".join(f"puzzlecam {stage} {run}" for stage in (*gone, "eval"))
        titles = " and ".join(TITLES[what] for what in gone)
        context.note_once(f"{titles} cannot be scored, as their maps are cleaned away: `{again}` brings them back")


def count_left_out(context: Context) -> Result:
    """How many photos of each split could not be read, and masks of those that were; nothing where that is an error."""
    data, splits = context.data, context.splits
    if not context.recipe.data.skips:
        return {}
    named = list(dict.fromkeys(split for split in (splits.train, splits.score, splits.val) if split))
    masks = {split: len(data.masks_left_out(split)) for split in named}
    return {
        "left_out": {split: len(data.left_out(split)) for split in named},
        "masks_left_out": {split: number for split, number in masks.items() if number},
    }


def _of_all_processes(counts: Tensor, accelerator: Accelerator) -> Tensor:
    """Whole numbers, so that the sum is the same for any division of the photos."""
    if accelerator.num_processes == 1:
        return counts
    total: Tensor = accelerator.reduce(counts.to(accelerator.device), "sum")
    return total.cpu()


def _with_masks(context: Context, row: Scored, photos: Sequence[Photo]) -> Sequence[Photo]:
    """The photos of the row's split that are scored, which have masks and artifacts; a note where these are not all.

    None where there are no masks; those with one where the data says that masks are of some photos only.
    """
    known = context.data.masks_left_out(row.split)
    photos = [photo for photo in photos if photo.id not in known]
    without = [photo.id for photo in photos if photo.mask is None]
    if len(without) == len(photos):
        context.note_once(f"`{row.split}` has no masks: nothing of it is scored")
        return []
    if without and context.data.scores_some:
        masked = [photo for photo in photos if photo.mask is not None]
        context.note_once(f"scores of `{row.split}` are of the {len(masked)} of its {len(photos)} photos with a mask")
        photos = masked
    elif without:
        raise UserError(
            "mask-missing",
            f"{len(without)} of {len(photos)} images of `{row.split}` have no mask; every image counts",
            shorten(without),
            "name a list of the images that have masks in data.score or data.val",
        )
    missing = [photo.id for photo in photos if not row.artifact(photo.id).exists()]
    if missing:
        raise UserError(
            "artifact-missing",
            f"{row.what} of {len(missing)} of {len(photos)} images of `{row.split}` are not there; every image counts",
            shorten(missing),
            "run the stage that makes them, or name a list of the images you have in data.score",
        )
    return photos


def _job(context: Context, row: Scored, photo: Photo) -> ScoreJob:
    assert photo.mask  # `_with_masks` has seen to it
    return ScoreJob(
        row.what, row.kind, photo.image, row.artifact(photo.id), photo.mask, row.thresholds, context.num_classes
    )


def warn_of_collapse(context: Context, row: Scored, counts: Tensor) -> None:
    """A note where `counts` (T, C+1, C+1) are no better than an empty prediction at any threshold."""
    truth = counts[0].sum(dim=1)
    empty = torch.zeros_like(counts[0])
    empty[:, 0] = truth
    nothing = float(iou_from_confusion(empty).nanmean())
    if float(iou_from_confusion(counts).nanmean(dim=-1).max()) <= nothing + 0.005:
        context.emit(
            Note("eval", f"{row.what} score no better than calling everything background ({nothing:.3f}): a collapse")
        )


def _result(context: Context, row: Scored, images: int, counts: Tensor) -> tuple[Result, Tensor]:
    """What is told of `counts` (T, C+1, C+1), and which of them it is told of; T = 1 for labels.

    The best threshold is reported, and the whole sweep. The best is one threshold for all photos: `auto` is not among
    those that masks choose from.
    """
    told = learned_from(row.what, context.run.ledger, context.folder)
    result: Result = {"what": row.what, "split": row.split, "images": images, "supervision": told} | row.about
    names = ("background", *context.data.classes)
    if row.kind == "labels":
        return result | measures(counts[0], names), counts[0]
    mean_ious = iou_from_confusion(counts).nanmean(dim=-1)  # (T,)
    thresholds = row.thresholds
    best = int(mean_ious[: sum(t != AUTO for t in thresholds)].argmax())
    result["threshold"] = thresholds[best]
    result["sweep"] = [[t, round(float(m), 6)] for t, m in zip(thresholds, mean_ious, strict=True)]
    return result | measures(counts[best], names), counts[best]


def confusion_text(counts: Sequence[Tensor], results: Sequence[Result], classes: Sequence[str]) -> str:
    """`confusion.json`: pixels by true class (a row each) and class found, of each result of the scores."""
    matrices = [
        {"what": result["what"], "split": result["split"], "pixels": matrix.tolist()}
        for result, matrix in zip(results, counts, strict=True)
    ]
    return as_json({"schema": 1, "classes": list(classes), "results": matrices}) + "\n"


def measures(confusion: Tensor, names: Sequence[str]) -> Result:
    """mIoU, FP, FN and the IoU of each class; null for a class that neither masks nor predictions hold."""
    iou = iou_from_confusion(confusion)
    fp, fn = over_and_under_activation(confusion)
    values = {"miou": float(iou.nanmean()), "fp": fp, "fn": fn}
    by_class = dict(zip(names, iou.tolist(), strict=True))
    return {key: _or_null(value) for key, value in values.items()} | {
        "iou": {name: _or_null(value) for name, value in by_class.items()}
    }


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value
