"""Tables on the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table

from puzzlecam_cli.run.ablation import Summary, ablation_notes, ablation_table
from puzzlecam_cli.run.scores import HEADER, Scores, score_rows


def score_table(scores: Scores) -> RenderableType:
    """One row a result; words if nothing was scored."""
    if not scores["results"]:
        return "No masks: nothing was scored. The masks and models are in the run folder."
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in HEADER:
        table.add_column(name, justify="right" if name in ("images", "mIoU", "FP", "FN") else "left")
    for row in score_rows(scores):
        table.add_row(*row)
    return Group("", table, *(["tags were read off pixel masks"] if scores["tags_from"] == "masks" else []))


def ablation_view(summary: Summary) -> RenderableType:
    """The rows of the paper's Table 1 with what to know about them."""
    heading, *rows = ablation_table(summary)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in heading:
        table.add_column(name, justify="left" if name == "losses" else "right")
    for row in rows:
        table.add_row(*row)
    return Group("", table, "", *ablation_notes(summary))
