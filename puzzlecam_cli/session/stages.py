"""Plan and carry out stages: the work of the stage commands and of `run-all`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from multiprocessing import current_process
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.photos import Tick, silent
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Doing, Emit, Note, Progress, RunStarted
from puzzlecam_cli.group.interrupt import gentle_stop, stop_if_asked
from puzzlecam_cli.group.lock import here, typed
from puzzlecam_cli.recipe.load import find_recipe, load_recipe
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.differences import differences, goes_on, looked_for_here
from puzzlecam_cli.run.execute import execute, finish_replacing
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ownership import check_ours
from puzzlecam_cli.run.pipeline import Stage, Step, all_steps, named
from puzzlecam_cli.run.plan import Decision, plan
from puzzlecam_cli.run.preflight import preflight
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.settling import LOOKING, REST, settle, unit_of
from puzzlecam_cli.session.member import joined, load_torch
from puzzlecam_cli.session.views import open_views
from puzzlecam_cli.stages import PIPELINE
from puzzlecam_cli.view.telling import Teller

if TYPE_CHECKING:
    from accelerate import Accelerator


def run_stages(
    recipe: str | Path,
    run: str | Path | None = None,
    *,
    changes: Sequence[str] = (),
    stages: Sequence[str] | None = None,
    force: bool = False,
    num_processes: int | None = None,
    plain: bool = True,
) -> Path:
    """Run the stages of a recipe that are missing or out of date, in order.

    Args:
        recipe: a file, the name of a shipped recipe, or a run folder, whose run is continued.
        run: the run folder; None: `runs/<recipe name>`, or the run folder given as recipe.
        changes: `dotted.key=YAML value` each, as of `--set`.
        stages: names of those to look at; None: all. What others they need must be there.
        force: redo what is up to date.
        num_processes: None: one a visible GPU, one without GPUs.
        plain: log lines on stderr instead of the dashboard.

    Returns:
        The run folder.

    Raises:
        UserError: what the user can mend: recipe, data, folder, a missing stage.
        KeyboardInterrupt: it was asked to stop; called again, it continues.
        RankFailed: one of several processes failed.
    """
    if getattr(current_process(), "_inheriting", False):  # as Python itself tells it
        problem = "the processes that load photos run the script once more, and with it run_stages"
        raise UserError("script", problem, hint='put the script\'s own lines below `if __name__ == "__main__":`')
    root = run_folder(recipe, run)
    changes = [changes] if isinstance(changes, str) else changes
    stages = [stages] if isinstance(stages, str) else stages
    resolved = load_for(root, recipe, changes)
    chosen = named(PIPELINE, stages)
    check_ours(Run.at(resolved, root), all_steps(chosen))  # before anything is written, the lock included
    with gentle_stop(), joined(resolved.runtime, root, num_processes) as member:
        run_ = Run.at(resolved, root, Teller() if member.is_shown else silent)
        decisions = decide(run_, chosen, force, member.accelerator)
        steps = steps_to_do(chosen, decisions)
        if steps and member.is_shown:
            # what is known without decoding a photo, before anything is written
            preflight(run_, steps, processes=num_processes or 1, tick=None)
            mark(run_)
        is_open = bool(steps) and is_to_be_found_out(run_, member.accelerator)
        with open_views(member, root, plain) as emit:
            if member.is_shown:
                names = tuple(stage.name for stage in chosen)
                emit(RunStarted(Path(recipe).stem, str(root), names, typed(), here()))
            if steps and member.is_shown:
                if not force:
                    note_differences(run_, decisions, emit)
                check_before(run_, steps, num_processes, emit)
            if is_open:
                run_, decisions = decide_again(run_, chosen, force, member.accelerator)
                if member.is_shown and (more := steps_to_do(chosen, decisions)) and not set(more) <= set(steps):
                    check_before(run_, more, num_processes, emit)
                steps = steps_to_do(chosen, decisions)
            command = command_of(chosen, force)
            if not (steps and member.spread(command, resolved, root, num_processes, emit)):
                execute(run_, chosen, decisions, member.accelerator, emit)
    return root


def run_folder(recipe: str | Path, run: str | Path | None) -> Path:
    """The run folder of a recipe: as named, else the folder given as recipe, else `runs/<recipe name>`.

    Raises:
        UserError: it has no name, or there is no such recipe.
    """
    if run is not None and not str(run).strip():
        raise UserError("usage", "--run names no folder", hint="leave it out for `runs/<recipe name>`")
    if run is not None:
        return Path(run)
    given, found = Path(recipe), find_recipe(str(recipe))
    if found.parent == given:
        return given
    name = given.name.removesuffix(".yaml")
    if not name.strip("."):
        raise UserError("usage", f"no run folder can be called after {given}", hint="--run FOLDER names one")
    return Path("runs") / name


def load_for(root: Path, recipe: str | Path, changes: Sequence[str]) -> Recipe:
    """The recipe of a run; an error names the run's own recipe, if there is one.

    Raises:
        UserError: all problems of the recipe at once.
    """
    try:
        return load_recipe(str(recipe), changes)
    except UserError as error:
        own = RunFolder(root)
        if error.reference != "recipe-invalid" or not own.ledger.is_file() or find_recipe(str(recipe)) == own.recipe:
            raise
        hint = f"{error.hint}; " if error.hint else ""
        raise UserError(error.reference, error.problem, error.where, f"{hint}{goes_on(root)}") from None


def mark(run: Run) -> None:
    """Mark the folder as the run's, before anything else is written in it."""
    if not run.ledger.is_there:
        run.ledger.write()


