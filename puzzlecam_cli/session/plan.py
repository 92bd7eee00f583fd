"""What would be done, and why: for `run-all --plan` and `status`. Nothing is changed, nothing heavy is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from puzzlecam_cli.group.lock import holder_of
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.ownership import check_ours
from puzzlecam_cli.run.pipeline import all_steps, named
from puzzlecam_cli.run.plan import Decision
from puzzlecam_cli.run.preflight import preflight
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.session.stages import planned, run_folder, steps_to_do
from puzzlecam_cli.stages import PIPELINE


def plan_stages(
    recipe: str | Path,
    run: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    stages: Sequence[str] | None = None,
    force: bool = False,
) -> list[Decision]:
    """One decision a step; see `run_stages` for the arguments.

    Raises:
        UserError: what would stop the run and is known without decoding photos or building networks.
    """
    root = run_folder(recipe, run)
    found = Run.at(load_recipe(str(recipe), changes), root)
    chosen = named(PIPELINE, stages)
    check_ours(found, all_steps(chosen))
    decisions = planned(found, chosen, force)
    if todo := steps_to_do(chosen, decisions):
        preflight(found, todo, tick=None)
    return decisions


@dataclass(frozen=True)
class StepStatus(Decision):
    """What is to be done with a step, and its state: done, stale, missing, running, failed or interrupted."""

    state: str


def status_of(recipe: str | Path, run: str | Path | None = None, *, changes: Sequence[str] = ()) -> list[StepStatus]:
    """The state of every step; see `run_stages` for the arguments.

    Raises:
        UserError: the recipe, the data or the ledger cannot be read.
    """
    root = run_folder(recipe, run)
    found = Run.at(load_recipe(str(recipe), changes), root)
    is_held = holder_of(root) is not None
    entries = []
    for decision in planned(found, PIPELINE, False):
        record = found.ledger.get_coming(decision.step) or found.ledger.get(decision.step)
        if decision.action == "keep":
            state = "done"
        elif record is None:
            state = "missing"
        elif record.state == "done":
            state = "stale"
        else:
            state = record.state if record.state == "failed" else "running" if is_held else "interrupted"
        entries.append(StepStatus(**asdict(decision), state=state))
    return entries
