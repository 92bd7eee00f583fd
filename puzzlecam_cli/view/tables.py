"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from puzzlecam_cli.bench.costs import COST_NUMBERS, Cost, cost_rows
from puzzlecam_cli.bench.rows import NUMBERS, Row, bench_rows
from puzzlecam_cli.run.ablation import Summary, ablation_notes, ablation_table
from puzzlecam_cli.run.scores import HEADER, Scores, score_rows, table_2


def score_table(scores: Scores) -> RenderableType:
    """One row a result; words if nothing was scored."""
    if not scores["results"]:
        return "No masks: nothing was scored. The masks and models are in the run folder."
    parts: list[RenderableType] = ["", _table([HEADER, *score_rows(scores)], ("images", "mIoU", "FP", "FN"))]
    if comparison := table_2(scores):
        parts += ["", _table(comparison, comparison[0][1:])]
    return Group(*parts, *(["tags were read off pixel masks"] if scores["tags_from"] == "masks" else []))


def ablation_view(summary: Summary) -> RenderableType:
    """The rows of the paper's Table 1 with what to know about them."""
    rows = ablation_table(summary)
    return Group("", _table(rows, rows[0][1:]), "", *ablation_notes(summary))


def bench_view(rows: Sequence[Row]) -> RenderableType:
    """What each method costs beside its plain form."""
    return _table(bench_rows(rows), NUMBERS)


def cost_view(costs: Sequence[Cost]) -> RenderableType:
    """What each step of a recipe will take."""
    return _table(cost_rows(costs), COST_NUMBERS)


def _table(rows: Sequence[Sequence[str]], numbers: Collection[str]) -> Table:
    """A heading and rows; the columns named in `numbers` stand to the right."""
    heading, *lines = rows
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in heading:
        table.add_column(name, justify="right" if name in numbers else "left")
    for line in lines:
        table.add_row(*line)
    return table
