"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from puzzlecam_cli.errors import printable


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table. Cells may be from data, such as names of classes: nothing in them ends a cell or a line."""
    return [_row(heading), _row(["---"] * len(heading)), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(printable(cell).replace('|', chr(92) + '|').replace('<', '&lt;') for cell in cells)} |"
