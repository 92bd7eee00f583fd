"""`puzzlecam compare`: runs side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from puzzlecam_cli.cli import completion
from puzzlecam_cli.cli.options import JsonOption, SetOption
from puzzlecam_cli.errors import LINE

if TYPE_CHECKING:
    from puzzlecam_cli.data.photos import Tick

RunsArgument = Annotated[
    list[str],
    typer.Argument(metavar="RUN RUN...", help="Folders of runs that are scored.", autocompletion=completion.runs),
]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help="Write a page as well.")]
ResamplesOption = Annotated[
    int, typer.Option("--resamples", min=100, max=1_000_000, help="Times that photos are drawn, for the intervals.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the draws: the same seed, the same intervals.")]


def compare(
    runs: RunsArgument,
    out: OutOption = None,
    resamples: ResamplesOption = 2000,
    seed: SeedOption = 0,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set runs side by side: is a difference in their scores more than chance?

    Differences are to the first run, on the photos that all have; intervals by a paired bootstrap over these. Tells
    what differs in recipes, time and disk as well. --set holds for all, such as data.root=FOLDER for data that moved.
    """
    from puzzlecam_cli.view.telling import Teller

    teller = Teller()
    if "torch" not in sys.modules:
        teller.now("loading PyTorch")
    from puzzlecam_cli.files import as_json as json_of
    from puzzlecam_cli.files import write_text
    from puzzlecam_cli.plain_file import check_place
    from puzzlecam_cli.use.comparison.compared import compare as work
    from puzzlecam_cli.view.comparison import comparison_tables
    from puzzlecam_cli.view.comparison_page import MARK, comparison_page
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.tables import show, table

    if out is not None:
        check_place(out, MARK, "page of a comparison")

    def told(task: str) -> Tick:
        return lambda done, total: teller(f"{task}: {done:,} of {total:,} photos")

    found = work(runs, changes=set_ or (), resamples=resamples, seed=seed, told=told, tell=teller)
    if out is not None:
        write_text(out, comparison_page(found))
        say(f"written {out}")
    if as_json:
        print(json_of(found.as_json(), indent=1))
        return
    for each in comparison_tables(found):
        print(f"\n{each.title}")
        show(table(each.rows, each.numbers), width=220)
    print()
    for note in found.notes:
        say(note, most=4 * LINE, stream=sys.stdout)
