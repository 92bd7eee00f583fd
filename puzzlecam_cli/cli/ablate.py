"""`puzzlecam ablate`: the four rows of the paper's Table 1 over several seeds."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import (
    CpuOption,
    JsonOption,
    PlainOption,
    PrecisionOption,
    ProcessesOption,
    RecipeArgument,
    RunOption,
    SetOption,
    runtime_changes,
)
from puzzlecam_cli.errors import printable


def ablate(
    recipe: RecipeArgument,
    more_seeds: Annotated[list[int] | None, typer.Argument(metavar="[SEED]...", hidden=True)] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seeds", help="Seeds, e.g. --seeds 0 1 2. \\[0 1 2]")] = None,
    run: RunOption = None,
    set_: SetOption = None,
    num_processes: ProcessesOption = None,
    mixed_precision: PrecisionOption = None,
    cpu: CpuOption = False,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure what each puzzle loss does for the maps: Table 1 of the paper, over seeds.

    Trains the classifier and scores its maps once a row and seed, all on the same photos, in RUN/ablation; the same
    command continues, and more seeds add to those that are there. Needs masks of the scored split.
    """
    from puzzlecam_cli.session.ablation import run_ablation
    from puzzlecam_cli.view.ablation import write_ablation
    from puzzlecam_cli.view.tables import ablation_view, show

    wanted = list(dict.fromkeys([*(seeds or ([] if more_seeds else [0, 1, 2])), *(more_seeds or [])]))
    changes = runtime_changes(set_, mixed_precision, cpu)
    summary, folder = run_ablation(recipe, run, seeds=wanted, changes=changes, num_processes=num_processes, plain=plain)
    if summary is not None:
        write_ablation(summary, folder)
        if as_json:
            print(json.dumps(summary, indent=1))
            return
        show(ablation_view(summary), width=110)
        print(f"Numbers, table and plot: {printable(str(folder), most=5000)}")
