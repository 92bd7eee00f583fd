"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from puzzlecam_cli.errors import LINE, printable


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]], most: int = LINE) -> list[str]:
    """The lines of a table. Cells may be from data, such as names of classes: nothing in them ends a cell or a line.

    Args:
        most: characters of a cell; the middle of a longer one is left out.
    """
    return [_row(cells, most) for cells in (heading, ["---"] * len(heading), *rows)]


def _row(cells: Sequence[str], most: int) -> str:
    return f"| {' | '.join(printable(cell, most).replace('|', chr(92) + '|').replace('<', '&lt;') for cell in cells)} |"
