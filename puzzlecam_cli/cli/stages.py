"""The seven commands that work on a run: one for each stage, and `run-all`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from puzzlecam_cli.cli.group import Member, joined, spread
from puzzlecam_cli.cli.options import (
    CpuOption,
    ForceOption,
    PlainOption,
    PrecisionOption,
    ProcessesOption,
    RecipeArgument,
    RunOption,
    SetOption,
    run_folder,
)
from puzzlecam_cli.events import Emit, Event, RunStarted
from puzzlecam_cli.interrupt import gentle_stop
from puzzlecam_cli.run.pipeline import Stage, all_steps, choose
from puzzlecam_cli.stages import PIPELINE

if TYPE_CHECKING:
    from accelerate import Accelerator

    from puzzlecam_cli.recipe.schema import Recipe
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.run.ledger import Ledger
    from puzzlecam_cli.run.plan import Decision

FromOption = Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Redo from this stage on.")]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="STAGE", help="Stop after this stage.")]
PlanOption = Annotated[bool, typer.Option("--plan", help="Say what would run, and why; change nothing.")]


def stage_command(stage: Stage) -> Callable[..., None]:
    """The command of one stage."""

    def command(
        recipe: RecipeArgument,
        run: RunOption = None,
        set_: SetOption = None,
        force: ForceOption = False,
        num_processes: ProcessesOption = None,
        mixed_precision: PrecisionOption = None,
        cpu: CpuOption = False,
        plain: PlainOption = False,
    ) -> None:
        changes = runtime_changes(set_, mixed_precision, cpu)
        again = [stage.name, *(["--force"] if force else [])]
        # `eval` scores what lies there now, so it looks again whenever it is asked
        work(again, recipe, run, changes, (stage,), force or stage.name == "eval", num_processes, plain)

    command.__doc__ = stage.does
    return command


def run_all(
    recipe: RecipeArgument,
    run: RunOption = None,
    set_: SetOption = None,
    from_: FromOption = None,
    until: UntilOption = None,
    plan: PlanOption = False,
    force: ForceOption = False,
    num_processes: ProcessesOption = None,
    mixed_precision: PrecisionOption = None,
    cpu: CpuOption = False,
    plain: PlainOption = False,
) -> None:
    """Run every stage that is missing or out of date, in order.

    Finished stages are kept while their recipe section and inputs are unchanged. Ctrl-C is safe: the next run
    continues.
    """
    stages = choose(PIPELINE, from_, until)
    changes = runtime_changes(set_, mixed_precision, cpu)
    if plan:
        show_plan(recipe, run, changes, stages, force or from_ is not None)
    else:
        limits = [part for name, stage in (("--from", from_), ("--until", until)) if stage for part in (name, stage)]
        again = ["run-all", *limits, *(["--force"] if force else [])]
        work(again, recipe, run, changes, stages, force or from_ is not None, num_processes, plain)


def runtime_changes(set_: list[str] | None, mixed_precision: str | None, cpu: bool) -> list[str]:
    """The options of this machine, as `--set` changes."""
    precision = [f"runtime.mixed_precision='{mixed_precision}'"] if mixed_precision else []
    return [*(set_ or ()), *precision, *(["runtime.cpu=true"] if cpu else [])]


def show_plan(
    recipe_name: str, run: Path | None, changes: Iterable[str], stages: tuple[Stage, ...], force: bool
) -> None:
    """Print one line a step: what would be done, and why."""
    from puzzlecam_cli.recipe.load import load_recipe
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.run.ledger import Ledger
    from puzzlecam_cli.run.plan import plan

    folder = RunFolder(run_folder(recipe_name, run))
    recipe = load_recipe(recipe_name, changes)
    for decision in plan(recipe, folder, Ledger(folder.ledger), PIPELINE, stages, force):
        typer.echo(f"{decision.action:7} {decision.step:17} {decision.because}")


def work(
    command: list[str],
    recipe_name: str,
    run: Path | None,
    changes: list[str],
    stages: tuple[Stage, ...],
    force: bool,
    num_processes: int | None,
    plain: bool,
) -> None:
    """Plan and carry out stages, under the display; print the scores if `eval` was among them.

    Args:
        command: name and options that mean the same to the processes of a group.
    """
    from puzzlecam_cli.recipe.load import load_recipe
    from puzzlecam_cli.run.execute import execute
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.run.ledger import Ledger

    recipe = load_recipe(recipe_name, changes)
    folder = RunFolder(run_folder(recipe_name, run))
    with gentle_stop(), joined(recipe, folder, num_processes) as member:
        ledger = Ledger(folder.ledger)
        decisions = decide(recipe, folder, ledger, stages, force, member.accelerator)  # before anything is written
        is_due = any(decision.action != "keep" for decision in decisions)
        with open_views(member, folder.root, plain) as emit:
            if member.is_shown:
                emit(RunStarted(Path(recipe_name).stem, str(folder.root), tuple(stage.name for stage in stages)))
            if not (is_due and spread(member, command, recipe, folder, num_processes, emit)):
                execute(recipe, folder, ledger, stages, decisions, member.accelerator, emit)
    if member.is_shown and stages[-1].name == "eval" and folder.scores.exists():
        show_scores(folder.scores)


def decide(
    recipe: Recipe,
    folder: RunFolder,
    ledger: Ledger,
    stages: tuple[Stage, ...],
    force: bool,
    accelerator: Accelerator | None,
) -> list[Decision]:
    """Plan stages and look at their data; all processes of a group decide the same."""
    from puzzlecam_cli.run.launch import agreed
    from puzzlecam_cli.run.plan import check_data, plan

    decisions = agreed(plan(recipe, folder, ledger, PIPELINE, stages, force), accelerator)
    todo = {decision.step for decision in decisions if decision.action != "keep"}
    check_data(recipe, folder, [step for step in all_steps(stages) if step.name in todo])
    return decisions


@contextmanager
def open_views(member: Member, folder: Path, plain: bool) -> Iterator[Emit]:
    """The display on stderr and `events.jsonl`; for one of a group, the way to its parent, or nothing."""
    if not member.is_shown:
        yield member.tell
        return
    from puzzlecam_cli.view.event_file import EventFile
    from puzzlecam_cli.view.plain import PlainView

    views: list[Callable[[Event], None]] = [EventFile(folder / "events.jsonl")]
    with ExitStack() as stack:
        if plain or not (sys.stdout.isatty() and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
            views.append(stack.enter_context(PlainView()))
        else:
            from rich.console import Console

            from puzzlecam_cli.view.dashboard import Dashboard

            views.append(stack.enter_context(Dashboard(Console(stderr=True))))

        def emit(event: Event) -> None:
            for view in views:
                view(event)

        yield emit


def show_scores(path: Path) -> None:
    """The table of scores, on stdout."""
    from rich.console import Console

    from puzzlecam_cli.run.scores import read_scores
    from puzzlecam_cli.view.tables import score_table

    Console(width=None if sys.stdout.isatty() else 120).print(score_table(read_scores(path)))
    typer.echo(f"Scores in full: {path.parent}")
