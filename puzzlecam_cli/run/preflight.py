"""All that is known at the start is told at the start, in one report, before anything is trained.

`--plan` looks at what needs no decoding and no PyTorch; a run looks at everything. One row of `CHECKS` a check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.check_data import (
    about_tags,
    lists,
    masks_are_sharp,
    masks_mean_something,
    pixels,
    room_for_pictures,
    tags_fit_masks,
)
from puzzlecam_cli.run.check_machine import (
    backbone_fits,
    backbone_is_there,
    batch_for_batchnorm,
    batch_for_processes,
    crf_engine,
    environment,
    precision,
    room_for_photos,
    room_on_disk,
)
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.pipeline import Step
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.saliency import saliency_fits, saliency_is_there
from puzzlecam_cli.run.unreadable import enough_is_left, leave_out

Check = Callable[[Checked], Iterator[UserError]]
LINES = 30  # of a report


@dataclass(frozen=True)
class Row:
    """A check.

    Args:
        heavy: it decodes photos or builds networks.
        last: it relies on all before it.
        of_files: it says the same as long as the data's files stay as they are.
    """

    check: Check
    heavy: bool = False
    last: bool = False
    of_files: bool = False


CHECKS = (
    Row(room_for_pictures),
    Row(enough_is_left),
    Row(lists, of_files=True),
    Row(saliency_is_there),
    Row(environment),
    Row(precision),
    Row(crf_engine),
    Row(backbone_is_there),
    Row(batch_for_processes),
    Row(batch_for_batchnorm),
    Row(pixels, heavy=True),
    Row(saliency_fits, heavy=True),
    Row(masks_mean_something, heavy=True),
    Row(masks_are_sharp, heavy=True),
    Row(tags_fit_masks, heavy=True),
    Row(backbone_fits, heavy=True),
    Row(room_for_photos, heavy=True, last=True),
    Row(room_on_disk, heavy=True, last=True),
)


def preflight(
    run: Run, steps: Sequence[Step], *, processes: int = 1, tick: Tick | None, workers: int = 0
) -> tuple[str, ...]:
    """Look at everything that steps will rely on.

    Args:
        steps: that are to be made.
        processes: that share a batch.
        tick: is told of photos that are decoded; None: nothing is decoded and nothing heavy is loaded.
        workers: processes that decode.

    Returns:
        What is worth knowing about the data, a sentence each.

    Raises:
        UserError: all problems in one.
    """
    checked = Checked(run, tuple(steps), processes, tick, workers)
    news = leave_out(checked) if tick is not None else []
    files = of_files(run) if tick is not None or run.ledger.checked else None
    is_known = tick is None and files is not None and files == run.ledger.checked
    problems: list[UserError] = []
    for row in CHECKS:
        if (row.heavy and tick is None) or (row.last and problems) or (row.of_files and is_known):
            continue
        problems += row.check(checked)
    if problems:
        raise in_one(problems)
    if is_known:
        return ()
    if tick is not None and files != run.ledger.checked:
        all_of_it = replace(checked, everything=True)
        if not any(problem for row in CHECKS if row.of_files for problem in row.check(all_of_it)):
            run.ledger.checked = files  # so that the next plan need not look again
            run.ledger.write()
    return (*news, *about_tags(checked))


def of_files(run: Run) -> str | None:
    """A digest of the data's settings and of size and time of all files; None where they cannot be listed."""
    photos = run.photos
    wanted = {"train": (True, False), "val": (False, True), "score": (False, True)}
    found = [run.recipe.data.model_dump_json()]
    try:
        for part, (tags, masks) in wanted.items():
            if (split := photos.splits.named(part)) is not None:
                found.append(photos.fingerprint(split, tags=tags, masks=masks))
    except UserError:
        return None
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:16]


def in_one(problems: Sequence[UserError]) -> UserError:
    """One error of several: each problem with its places and its remedy, at most a screen."""
    if len(problems) == 1:
        return problems[0]
    places: list[str] = []
    for number, problem in enumerate(problems, start=1):
        lines = [f"{number}. {problem.problem}", *(f"   {place}" for place in problem.where[:6])]
        places += [*lines, *([f"   → {problem.hint}"] if problem.hint else [])]
    left = len(places) - LINES
    shown = [*places[:LINES], f"... and {left} more lines"] if left > 0 else places
    return UserError(
        "not-ready",
        f"{len(problems)} problems were found before anything was made",
        tuple(shown),
        "nothing was written but the record of photos that were looked at",
    )
