"""`puzzlecam bench`: what a recipe will take on this machine, or what the methods cost beside their plain forms."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from puzzlecam_cli.cli.group import Member
from puzzlecam_cli.cli.options import CpuOption, PlainOption, PrecisionOption, SetOption
from puzzlecam_cli.cli.stages import open_views, runtime_changes
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import RunStarted
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.stages import PIPELINE, STAGE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from puzzlecam_cli.bench.measure import Case

ABOUT = """\
Timed on about {count} photos and steps a stage, with an untrained network. A trained one differs a little in the time
of CRFs and the size of map and label files; photos differ in size and number of tags: --photos takes more."""


def bench(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a shipped recipe.")
    ] = None,
    methods: Annotated[bool, typer.Option("--methods", help="Each method beside its plain form instead.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="WORD", help="Only methods with this word. Repeatable.")
    ] = None,
    photos: Annotated[int, typer.Option("--photos", min=1, help="Photos and steps timed, at least.")] = 4,
    set_: SetOption = None,
    mixed_precision: PrecisionOption = None,
    cpu: CpuOption = False,
    plain: PlainOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Tell what a recipe will take on this machine: images a second, hours and gigabytes.

    Times every stage on a few photos, in a temporary folder; run folders are left alone. With --methods: speed, memory
    and error of each method beside its plain form.
    """
    if methods == (recipe is not None):
        raise UserError("usage", "bench needs a recipe or --methods, not both", hint="puzzlecam bench quickstart")
    if only and not methods:
        raise UserError("usage", "--only chooses methods", hint="puzzlecam bench --methods --only walk")
    if recipe is None:
        compare_methods(only or (), as_json)
    else:
        tell_costs(recipe, runtime_changes(set_, mixed_precision, cpu), photos, plain, as_json)


def tell_costs(recipe_name: str, changes: list[str], photos: int, plain: bool, as_json: bool) -> None:
    """The costs of a recipe, on stdout."""
    from puzzlecam_cli.recipe.load import load_recipe
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.run.plan import check_data

    recipe = load_recipe(recipe_name, changes)
    check_data(recipe, RunFolder(Path()), all_steps(PIPELINE))  # before PyTorch is loaded
    from puzzlecam_cli.bench.costs import total
    from puzzlecam_cli.bench.forecast import forecast
    from puzzlecam_cli.bench.machine import this_machine
    from puzzlecam_cli.view.tables import cost_view

    machine = this_machine(gpu=not recipe.runtime.cpu)
    alone = Member(accelerator=None, parent=None, is_shown=True)
    with (
        TemporaryDirectory(prefix="puzzlecam-bench-") as temporary,
        open_views(alone, Path(temporary), plain) as emit,
    ):
        emit(RunStarted(f"bench of {Path(recipe_name).stem}", temporary, STAGE_NAMES))
        costs = forecast(recipe, Path(temporary), photos, emit)
    if as_json:
        entries = [cost.as_json() for cost in costs]
        found = {"schema": 1, "recipe": recipe_name, "photos": photos, "machine": asdict(machine)}
        found |= {"steps": entries, "total": total(costs)}
        typer.echo(json.dumps(found, indent=1))
        return
    show(str(machine), cost_view(costs))
    typer.echo(ABOUT.format(count=photos))


def compare_methods(words: Sequence[str], as_json: bool) -> None:
    """Every method beside its plain form, or those with one of the words in their name, on stdout."""
    from puzzlecam_cli.bench.cases import CASES
    from puzzlecam_cli.bench.machine import this_machine
    from puzzlecam_cli.bench.measure import bench
    from puzzlecam_cli.view.tables import bench_view

    chosen = [case for case in CASES if not words or any(word in title(case) for word in words)]
    if not chosen:
        names = ", ".join(dict.fromkeys(case.method for case in CASES))
        raise UserError("usage", f"no method is named {' or '.join(words)}", hint=f"there are: {names}")
    machine = this_machine(threads=1)
    rows = [row for _, measured in zip(announced(chosen), bench(chosen), strict=True) for row in measured]
    if as_json:
        typer.echo(json.dumps({"machine": asdict(machine), "rows": [row.as_json() for row in rows]}, indent=1))
    else:
        show(str(machine), bench_view(rows))


def title(case: Case) -> str:
    return f"{case.method}, {case.on}"


def announced(cases: Sequence[Case]) -> Iterator[Case]:
    """The cases, each named on stderr when its turn comes."""
    for number, case in enumerate(cases, start=1):
        typer.echo(f"{number}/{len(cases)}  {title(case)}", err=True)
        yield case


def show(machine: str, table: RenderableType) -> None:
    """A table below the machine it was measured on."""
    from rich.console import Console

    typer.echo(machine)
    Console(width=None if sys.stdout.isatty() else 220).print(table)
