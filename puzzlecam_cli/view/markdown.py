"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from puzzlecam_cli.errors import printable


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table. Cells may be from data, such as names of classes: see `literal`; headings are our own."""
    return [_row(heading), _row(["---"] * len(heading)), *(_row(map(literal, row)) for row in rows)]


def literal(text: str) -> str:
    """Text from data as it is: nothing in it is a link, a picture, HTML or another line, or ends a cell."""
    return _MARKS.sub(r"\\\g<0>", printable(text)).replace("&", "&amp;").replace("<", "&lt;")


_MARKS = re.compile(r"[`*\[\]~|]|\\(?!\w)|(?<!\w)_|_(?!\w)")  # inside a word some are plain text


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
