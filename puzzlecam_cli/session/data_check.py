"""Looking at a recipe's data: nothing is changed but what is remembered of photos in a run folder that is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from puzzlecam_cli.data.photos import Tick, open_photos
from puzzlecam_cli.engine.pool import pool_workers
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Emit, Progress, StageEnded, StageStarted
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.settling import unit_of
from puzzlecam_cli.run.survey import Survey, survey
from puzzlecam_cli.session.member import Member
from puzzlecam_cli.session.stages import load_for, run_folder
from puzzlecam_cli.session.views import open_views
from puzzlecam_cli.view.telling import Teller

TASK = "data check"
MOST_DRAWN = 1000  # made-up pictures of a split: the others are like them


def check_data(
    recipe: str | Path, run: str | Path | None = None, *, changes: Sequence[str] = (), plain: bool = True
) -> Survey:
    """What there is to be told of a recipe's data; see `run_stages` for the arguments.

    Raises:
        UserError: the recipe cannot be read, or photos cannot be divided.
    """
    root = run_folder(recipe, run)
    resolved = load_for(root, recipe, changes)
    alone = Member(accelerator=None, parent=None, is_shown=True)
    with TemporaryDirectory(prefix="puzzlecam-check-") as temporary, open_views(alone, Path(temporary), plain) as emit:
        emit(StageStarted(TASK, f"every photo, tag and mask of {recipe}"))
        began = time.monotonic()
        found = survey(
            _looked_at(resolved, root, Path(temporary), emit),
            workers=pool_workers(resolved.runtime),
            tick=partial(_tick, emit),
        )
        emit(StageEnded(TASK, "done", time.monotonic() - began))
        return found


def _looked_at(recipe: Recipe, root: Path, temporary: Path, emit: Emit) -> Run:
    """The run, if it is there and its photos are divided; else one in a temporary folder, with pictures it makes."""
    found = Run.at(recipe, root, Teller())
    if not found.ledger.is_there or recipe.data.skips or found.photos.to_prepare or not _is_settled(found):
        found = Run.at(recipe, temporary, Teller())  # what a check divides or leaves out is not the run's
    if found.photos.to_prepare:
        few = open_photos(found.photos.few(MOST_DRAWN), temporary, recipe.seed)
        few.prepare(_tick(emit, "drawing pictures"))
        found = Run.at(recipe.model_copy(update={"data": few.pinned()}), temporary)
    return found


def _is_settled(run: Run) -> bool:
    try:
        return run.photos.is_settled
    except UserError:  # the survey says why
        return False


def _tick(emit: Emit, task: str) -> Tick:
    return lambda done, total: emit(Progress(TASK, task, done, total, unit_of(task)))
