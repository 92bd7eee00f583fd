"""`puzzlecam data`: look at the data of a recipe."""

from __future__ import annotations

import json
import sys

import typer

from puzzlecam_cli.cli.options import JsonOption, PlainOption, RecipeArgument, RunOption, SetOption
from puzzlecam_cli.errors import for_terminal

data = typer.Typer(help="Look at the data before hours are spent.", no_args_is_help=True)


@data.callback()
def _group() -> None:
    """Look at the data before hours are spent."""


@data.command()
def check(
    recipe: RecipeArgument,
    run: RunOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
    plain: PlainOption = False,
) -> None:
    """Look at every photo, tag and mask: what stops training, what harms it, counts, classes, sizes.

    Exit code 2 where training would be refused or make no sense. Nothing is downloaded, and no network is trained.
    """
    from puzzlecam_cli.session.data_check import check_data
    from puzzlecam_cli.view.survey import survey_lines

    found = check_data(recipe, run, changes=set_ or (), plain=plain)
    if as_json:
        print(json.dumps({"recipe": recipe} | found.as_json(), indent=1))
    else:
        encoding = getattr(sys.stdout, "encoding", None)
        bar = "█" if for_terminal("█", encoding) == "█" else "#"
        for line in survey_lines(found, bar):
            print(for_terminal(line, encoding))
    if found.stops:
        sys.stdout.flush()
        raise found.refusal()
