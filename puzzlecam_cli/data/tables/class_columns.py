"""Tables with one 0/1 column a class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, repeat

from puzzlecam_cli.data.tables import words
from puzzlecam_cli.data.tables.found import Cell, Found, Known, Row, Tagged
from puzzlecam_cli.data.tables.layout import Layout
from puzzlecam_cli.data.tables.truth import NUMBERS, is_empty, is_truth, shown_values
from puzzlecam_cli.text import quoted

_NO_HEADER = "write a first line with a name for each column, such as `file,tags`"
_PAIR = "a column of a class holds one pair of values, such as 1 and 0, 1 and -1, or x and nothing"


def read_class_columns(layout: Layout, known: Known) -> Found | None:
    """Tags of a table with one 0/1 column a class; None: it is none.

    Raises:
        UserError: `tags-invalid` with every row that has more or fewer cells or another value; `tags-ambiguous`.
    """
    truths = {c: share for c in layout.others if (share := _share_of_truths(layout, c)) is not None}
    header = layout.header
    if header is None:
        _check_nameless(layout, truths, known)
        return None
    classes = known.classes or frozenset()
    listed = {c for c in truths if header[c] in classes}
    tags = [c for c in truths if c not in listed and words.heads_tags(header[c])]
    if any(truths[c] < 1 for c in tags) or _has_other_tags(layout, truths):
        return None
    further = {c for c in truths if c not in listed and _is_further(header[c], truths[c], header, known)}
    last = _last_named(header)
    further |= {c for c in truths if c > last and layout.counts[c][""]}  # rows that are too long
    mine = [c for c in truths if c in listed or (truths[c] >= 0.5 and c not in further)]
    if not mine or not any(truths[c] for c in mine):
        return None
    if len(mine) == 1 and mine[0] in tags:
        _check_numbers(layout, mine[0], known)
        return None
    names = [header[c] for c in mine]
    _check_names(names, known)
    shown, odd, said = shown_values({value for c in mine for value in layout.counts[c]})
    if not shown and not odd:
        raise known.problem("has a column a class, and not one photo that shows any", [quoted(", ".join(names))], _PAIR)
    _check_zeros(layout, mine, known)
    numeric = [c for c in truths if c not in mine and c not in further and layout.is_numeric(c)]
    if problems := _problems(layout, mine, odd, numeric, known):
        raise known.problem("has a column a class, but not such values in all rows", problems, _PAIR)
    tags_of: list[list[str]] = [[] for _ in layout.body]
    for c, name in zip(mine, names, strict=True):
        for place in compress(range(len(tags_of)), map(shown.__contains__, layout.columns[c])):
            tags_of[place].append(name)
    tagged = [
        Tagged(row.line, str(photo), tuple(own))
        for row, photo, own in zip(layout.body, layout.columns[layout.name], tags_of, strict=True)
    ]
    facts = [f"one row a photo, one column a class; {said}"]
    return Found(tagged, True, tuple(names), layout.further(mine, facts), facts)


def _share_of_truths(layout: Layout, c: int) -> float | None:
    """How many of a column's cells that hold anything could be 0 or 1; None: it is empty and has no name."""
    counts = {value: count for value, count in layout.counts[c].items() if value}
    if not counts:
        return 1.0 if layout.header is not None and layout.header[c] else None
    return sum(count for value, count in counts.items() if is_truth(value)) / sum(counts.values())


def _has_other_tags(layout: Layout, truths: dict[int, float]) -> bool:
    """Whether a column of words holds the tags, or rows are objects in boxes: 0 and 1 have another meaning then."""
    header = layout.header or []
    if any(share == 0 and words.ends_in_tags(header[c]) and not layout.is_numeric(c) for c, share in truths.items()):
        return True
    return words.head_boxes(header) and any(truths[c] < 1 for c in truths if words.heads(header[c], words.BOX))


def _last_named(header: Sequence[str]) -> int:
    return max((c for c, head in enumerate(header) if head), default=-1)


def _is_further(head: str, share: float, header: Sequence[str], known: Known) -> bool:
    """Whether a column is none of a class, though it may hold 0 and 1."""
    if words.bare(head) == "train" and share == 1:  # a part of the photos, or a vehicle
        if any(words.heads(other, words.VEHICLE) for other in header):
            return False
        if known.classes is None and not any(words.heads(other, words.PART) for other in header):
            where = (f"the header: {quoted(', '.join(header))}",)
            hint = "name all classes in data.classes, or call the column `is_train`"
            raise known.ambiguous("has a column `train`: a class, or the photos trained on", where, hint)
        return True
    return words.heads(head, words.PART) or (share < 1 and words.heads(head, words.MEASURE))


