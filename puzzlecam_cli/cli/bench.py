"""`puzzlecam bench`: what a recipe will take on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import (
    CpuOption,
    JsonOption,
    PlainOption,
    PrecisionOption,
    RecipeArgument,
    SetOption,
    runtime_changes,
)

ABOUT = """\
Timed on about {count} photos and steps a stage, with an untrained network. A trained one differs a little in the time
of CRFs and the size of map and label files; photos differ in size and number of tags: --photos takes more."""


def bench(
    recipe: RecipeArgument,
    photos: Annotated[int, typer.Option("--photos", min=1, max=10_000, help="Photos and steps timed, at least.")] = 4,
    set_: SetOption = None,
    mixed_precision: PrecisionOption = None,
    cpu: CpuOption = False,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a recipe will take on this machine: images a second, hours and gigabytes.

    Times every stage on a few photos, in a temporary folder; run folders are left alone.
    """
    from puzzlecam_cli.bench.costs import total
    from puzzlecam_cli.session.forecast import forecast_recipe
    from puzzlecam_cli.view.tables import cost_view, show

    machine, costs, _ = forecast_recipe(recipe, runtime_changes(set_, mixed_precision, cpu), photos, plain)
    if as_json:
        entries = [cost.as_json() for cost in costs]
        found = {"schema": 1, "recipe": recipe, "photos": photos, "machine": asdict(machine)}
        print(json.dumps(found | {"steps": entries, "total": total(costs)}, indent=1))
        return
    print(str(machine))
    show(cost_view(costs), width=220)
    print(ABOUT.format(count=photos))
