"""How a table is laid out: its header, the column of photos' names, and one that only numbers the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest

from puzzlecam_cli.data.tables import words
from puzzlecam_cli.data.tables.found import Cell, Known, Row, has_photo_suffix
from puzzlecam_cli.data.tables.truth import is_empty, is_truth
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.text import quoted

_LOOKED_AT = 200  # rows, to find the column of names


@dataclass
class Layout:
    """A table whose column of names is known.

    Args:
        header: a name for each column, "" for one without; None: the table has no header.
        body: the rows below it.
        columns: cells by column; "" where a row is shorter.
        name: the column of photos' names.
        index: columns that only number the rows.
        facts: what was decided, a sentence each.
    """

    header: list[str] | None
    body: list[Row]
    columns: list[tuple[Cell, ...]]
    name: int
    index: set[int]
    facts: list[str] = field(default_factory=list)

    @property
    def others(self) -> list[int]:
        """The columns that are neither names nor numbers of rows."""
        return [c for c in range(len(self.columns)) if c != self.name and c not in self.index]

    @cached_property
    def counts(self) -> list[Counter[Cell]]:
        """How often each column holds each of its values."""
        return [Counter(column) for column in self.columns]

    def is_filled(self, c: int) -> bool:
        """Whether any cell of a column holds anything."""
        return any(self.counts[c])

    def is_numeric(self, c: int) -> bool:
        """Whether a column holds nothing but numbers."""
        return all(is_empty(value) or words.is_number(str(value)) for value in self.counts[c])

    def further(self, used: Sequence[int], facts: list[str]) -> dict[str, list[str]]:
        """The named columns besides those in use, a value a row, without boxes; a fact says that they are no tags."""
        header, taken = self.header or [], set(used)
        has_boxes = words.head_boxes(header)
        rest = [c for c in self.others if c not in taken and c < len(header) and header[c] and self.is_filled(c)]
        kept = [c for c in rest if not (has_boxes and words.heads(header[c], words.BOX))]
        if kept:
            shown = shorten([quoted(header[c]) for c in kept])
            facts.append(f"{', '.join(shown)} {'is' if len(kept) == 1 else 'are'} no tags")
        return {header[c]: [_plain(cell) for cell in self.columns[c]] for c in kept}


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else ", ".join(cell)


def lay_out(rows: list[Row], known: Known, *, has_header: bool | None = None) -> Layout:
    """The layout of rows that are not blank.

    Args:
        has_header: whether the first row is one; None: found out.

    Raises:
        UserError: `tags-invalid`: no row but a header; no column of names.
    """
    below = rows[1:] or rows
    columns = list(zip_longest(*(row.cells for row in below), fillvalue=""))
    if not columns:
        raise known.problem("names no photo")
    first = [str(cell) for cell in rows[0].cells]
    first += [""] * (len(columns) - len(first))
    index = {c for c in range(min(len(columns), 2)) if _only_counts(first[c], columns[c])}
    name = _name_column(first, columns, index, known)
    index = {c for c in index if c < name}
    if len(columns) - len(index) < 2 and len(first) - len(index) < 2:
        where = (f"{known.at(rows[0].line)}: {quoted(first[name])}",)
        raise known.problem("has one column only, so no tags", where, "a row is a photo, a comma and its tags")
    facts = [f"column {c + 1} numbers the rows and is left out" for c in sorted(index)]
    if has_header is None:
        has_header = _is_header(first, rows[0].line, columns, name, index, known)
    if not has_header:
        columns = list(zip_longest(*(row.cells for row in rows), fillvalue=""))
        return Layout(None, rows, columns, name, index, facts)
    if len(rows) == 1:
        raise known.problem("holds a header and no row", (f"{known.at(rows[0].line)}: {quoted(', '.join(first))}",))
    columns += [("",) * len(below)] * (len(first) - len(columns))
    header = ["" if word.casefold().startswith("unnamed:") else word for word in first]
    _check_name(header[name], columns[name], known)
    return Layout(header, below, columns, name, index, facts)


def _check_name(head: str, column: tuple[Cell, ...], known: Known) -> None:
    """Refuses a table none of whose columns seems to hold names of photos."""
    if not words.heads(head, words.PART) and not words.heads_tags(head):
        return
    step = max(len(column) // _LOOKED_AT, 1)
    cells = [cell for cell in column[::step] if isinstance(cell, str)]
    if any(map(has_photo_suffix, cells)) or (known.tells_photos and any(map(known.is_photo, cells))):
        return
    hint = "call it `file`, and write names as the files have them"
    raise known.problem("has no column of photos' names", (f"the nearest is {quoted(head)}",), hint)


def _name_column(first: list[str], columns: Sequence[tuple[Cell, ...]], index: set[int], known: Known) -> int:
    """The column most of whose cells are photos; where several are: by suffix, by header, the first."""
    step = max(len(columns[0]) // _LOOKED_AT, 1)
    samples = [[cell for cell in column[::step] if isinstance(cell, str) and cell] for column in columns]
    unlikely = [not sample or all(map(is_truth, sample)) for sample in samples]
    if all(unlikely):  # photos called 0 and 1
        unlikely = [not sample for sample in samples]
    photos = [0.0 if no else _share(known.is_photo, cells) for no, cells in zip(unlikely, samples, strict=True)]
    best = max(photos)
    likely = [c for c in range(len(columns)) if photos[c] >= best / 2 and not (unlikely[c] and best)] or [0]

    def fits(c: int) -> tuple[bool, int, bool, int]:
        rank = words.rank_of_name(first[c])
        suffixes = _share(has_photo_suffix, samples[c]) if samples[c] else 0
        return suffixes >= 0.5, -9 if rank is None else -rank, c not in index, -c

    best_one = max(likely, key=fits)
    twins = [c for c in likely if fits(c)[:2] == fits(best_one)[:2] and c not in index and photos[c] > 0.9 * best]
    if known.tells_photos and len(twins) > 1:
        where = [f"column {c + 1}: {quoted(samples[c][0])}" for c in twins]
        raise known.ambiguous("has two columns of photos' names", where, "write a first line such as `file,tags`")
    return best_one


def _share(test: Callable[[str], bool], cells: list[str]) -> float:
    return sum(map(test, cells)) / len(cells)


def _only_counts(head: str, column: tuple[Cell, ...]) -> bool:
    """Whether a column is 0, 1, 2 ... or 1, 2, 3 ... below nothing, `index` or the number before."""
    numbers = [int(cell) for cell in column if isinstance(cell, str) and cell.isascii() and cell.isdigit()]
    if len(numbers) != len(column) or len(column) < 2 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return False
    if head.isascii() and head.isdigit():
        return int(head) == numbers[0] - 1 and int(head) in (0, 1)
    return numbers[0] in (0, 1) and (
        not head or words.bare(head).startswith("unnamed") or words.heads(head, words.INDEX)
    )


def _is_header(
    first: list[str], line: int, columns: Sequence[tuple[Cell, ...]], name: int, index: set[int], known: Known
) -> bool:
    """Whether the first row heads the others, rather than being a photo itself; it may be the only one.

    Raises:
        UserError: `tags-ambiguous`: it could be a header, and a photo that is not there.
    """
    head, others = first[name], [c for c in range(len(columns)) if c != name and c not in index]
    if has_photo_suffix(head):
        return False
    if columns[name] == (head,):
        return words.rank_of_name(head) is not None and any(map(words.heads_tags, first))
    if words.rank_of_name(head) is not None:
        return True
    if any(not is_truth(first[c]) and all(map(is_truth, columns[c])) and any(columns[c]) for c in others):
        return True
    if any(words.heads_tags(first[c]) and first[c] not in columns[c] for c in others):
        return True
    if any(first[c] and first[c] in columns[c] for c in others) or (known.tells_photos and known.is_photo(head)):
        return False
    if _share(has_photo_suffix, [str(cell) for cell in columns[name]]) >= 0.5:
        return True
    if known.tells_photos and any(isinstance(cell, str) and known.is_photo(cell) for cell in columns[name]):
        where = (f"{known.at(line)}: {quoted(', '.join(first))}",)
        hint = "call the columns `file` and `tags` there, or write the photo's name as the file has it"
        raise known.ambiguous("begins with a header of unknown words, or with a photo that is not there", where, hint)
    return False