def check_before(run: Run, steps: Sequence[Step], num_processes: int | None, emit: Emit) -> None:
    """Check all that steps will rely on; what is worth knowing is noted.

    Raises:
        UserError: all problems in one.
    """
    load_torch(emit)
    emit(Doing("run", "checking what the stages rely on"))
    from puzzlecam_cli.engine.pool import pool_workers
    from puzzlecam_cli.group.launch import group_size

    mark(run)

    tasks: list[str] = []

    def told(task: str) -> Tick:
        tasks.append(task)

        def tick(done: int, total: int) -> None:
            stop_if_asked()
            emit(Progress("run", task, done, total, unit_of(task)))

        return tick

    processes = group_size(num_processes, run.recipe.runtime)
    workers = pool_workers(run.recipe.runtime)
    for reason in settle(run, workers=workers, tick=told):
        emit(Note("run", reason))
    tick = told(REST if LOOKING in tasks else LOOKING)
    for fact in preflight(run, steps, processes=processes, tick=tick, workers=workers):
        emit(Note("run", fact))


def note_differences(run: Run, decisions: Sequence[Decision], emit: Emit) -> None:
    """Say how the recipe differs from the run's own, where that redoes something that is finished."""
    redone = [decision.step for decision in decisions if " changed" in decision.because]
    if any((record := run.ledger.get(step)) and record.is_made for step in redone):
        for line in differences(run):
            emit(Note("run", line))


def decide(run: Run, stages: tuple[Stage, ...], force: bool, accelerator: Accelerator | None) -> list[Decision]:
    """Plan stages; all processes of a group decide the same. What the plan found is put in its place."""
    from puzzlecam_cli.group.launch import agreed

    is_main = accelerator is None or accelerator.is_main_process
    if is_main:
        finish_replacing(run, [(stage.name, step) for stage in PIPELINE for step in stage.steps])
    decisions = agreed(planned(run, stages, force), accelerator)
    if accelerator is not None:
        accelerator.wait_for_everyone()  # nobody reads the lists of photos any more
    if is_main:
        run.photos.restore()
    return decisions


def is_to_be_found_out(run: Run, accelerator: Accelerator | None) -> bool:
    """Whether looking at photos tells which of them a split has; all processes of a group are told the same."""
    from puzzlecam_cli.group.launch import agreed

    return agreed(run.recipe.data.skips or not run.photos.is_settled, accelerator)


def decide_again(
    run: Run, stages: tuple[Stage, ...], force: bool, accelerator: Accelerator | None
) -> tuple[Run, list[Decision]]:
    """The run and its plan once more, after the main process found out which photos a split has."""
    if accelerator is not None:
        accelerator.wait_for_everyone()
    run = Run.at(run.recipe, run.folder.root, run.tell)
    return run, decide(run, stages, force, accelerator)


def planned(run: Run, stages: tuple[Stage, ...], force: bool) -> list[Decision]:
    """One decision a step. An error says as well how the recipe differs from the run's own.

    Raises:
        UserError: an earlier stage is missing, or the data cannot be read.
    """
    try:
        return plan(run, PIPELINE, stages, force)
    except UserError as error:
        added = (*looked_for_here(run), *differences(run))
        if not added:
            raise
        raise UserError(error.reference, error.problem, (*error.where, *added), error.hint) from None


def steps_to_do(stages: Iterable[Stage], decisions: Sequence[Decision]) -> list[Step]:
    todo = {decision.step for decision in decisions if decision.action != "keep"}
    return [step for stage in stages for step in stage.steps if step.name in todo]


def command_of(stages: Sequence[Stage], force: bool) -> list[str]:
    """What each process of a group is started with."""
    return ["run-all", "--stages", ",".join(stage.name for stage in stages), *(["--force"] if force else [])]
