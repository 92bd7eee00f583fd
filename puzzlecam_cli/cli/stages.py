"""The seven commands that work on a run: one for each stage, and `run-all`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from puzzlecam_cli.cli import completion
from puzzlecam_cli.cli.options import (
    CpuOption,
    ForceOption,
    JsonOption,
    PlainOption,
    PrecisionOption,
    ProcessesOption,
    RecipeArgument,
    RunOption,
    SetOption,
    runtime_changes,
)
from puzzlecam_cli.errors import LINE, UserError
from puzzlecam_cli.run.pipeline import Stage, choose, named
from puzzlecam_cli.stages import PIPELINE
from puzzlecam_cli.text import shell

FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="STAGE", help="Redo from this stage on.", autocompletion=completion.stages),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="STAGE", help="Stop after this stage.", autocompletion=completion.stages),
]
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
        # `eval` scores what lies there now, so it looks again whenever it is asked
        work(recipe, run, changes, (stage,), force or stage.name == "eval", num_processes, plain)

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
    as_json: JsonOption = False,
    stages: Annotated[str | None, typer.Option("--stages", hidden=True)] = None,
) -> None:
    """Run every stage that is missing or out of date, in order.

    Finished stages are kept while their recipe section and inputs are unchanged. Ctrl-C is safe: the next run
    continues.
    """
    chosen = named(PIPELINE, stages.split(",")) if stages else choose(PIPELINE, from_, until)
    changes = runtime_changes(set_, mixed_precision, cpu)
    if plan:
        show_plan(recipe, run, changes, chosen, force or from_ is not None, as_json)
    else:
        work(recipe, run, changes, chosen, force or from_ is not None, num_processes, plain, as_json)
        report_on(recipe, run)


def report_on(recipe: str, run: str | None) -> None:
    """Write the run's report, where it is not newer than what it tells of; a failure costs no more than the report."""
    from puzzlecam_cli.group.rank import is_rank
    from puzzlecam_cli.view.lines import say

    if is_rank():
        return
    from puzzlecam_cli.session.report import is_current, write_report
    from puzzlecam_cli.session.stages import run_folder

    root = run_folder(recipe, run)
    try:
        if not is_current(root):
            say(f"Report: {write_report(root)}")
    except Exception as error:  # of whatever kind: the run itself is done
        problem = error.problem if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        say(f"no report was written: {problem}; `puzzlecam report {shell(str(root))}` tries again")


def show_plan(
    recipe: str, run: str | None, changes: Sequence[str], stages: tuple[Stage, ...], force: bool, as_json: bool
) -> None:
    """Print one line a step: what would be done, and why."""
    from puzzlecam_cli.session.plan import plan_stages
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.telling import Teller

    names = [stage.name for stage in stages]
    decisions = plan_stages(recipe, run, changes=changes, stages=names, force=force, tell=Teller())
    if as_json:
        print(json.dumps([asdict(decision) for decision in decisions], indent=1))
        return
    for decision in decisions:
        said = f"{decision.action:7} {decision.step:17} {decision.because}"
        say(said, hang=26, most=2 * LINE, stream=sys.stdout)


def work(
    recipe: str,
    run: str | None,
    changes: list[str],
    stages: tuple[Stage, ...],
    force: bool,
    num_processes: int | None,
    plain: bool,
    as_json: bool = False,
) -> None:
    """Run stages, under the display; print the scores, if `eval` was among them, and where all else lies."""
    from puzzlecam_cli.group.rank import is_rank
    from puzzlecam_cli.session.stages import run_stages

    names = [stage.name for stage in stages]
    is_shown = not is_rank()
    root = run_stages(recipe, run, changes=changes, stages=names, force=force, num_processes=num_processes, plain=plain)
    if is_shown:
        tell_outcome(root, names, as_json)


def tell_outcome(root: Path, stages: Sequence[str], as_json: bool = False) -> None:
    """Print the scores, if `eval` was the last of the stages that ran, and where all else lies."""
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.run.scores import read_scores
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.outcome import outcome
    from puzzlecam_cli.view.tables import score_table, show

    folder = RunFolder(root)
    scores = read_scores(folder.scores) if stages[-1:] == ["eval"] and folder.scores.exists() else None
    if as_json:
        print(json.dumps({"schema": 1, "run": str(root), "scores": scores}, indent=1))
        return
    if scores:
        show(score_table(scores), width=120)
    for line in outcome(folder, scores, stages):
        say(line, hang=2, stream=sys.stdout)
