"""`puzzlecam new`: from a folder of photos to a recipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import JsonOption, PlainOption
from puzzlecam_cli.errors import LINE, UserError, printable

LIMIT = 120.0  # seconds that steps are timed for the forecast


def new(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="A folder of photos, or a file of tags beside them.")
    ] = ".",
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE.yaml", help="The recipe to write. \\[DIR.yaml]")
    ] = None,
    tags: Annotated[
        str | None,
        typer.Option("--tags", metavar="FILE|folders|annotations", help="Where tags are from. \\[what is found]"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    no_forecast: Annotated[bool, typer.Option("--no-forecast", help="Do not reckon how long a run takes.")] = False,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Look at a folder, write a recipe that fits it, and say what to run next.

    Finds the layout, tags, classes, parts, masks and sizes. Nothing is overwritten. With --json nothing is asked,
    and no time is reckoned.
    """
    from puzzlecam_cli.recipe.writing import no_home
    from puzzlecam_cli.session.new import new_recipe
    from puzzlecam_cli.text import shell
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.telling import Teller

    may_ask = not (yes or as_json) and sys.stdin.isatty() and sys.stderr.isatty()
    written = new_recipe(folder, out, tags, _ask if may_ask else None, Teller())
    if as_json:
        print(json.dumps({"schema": 1} | asdict(written) | {"path": str(written.path)}, indent=1))
        return
    for what, words in written.found:
        say(f"{what:9} {words}", hang=10, most=2 * LINE, stream=sys.stdout)
    for note in written.notes:
        say(f"note      {note}", hang=10, most=2 * LINE, stream=sys.stdout)
    name = shell(str(no_home(written.path)))
    head = "next" if written.can_learn else "then"  # once there is what a note says is missing
    print(f"\n{head}: puzzlecam data check {name}\n      puzzlecam run-all {name}", flush=True)
    if written.can_learn and not no_forecast:
        _forecast(str(written.path), name, plain)


def _forecast(recipe: str, name: str, plain: bool) -> None:
    """Say how long a run will take. The recipe stands, whatever comes of it."""
    from puzzlecam_cli.cli.mendable import as_mendable
    from puzzlecam_cli.session.forecast import forecast_recipe
    from puzzlecam_cli.view.costs import cost_line
    from puzzlecam_cli.view.lines import say

    said = (
        "The recipe is ready. Reckoning how long a run takes: a minute or so, about two at most; Ctrl-C leaves it out."
    )
    print(file=sys.stderr)
    say(said)
    try:
        machine, costs, untimed = forecast_recipe(recipe, [], 4, plain, LIMIT)
    except KeyboardInterrupt:
        print("no forecast: interrupted; the recipe is written", file=sys.stderr)
        return
    except Exception as error:
        mendable = error if isinstance(error, UserError) else as_mendable(error)
        if mendable is None:
            raise
        print(f"\nno forecast, and no run before it is mended:\n{mendable}", file=sys.stderr)
        return
    more = f"`puzzlecam bench {name}` tells more"
    if not costs:
        print(f"\nno forecast: two minutes were not enough{machine.busy and f'; {machine.busy}'}; {more}")
        return
    print()
    say(f"a run takes {cost_line(costs, untimed, machine.busy)}; {more}", stream=sys.stdout)


def _ask(question: str, answers: Sequence[str]) -> int:
    """Let a person choose."""
    typer.echo(question, err=True)
    for number, answer in enumerate(answers, 1):
        typer.echo(f"  {number}  {printable(answer)}", err=True)
    while True:
        try:
            said = str(typer.prompt("Number", err=True)).strip()
        except typer.Abort:
            raise KeyboardInterrupt from None
        if said.isascii() and said.isdigit() and 1 <= int(said) <= len(answers):
            return int(said) - 1
        typer.echo(f"a number from 1 to {len(answers)}, please", err=True)
