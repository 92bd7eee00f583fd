"""How a recipe differs from the one that a run was made with: a forgotten `--set`, most often."""

from __future__ import annotations

from typing import Any

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.load import read_document
from puzzlecam_cli.run.plan import flatten
from puzzlecam_cli.run.run import Run

NOT_RESULTS = ("runtime.workers", "runtime.log_seconds", "runtime.checkpoint_minutes", "runtime.trackers")


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
        f"{key}: {before[key]} in the run, {value} now"
        for key, value in after.items()
        if key in before and before[key] != value and not key.startswith(NOT_RESULTS)
    ]
    if not changed:
        return ()
    return (
        "the recipe differs from the one this run was made with:",
        *shorten(changed, 6),
        f"`puzzlecam run-all {run.folder.root}` goes on with the run's own",
    )


def _flat(values: dict[str, Any]) -> list[tuple[str, Any]]:
    return [pair for key, value in values.items() for pair in flatten(key, value)]
