"""Tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from puzzlecam_cli.bench.costs import Cost
from puzzlecam_cli.errors import LINE, for_terminal, printable
from puzzlecam_cli.run.ablation import Summary
from puzzlecam_cli.run.scores import Scores
from puzzlecam_cli.view.ablation import ablation_notes, ablation_table
from puzzlecam_cli.view.costs import COST_NUMBERS, cost_rows
from puzzlecam_cli.view.scores import HEADER, score_notes, score_rows, shown_table, table_2


def score_table(scores: Scores) -> RenderableType:
    """One row a result; words if nothing was scored."""
    notes = [words(note, most=2000) for note in score_notes(scores)]
    if not scores["results"]:
        return Group("No masks: nothing was scored.", *notes, *_shown(scores))
    parts: list[RenderableType] = ["", table([HEADER, *score_rows(scores)], ("images", "mIoU", "FP", "FN"))]
    if comparison := table_2(scores):
        parts += ["", table(comparison, comparison[0][1:])]
    return Group(*parts, *notes)


def _shown(scores: Scores) -> list[RenderableType]:
    """What the labels show instead of how good they are, where that is known."""
    if not scores.get("shown"):
        return []
    heading, rows = shown_table(scores)
    heading = tuple(title.replace("`", "") for title in heading)
    return ["", table([heading, *rows], heading[1:]), ""]


def ablation_view(summary: Summary) -> RenderableType:
    """The rows of the paper's Table 1 with what to know about them."""
    rows = ablation_table(summary)
    return Group("", table(rows, rows[0][1:]), "", *(words(note, most=2000) for note in ablation_notes(summary)))


def cost_view(costs: Sequence[Cost]) -> RenderableType:
    """What each step of a recipe will take."""
    return table(cost_rows(costs), COST_NUMBERS)


def show(what: RenderableType, width: int) -> None:
    """Print on stdout: as wide as the terminal, or `width` where there is none."""
    if sys.stdout is not None:
        Console(width=None if sys.stdout.isatty() else width).print(what)


def table(rows: Sequence[Sequence[str]], numbers: Collection[str]) -> Table:
    """A heading and rows; the columns named in `numbers` are aligned to the right."""
    heading, *lines = rows
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in heading:
        table.add_column(words(name), justify="right" if name in numbers else "left")
    for line in lines:
        table.add_row(*map(words, line))
    return table


def words(text: str, most: int = LINE) -> Text:
    """Words that may be from data: nothing in them is markup or does anything to the terminal."""
    return Text(for_terminal(printable(text, most), getattr(sys.stdout, "encoding", None)))
