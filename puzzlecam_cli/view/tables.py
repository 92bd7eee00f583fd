"""Tables on the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table

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
