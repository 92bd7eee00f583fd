"""Rows of a CSV, whatever its delimiter, with the numbers of their lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import islice

from puzzlecam_cli.data.ids import PHOTO_SUFFIXES
from puzzlecam_cli.data.tables.found import Known, Row, clean, has_photo_suffix
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKED_AT, _COLUMNS = 500, 20  # rows and cells of them, to find out the delimiter
_SUFFIX = "|".join(re.escape(suffix) for suffix in PHOTO_SUFFIXES)
_PHOTO_FIRST = re.compile(rf"(.+?(?:{_SUFFIX})):?[ \t]+(.*)", re.IGNORECASE)
_EXCEL = re.compile(r"sep=([,;\t|])\s*")  # a first line that tells Excel the delimiter


def rows_of(text: str, known: Known) -> tuple[list[Row], str]:
    """The rows that are not blank, cells without blanks around them, and a word for what divides the cells.

    Raises:
        UserError: `tags-invalid`: quotes that are not closed, with their line; no row; one column only.
    """
    first, _, rest = text.partition("\n")
    told = _EXCEL.fullmatch(first.strip("\ufeff\r"))
    text = rest if told else text
    delimiter = told[1] if told else _delimiter(text, known)
    rows = list(_parsed(text, delimiter, known, bool(told))) if delimiter else _without_delimiter(text, known)
    if not rows:
        raise known.problem("holds no row")
    return rows, DELIMITERS[delimiter] if delimiter else "blanks"


def _parsed(text: str, delimiter: str, known: Known, skipped: int = 0) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    kept = cache(clean)  # most cells stand in many rows: each is cleaned and held once
    line = 1
    try:
        for cells in reader:
            row = list(map(kept, cells))
            if any(row):
                yield Row(line + skipped, row)
            line = reader.line_num + 1
    except csv.Error as error:
        where = f"line {line + skipped}: {str(error).rstrip('.')}"
        hint = 'a cell that begins with " ends with "; a " inside it is written twice'
        raise known.problem("is no table", (where,), hint) from None


def _delimiter(text: str, known: Known) -> str | None:
    """What divides most rows so that one cell is a photo; None: nothing does."""
    scores = {d: score for d in DELIMITERS if d in text and (score := _score(text, d, known))}
    return max(scores, key=lambda d: scores[d]) if scores else None


def _score(text: str, delimiter: str, known: Known) -> tuple[int, ...] | None:
    """How well a delimiter fits, the most telling first; None: it divides no row.

    Rows with a photo in a cell of its own, rows that are divided at all, rows with no other delimiter in the first cell
    (names of photos rarely hold one, tags may), and whether all rows are alike.
    """
    others = [other for other in DELIMITERS if other != delimiter]
    rows: list[Row] = []
    with suppress(UserError):  # is told once the delimiter is known
        rows.extend(islice(_parsed(text, delimiter, known), _LOOKED_AT))
    divided = [[str(cell) for cell in row.cells] for row in rows if len(row.cells) > 1]
    if not divided:
        return None
    alone = [[cell for cell in cells[:_COLUMNS] if not any(other in cell for other in others)] for cells in divided]
    photos = sum(any(map(has_photo_suffix, cells)) for cells in alone)
    seen = sum(any(map(known.is_photo, filter(None, cells[:_COLUMNS]))) for cells in divided)
    first = sum(bool(left) and left[0] is cells[0] for left, cells in zip(alone, divided, strict=True))
    return photos, seen, len(divided), first, len({len(cells) for cells in divided}) == 1


def _without_delimiter(text: str, known: Known) -> list[Row]:
    """Rows of a photo, blanks and tags, as in `a.jpg cat dog`."""
    rows: list[Row] = []
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        whole = clean(line)
        found = _PHOTO_FIRST.fullmatch(whole)
        head, _, rest = whole.partition(" ")
        if found:
            head, rest = clean(found[1]), clean(found[2])
        elif has_photo_suffix(whole) or (rows and (known.is_photo(whole) or not known.is_photo(head))):
            head, rest = whole, ""
        if head:
            rows.append(Row(number, [head, rest.strip()] if rest else [head]))
    if rows and not any(len(row.cells) > 1 for row in rows):
        where = f"line {rows[0].line}: {quoted(str(rows[0].cells[0]))}"
        raise known.problem("has one column only, so no tags", (where,), "a row is a photo, a comma and its tags")
    return rows
