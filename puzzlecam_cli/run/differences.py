"""How a recipe differs from the one that a run was made with: a forgotten `--set`, most often."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.document import shown
from puzzlecam_cli.recipe.load import read_document
from puzzlecam_cli.run.plan import flatten
from puzzlecam_cli.run.run import Run

NOT_RESULTS = (
    "recipe",
    "runtime.workers",
    "runtime.log_seconds",
    "runtime.checkpoint_minutes",
    "runtime.trackers",
    "runtime.cuda_graphs",
)
UNSET = object()


def differences(run: Run) -> tuple[str, ...]:
    """A line a key that differs, and how to go on with the run's own; empty where none does, or nothing was made."""
    if not run.folder.recipe.is_file() or not run.ledger.records:
        return ()
    try:
        before = dict(_flat(read_document(run.folder.recipe).values))
    except UserError:
        return ()
    after = dict(_flat(run.recipe.model_dump(mode="json")))
    changed = [
        f"{key}: {_in_words(before[key])} in the run, {_in_words(after.get(key, UNSET))} now"
        for key in before
        if before[key] != after.get(key, UNSET) and key not in NOT_RESULTS
    ]
    if not changed:
        return ()
    until = "once a stage has finished with the recipe as it is now, that is the run's own"
    heading = "the recipe differs from the one this run was made with:"
    return heading, *shorten(changed, 6), f"{goes_on(run.folder.root)}; {until}"


def shows(root: Path) -> str:
    """How to look at a run with its own recipe."""
    return f"`puzzlecam status {shlex.quote(str(root))}` shows the run by its own recipe"


def goes_on(root: Path) -> str:
    """How to continue a run with its own recipe."""
    return f"`puzzlecam run-all {shlex.quote(str(root))}` goes on with the run's own recipe"


def looked_for_here(run: Run) -> tuple[str, ...]:
    """Paths of the data that begin in the current folder and are not there: the run was started elsewhere, perhaps."""
    root = getattr(run.recipe.data, "root", Path())  # below it some kinds look as well
    missing = [
        f"data.{key}: `{value}` is looked for in the current folder, {_here()}"
        for key, value in run.recipe.data
        if isinstance(value, Path) and not (value.exists() or (root / value).exists())
    ]
    return tuple(missing)


def _here() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "which is deleted"


def _in_words(value: Any) -> str:
    return "not set" if value is UNSET else shown(value)


def _flat(values: dict[str, Any]) -> list[tuple[str, Any]]:
    return [pair for key, value in values.items() for pair in flatten(key, value)]
