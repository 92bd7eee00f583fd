"""Which form a table has, and its tags. A form is a row of `FORMS`: the first that knows a table reads it."""

from __future__ import annotations

from collections.abc import Callable

from puzzlecam_cli.data.tables.class_columns import read_class_columns
from puzzlecam_cli.data.tables.found import Found, Known, Row
from puzzlecam_cli.data.tables.layout import Layout, lay_out
from puzzlecam_cli.data.tables.tag_columns import read_tag_columns

FORMS: tuple[Callable[[Layout, Known], Found | None], ...] = (read_class_columns, read_tag_columns)


def read_rows(rows: list[Row], known: Known, *, has_header: bool | None = None) -> Found:
    """What a table says of photos, whatever its form.

    Args:
        has_header: whether the first row is one; None: found out.

    Raises:
        UserError: `tags-invalid`, `tags-ambiguous`.
    """
    layout = lay_out(rows, known, has_header=has_header)
    found = next(found for form in FORMS if (found := form(layout, known)))
    if has_header is None and layout.header is None:
        found.facts.insert(0, "there is no header")
    found.facts[:0] = layout.facts
    return found
