"""What would be done, and why: for `run-all --plan` and `status`. Nothing is changed, nothing heavy is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from puzzlecam_cli.data.photos import Tell, silent
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.group.lock import holder_of
from puzzlecam_cli.run.differences import differences, shows
from puzzlecam_cli.run.folder import UNFINISHED
from puzzlecam_cli.run.ownership import HINT, check_ours, of_the_wrong_kind
from puzzlecam_cli.run.pipeline import all_steps, named
from puzzlecam_cli.run.plan import Decision
from puzzlecam_cli.run.preflight import preflight
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.session.stages import load_for, planned, run_folder, steps_to_do
from puzzlecam_cli.stages import PIPELINE


def plan_stages(
    recipe: str | Path,
    run: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    stages: Sequence[str] | None = None,
    force: bool = False,
    tell: Tell = silent,
) -> list[Decision]:
    """One decision a step; see `run_stages` and `Run.at` for the arguments.

    Raises:
        UserError: what would stop the run and is known without decoding photos or building networks.
    """
    root = run_folder(recipe, run)
    found = Run.at(load_for(root, recipe, changes), root, tell)
    chosen = named(PIPELINE, stages)
    check_ours(found, all_steps(chosen))
    decisions = planned(found, chosen, force)
    if todo := steps_to_do(chosen, decisions):
        preflight(found, todo, tick=None)
    return decisions


@dataclass(frozen=True)
class StepStatus(Decision):
    """What is to be done with a step, and its state.

    Args:
        state: done, cleaned, stale, missing, running, failed or interrupted.
    """

    state: str


def status_of(
    recipe: str | Path, run: str | Path | None = None, *, changes: Sequence[str] = (), tell: Tell = silent
) -> list[StepStatus]:
    """The state of every step; see `run_stages` and `Run.at` for the arguments.

    Raises:
        UserError: the recipe, the data or the ledger cannot be read.
    """
    root = run_folder(recipe, run)
    if root.exists() and not root.is_dir():
        raise UserError("run-folder", f"{root} is no folder", hint=HINT)
    if wrong := list(of_the_wrong_kind(root)):
        raise UserError("folder-not-ours", f"{root} is no run's folder", shorten([str(path) for path in wrong]))
    found = Run.at(load_for(root, recipe, changes), root, tell)
    is_held = holder_of(root) is not None
    entries: list[StepStatus] = []
    for decision in planned(found, PIPELINE, False):
        coming = found.ledger.get_coming(decision.step)
        record = coming or found.ledger.get(decision.step)
        begun = record is not None and not record.is_made
        if decision.action == "keep":
            state = "cleaned" if record is not None and record.state == "cleaned" else "done"
            if coming is not None:
                tried = f"a try with another recipe, or forced, is left in {root / UNFINISHED}"
                decision = replace(decision, because=f"{decision.because}; {tried}")
        elif record is not None and record.state == "failed":
            state = "failed"
        elif is_held and all(entry.state in ("done", "cleaned") for entry in entries):
            state = "running"  # or just before it: photos are looked at, or pictures written
            decision = replace(decision, because="a process works on it now")
        elif begun:
            state = "interrupted"
        else:
            state = "stale" if record is not None else "missing"
        entries.append(StepStatus(**asdict(decision), state=state))
    return entries


def hint_of(
    found: Sequence[StepStatus], recipe: str | Path, run: str | Path | None = None, *, changes: Sequence[str] = ()
) -> str:
    """Where a recipe differs from the one its run was made with, by a forgotten `--set` perhaps: how to see that one's.

    Empty where it does not; see `run_stages` for the arguments.
    """
    root = run_folder(recipe, run)
    if not any(" changed" in entry.because for entry in found):
        return ""
    return shows(root) if differences(Run.at(load_for(root, recipe, changes), root)) else ""
