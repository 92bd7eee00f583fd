"""One kind of result, of several runs, on the photos that all of them have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import Result
from puzzlecam_cli.text import are, quoted, several, shell
from puzzlecam_cli.use.comparison.bootstrap import Counts, differences, ious, mean_iou
from puzzlecam_cli.use.comparison.counted import Counted, count_photos

CLOSE = 1e-6  # by which a stored mIoU may differ from the one that is counted again
PROTOCOL = {"split": "split", "crf": "CRF", "threshold_from": "choice of the threshold", "supervision": "supervision"}


def compare_result(
    what: str,
    runs: Sequence[Run],
    results: Sequence[Result | None],
    names: Sequence[str],
    resamples: int,
    seed: int,
    told: Callable[[str], Tick],
) -> tuple[dict[str, Any] | None, list[str]]:
    """The scores of one artifact, run by run, and the differences to the first run.

    Args:
        results: of each run's scores; None where it was not scored.

    Returns:
        `what`, number of `photos` that are in all runs, and `runs`: for each None, or its protocol, `miou`, `iou` by
        class and `difference` to the first (None for the first itself); then what a reader must know. None where
        nothing can be counted.

    Raises:
        UserError: `runs-differ`: masks of the same photos differ.
    """
    counted: list[Counted | None] = []
    notes: list[str] = []
    for run, result, name in zip(runs, results, names, strict=True):
        found = count_photos(run, result, told(f"{what} of {name}")) if result else None
        if found is None:
            notes.append(f"{name} has no scores of {what}.")
        elif not found.counts:
            notes.append(_said_of_gone(what, run, name))
            found = None
        else:
            notes += _said_of_change(what, found, run, name)
        counted.append(found)
    there = [each for each in counted if each]
    common = [image_id for image_id in there[0].counts if all(image_id in e.counts for e in there)] if there else []
    notes += _said_of_left_out(what, counted, names, len(common))
    if not common:
        return None, notes
    _check_masks(what, counted, names, common)
    notes += _said_of_protocol(what, counted, names)
    stacked = [np.stack([each.counts[image_id] for image_id in common]) if each else None for each in counted]
    classes = ("background", *runs[0].photos.classes)
    rows = [
        None if each is None or counts is None else _row(each, counts, classes) | {"difference": difference}
        for each, counts, difference in zip(counted, stacked, _differences(stacked, resamples, seed), strict=True)
    ]
    return {"what": what, "photos": len(common), "runs": rows}, notes


def _row(counted: Counted, counts: Counts, classes: Sequence[str]) -> dict[str, Any]:
    result, sums = counted.result, counts.sum(0)
    iou = {name: None if np.isnan(value) else float(value) for name, value in zip(classes, ious(sums), strict=True)}
    miou = float(mean_iou(sums))
    told = {key: result.get(key) for key in ("split", "threshold", "threshold_from", "crf", "supervision")}
    return told | {"miou": None if np.isnan(miou) else miou, "iou": iou}


def _differences(stacked: Sequence[Counts | None], resamples: int, seed: int) -> list[dict[str, float] | None]:
    """Of each run to the first; None for the first, and where one of the two was not counted."""
    found: list[dict[str, float] | None] = [None] * len(stacked)
    if (first := stacked[0]) is None:
        return found
    others = [(place, counts) for place, counts in enumerate(stacked) if place and counts is not None]
    computed = differences([first, *(counts for _, counts in others)], resamples, seed)
    for (place, _), difference in zip(others, computed, strict=True):
        found[place] = asdict(difference)
    return found


def _check_masks(what: str, counted: Sequence[Counted | None], names: Sequence[str], common: Sequence[str]) -> None:
    """Whether the runs were scored by the same masks: as many pixels of each class in each photo."""
    (base, first), *others = [(name, each) for name, each in zip(names, counted, strict=True) if each]
    for name, other in others:
        differing = [i for i in common if not np.array_equal(first.counts[i][1], other.counts[i][1])]
        if differing:
            raise UserError(
                "runs-differ",
                f"{len(differing)} of {len(common)} masks that score {what} are not the same in {base} and {name}",
                shorten(differing),
                "compare runs of the same data; --set data.masks=FOLDER scores all by the same masks",
            )


def _said_of_gone(what: str, run: Run, name: str) -> str:
    stage = what if what in ("cams", "rw") else {"pseudo-labels": "rw", "predictions": "seg"}[what]
    again = f"`puzzlecam {stage} {shell(str(run.folder.root))}` makes them again"
    return f"{name} has no files of its {what} any more: they cannot be compared; {again}."


def _said_of_change(what: str, found: Counted, run: Run, name: str) -> Iterator[str]:
    """Whether the files and masks are still those that `eval` scored."""
    stored, images = found.result["miou"], found.result["images"]
    miou = float(mean_iou(np.stack(list(found.counts.values())).sum(0)))
    if stored is not None and (images != len(found.counts) or abs(miou - stored) > CLOSE):
        again = f"`puzzlecam eval {shell(str(run.folder.root))}` scores it anew"
        yield (
            f"{what} of {name}: eval found {stored:.4f} on {several(images, 'photo')}, its files give {miou:.4f} on "
            f"{len(found.counts):,}: files or masks changed since; {again}."
        )


def _said_of_left_out(what: str, counted: Sequence[Counted | None], names: Sequence[str], common: int) -> Iterator[str]:
    for name, each in zip(names, counted, strict=True):
        if each and (more := len(each.counts) - common):
            yield f"{what}: {several(more, 'photo')} of {name} {are(more)} not in all runs and left out."
        if each and (lost := each.without["file"]):
            some = ", ".join(map(quoted, shorten(list(lost), 3)))
            yield f"{what}: {name} has no file of {several(len(lost), 'photo')}: {some}; left out."


def _said_of_protocol(what: str, counted: Sequence[Counted | None], names: Sequence[str]) -> Iterator[str]:
    """In what the runs' ways to score differ: that is a part of the difference."""
    there = [(name, each.result) for name, each in zip(names, counted, strict=True) if each]
    for key, title in PROTOCOL.items():
        values = [_in_words(result.get(key)) for _, result in there]
        if len(set(values)) > 1:
            told = "; ".join(f"{name}: {value}" for (name, _), value in zip(there, values, strict=True))
            yield f"{what} are scored differently, {title}: {told}."


def _in_words(value: Any) -> str:
    return {True: "yes", False: "no", None: "none"}.get(value, str(value)) if not isinstance(value, str) else value