def _check_names(names: Sequence[str], known: Known) -> None:
    if "" in names:
        where = (f"the header: {quoted(', '.join(names))}",)
        raise known.problem("has a column a class, but not a name for each", where)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise known.problem("has two columns of one class", [f"the header: {quoted(name)}" for name in twice])


def _check_zeros(layout: Layout, mine: Sequence[int], known: Known) -> None:
    """Refuses -1, 0 and 1 where 0 is commoner than -1: VOC writes 0 for a difficult object, others -1 for an unsure one
    and 0 for none.
    """
    often = dict.fromkeys((-1, 0, 1), 0)
    for c in mine:
        for value, count in layout.counts[c].items():
            if isinstance(value, str) and value in NUMBERS:
                often[NUMBERS[value]] += count
    if 0 < often[-1] <= often[0]:
        c, row = next((c, n) for c in mine for n, x in enumerate(layout.columns[c]) if NUMBERS.get(str(x)) == -1)
        assert layout.header is not None
        where = (
            f"{known.at(layout.body[row].line)}: {quoted(layout.header[c])} is {quoted(str(layout.columns[c][row]))}"
        )
        hint = "write 1 for a class that is shown and 0 for all else, or leave rows out that are not sure"
        raise known.ambiguous("has -1 and 0: the class is not shown, or it is not sure", (where,), hint)


def _problems(layout: Layout, mine: Sequence[int], odd: set[Cell], numeric: Sequence[int], known: Known) -> list[str]:
    """A line for each row with too many or too few cells, and for each cell that is neither of the two values."""
    assert layout.header is not None
    width = _last_named(layout.header) + 1
    columns = [c for c in mine if not odd.isdisjoint(layout.counts[c])]
    if not columns and not numeric and all(map(_is_whole, layout.body, repeat(width))):
        return []
    problems = []
    for number, row in enumerate(layout.body):
        if not _is_whole(row, width):
            problems.append(f"{known.at(row.line)}: {len(row.cells)} cell(s), not {width}")
            continue
        cells = [(c, layout.columns[c][number]) for c in sorted((*columns, *numeric))]
        wrong = [(c, cell) for c, cell in cells if cell in odd or (c in numeric and not is_truth(cell))]
        problems += [
            f"{known.at(row.line)}: {quoted(layout.header[c])} is {quoted(str(x)) if x else 'empty'}" for c, x in wrong
        ]
    return problems


def _is_whole(row: Row, width: int) -> bool:
    """Whether a row has a cell for each column, and nothing beyond them."""
    return len(row.cells) == width or (len(row.cells) > width and not any(row.cells[width:]))


def _check_nameless(layout: Layout, truths: dict[int, float], known: Known) -> None:
    """Refuses 0/1 columns without a header: which classes they are is not told."""
    rows = layout.body
    if not truths or any(share < 1 for share in truths.values()) or len({len(row.cells) for row in rows}) > 1:
        return
    if {str(value) for c in truths for value in layout.counts[c]} <= (known.classes or frozenset()):
        return
    where = f"{known.at(rows[0].line)}: {quoted(', '.join(map(str, rows[0].cells)))}"
    what = "has 0 and 1 and no header: columns of classes, or numbers of them"
    raise known.ambiguous(what, (where,), _NO_HEADER)


def _check_numbers(layout: Layout, c: int, known: Known) -> None:
    """Refuses a column `label` of 0 and 1, unless a class list says that they are names."""
    assert layout.header is not None
    values = sorted(str(value) for value in layout.counts[c] if not is_empty(value))
    if not values or (known.classes and set(values) <= known.classes):
        return
    head = quoted(layout.header[c])
    where = f"{known.at(layout.body[0].line)}: {head} is {quoted(str(layout.columns[c][0]))}"
    hint = (
        "call the column after the class that is meant, or write names of classes into it, or list "
        f"{' and '.join(values)} in data.classes"
    )
    raise known.ambiguous(
        f"has {' and '.join(map(quoted, values))} in column {head}: one class, or names", (where,), hint
    )
