"""Which form a table has, and its tags. A form is a row of `FORMS`: the first that knows a table reads it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, compress

from puzzlecam_cli.data.tables import words
from puzzlecam_cli.data.tables.found import Cell, Found, Known, Row, Tagged
from puzzlecam_cli.data.tables.layout import Layout, lay_out
from puzzlecam_cli.data.tables.splitting import split_cells
from puzzlecam_cli.data.tables.truth import is_empty, is_truth, shown_values
from puzzlecam_cli.text import quoted

_NO_HEADER = "write a first line with a name for each column, such as `file,tags`"


def read_rows(rows: list[Row], known: Known, *, has_header: bool | None = None) -> Found:
    """What a table says of photos, whatever its form.

    Raises:
        UserError: `tags-invalid`, `tags-ambiguous`.
    """
    layout = lay_out(rows, known, has_header=has_header)
    found = next(found for form in FORMS if (found := form(layout, known)))
    if layout.header is None:
        found.facts.insert(0, "there is no header")
    found.facts[:0] = layout.facts
    return found


def _class_columns(layout: Layout, known: Known) -> Found | None:
    """One 0/1 column a class."""
    filled = {c: [cell for cell in layout.columns[c] if cell] for c in layout.others}
    truths = {c: sum(map(is_truth, cells)) / len(cells) for c, cells in filled.items() if cells}
    classes = known.classes or frozenset()
    header = layout.header
    if header is None:
        _check_nameless(layout, truths, known)
        return None
    listed = {c for c in truths if header[c] in classes}
    tags = [c for c in truths if c not in listed and words.heads_tags(header[c])]
    if any(truths[c] < 1 for c in tags):
        return None
    mine = [c for c in truths if c in listed or (truths[c] >= 0.5 and not _is_further(c, layout, truths))]
    if not mine:
        return None
    if len(mine) == 1 and mine[0] in tags:
        return _one_column_of_numbers(layout, mine[0], known)
    _check_header([header[c] for c in mine], layout, known)
    numeric = {c: layout.columns[c] for c in truths if c not in mine and not _is_further(c, layout, truths)}
    problems = [
        f"line {row.line}: {quoted(header[c])} is {quoted(str(cell))}"
        for c, column in numeric.items()
        if _are_numbers(column)
        for row, cell in zip(layout.body, column, strict=True)
        if not is_truth(cell)
    ]
    shown, odd, said = shown_values(set(chain.from_iterable(set(layout.columns[c]) for c in mine)))
    names = [header[c] for c in mine]
    entries = []
    widest = len(header)
    yes = shown.__contains__
    for row, *cells in zip(layout.body, layout.columns[layout.name], *(layout.columns[c] for c in mine), strict=True):
        if not odd.isdisjoint(cells[1:]) or len(row.cells) != widest:
            problems += _row_problems(row, names, cells[1:], odd, widest)
        entries.append(Tagged(row.line, str(cells[0]), tuple(compress(names, map(yes, cells[1:])))))
    if problems:
        hint = f"each row has {widest} cells, those of classes one pair of values such as 1 and 0"
        raise known.problem("has a column a class, but not 0 or 1 in each", problems, hint)
    facts = [f"one row a photo, one column a class; {said}"]
    return Found(entries, "photo", tuple(names), True, _further(layout, mine, facts), facts)


def _row_problems(row: Row, names: list[str], cells: list[Cell], odd: set[Cell], widest: int) -> list[str]:
    if len(row.cells) != widest:
        return [f"line {row.line}: {len(row.cells)} cells, not {widest}"]
    pairs = [(name, str(cell)) for name, cell in zip(names, cells, strict=True) if cell in odd]
    return [f"line {row.line}: {quoted(name)} is {quoted(cell) if cell else 'empty'}" for name, cell in pairs]


def _is_further(c: int, layout: Layout, truths: dict[int, float]) -> bool:
    """Whether a column is none of a class, though it may hold 0 and 1."""
    assert layout.header is not None
    head = layout.header[c]
    if words.bare(head) == "train":  # a part, or a vehicle
        return not any(map(words.is_vehicle, layout.header))
    return words.heads_part(head) or (truths[c] < 1 and words.heads_measure(head))


def _check_header(names: list[str], layout: Layout, known: Known) -> None:
    assert layout.header is not None
    line = "the header"
    if "" in names:
        raise known.problem("has a column a class, but not a name for each", (f"{line}: {layout.header}",))
    if twice := sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
        raise known.problem("has two columns of one class", [f"{line}: {quoted(name)}" for name in twice])


def _check_nameless(layout: Layout, truths: dict[int, float], known: Known) -> None:
    """Refuses 0/1 columns without a header: which classes they are is not told."""
    rows = layout.body
    if not truths or any(truths[c] < 1 for c in truths) or len({len(row.cells) for row in rows}) > 1:
        return
    if {str(cell) for c in truths for cell in layout.columns[c]} <= (known.classes or frozenset()):
        return
    where = f"line {rows[0].line}: {quoted(','.join(map(str, rows[0].cells)))}"
    raise known.ambiguous("has 0 and 1 and no header: columns of classes, or numbers of them", (where,), _NO_HEADER)


def _one_column_of_numbers(layout: Layout, c: int, known: Known) -> Found | None:
    """A column `label` of 0 and 1: the numbers are names only where a class list says so."""
    assert layout.header is not None
    values = {str(cell) for cell in layout.columns[c] if not is_empty(cell)}
    if not values or (known.classes and values <= known.classes):
        return None
    row, head = layout.body[0], quoted(layout.header[c])
    where = f"line {row.line}: {head} is {quoted(str(layout.columns[c][0]))}"
    hint = (
        f"call the column after the class that 1 stands for, or write names instead of numbers, "
        f"or list {' and '.join(sorted(values))} in data.classes"
    )
    what = f"has {' and '.join(map(quoted, sorted(values)))} in the column {head}: one class that is shown or not, or"
    raise known.ambiguous(f"{what} names of classes", (where,), hint)


def _tag_column(layout: Layout, known: Known) -> Found:
    """Tags in one column, or in all further cells of the row; in one row a photo, one a tag, or one an object."""
    tags = _tag_columns(layout, known)
    names, lines = [str(cell) for cell in layout.columns[layout.name]], [row.line for row in layout.body]
    header = layout.header or []
    is_object = bool(header) and words.head_boxes(header)
    facts: list[str] = []
    chosen = [layout.columns[c] for c in tags]
    if len(tags) > 1 and any(sum(not is_empty(cell) for cell in cells) > 1 for cells in zip(*chosen, strict=True)):
        several = [tuple(str(cell) for cell in cells if not is_empty(cell)) for cells in zip(*chosen, strict=True)]
        _check_whole(several, lines, known)
        a_row, facts = "photo", [f"one row a photo, a tag in each of up to {len(tags)} cells"]
        tagged = several
    else:
        one = [next((cell for cell in cells if not is_empty(cell)), "") for cells in zip(*chosen, strict=True)]
        is_single = is_object or len(set(zip(names, one, strict=True))) > len(set(names))
        if is_object:
            tagged = [(cell,) if isinstance(cell, str) else cell for cell in one]
        else:
            tagged, facts = split_cells(one, lines, known, single=is_single)
        has_several = any(len(parts) > 1 for parts in tagged)
        a_row = "object" if is_object else "tag" if is_single and not has_several else "photo"
        below = f", tags in column {quoted(header[tags[0]])}" if header and header[tags[0]] else ""
        facts.insert(0, f"one row {'an object' if is_object else f'a {a_row}'}{below}")
    entries = [Tagged(line, name, parts) for line, name, parts in zip(lines, names, tagged, strict=True)]
    return Found(entries, a_row, columns=_further(layout, tags, facts), facts=facts)


def _check_whole(cells: list[tuple[str, ...]], lines: list[int], known: Known) -> None:
    """Refuses `cat;dog` where tags have cells of their own."""
    classes = known.classes or frozenset()
    odd = [
        f"line {line}: {quoted(cell)}"
        for line, tags in zip(lines, cells, strict=True)
        for cell in tags
        if (";" in cell or "|" in cell) and cell not in classes
    ]
    if odd:
        raise known.ambiguous("has tags in cells of their own and several in one", odd, "divide all tags alike")


def _tag_columns(layout: Layout, known: Known) -> list[int]:
    """The columns of tags.

    Raises:
        UserError: `tags-ambiguous`: it could be another one.
    """
    filled = [c for c in layout.others if any(layout.columns[c])]
    if layout.header is None:
        return _tag_columns_without_header(layout, filled)
    header = layout.header
    named = [c for c in layout.others if words.heads_tags(header[c])]
    if len(named) > 1 and len({words.bare(header[c]).rstrip("0123456789") for c in named}) > 1:
        texts = [
            c for c in named if not all(is_empty(cell) or words.is_number(str(cell)) for cell in layout.columns[c])
        ]
        named = texts if len(texts) == 1 else named
        if len(named) > 1:
            where = [f"column {c + 1}: {quoted(header[c])}" for c in named]
            raise known.ambiguous("has two columns that could hold the tags", where, "leave one of them out")
    numbers = [c for c in filled if words.heads_numbers_of_tags(header[c])]
    if not named:
        rest = [c for c in filled if not _is_meta(header[c], header) and c not in numbers and header[c]]
        if len(rest) > 1:
            where = [f"column {c + 1}: {quoted(header[c])}" for c in rest]
            hint = "call the column of tags `tags`, or give each class a column of 0 and 1"
            raise known.ambiguous("does not tell which column holds the tags", where, hint)
        named = rest or numbers
    if not named:
        where = [f"the header: {quoted(', '.join(header))}"]
        raise known.problem("has no column of tags", where, "call the column of tags `tags`")
    return named + [c for c in filled if c > max(named) and not header[c]]


def _is_meta(head: str, header: list[str]) -> bool:
    """Whether a column is known to hold no tags."""
    if words.bare(head) == "train" or words.heads_part(head) or words.heads_measure(head):
        return True
    return words.heads_box(head) and words.head_boxes(header)


def _tag_columns_without_header(layout: Layout, filled: list[int]) -> list[int]:
    parts = [c for c in filled if words.are_parts(layout.columns[c])]
    texts = [c for c in filled if not _are_numbers(layout.columns[c])]
    texts = [c for c in texts if c not in parts] or texts
    if len(parts) == 1 and parts[0] not in texts:
        layout.header = ["" for _ in layout.columns]
        layout.header[parts[0]] = "split"
        layout.facts.append(f"column {parts[0] + 1} names the part and is called `split`")
    return texts or filled or layout.others


def _further(layout: Layout, used: list[int], facts: list[str]) -> dict[str, list[str]]:
    """Columns that are kept by name."""
    header = layout.header or []
    boxed = words.head_boxes(header)
    rest = [c for c in layout.others if c not in used and c < len(header) and header[c] and any(layout.columns[c])]
    kept = [c for c in rest if not (boxed and words.heads_box(header[c]))]
    if kept:
        facts.append(f"{', '.join(quoted(header[c]) for c in kept[:8])} {'is' if len(kept) == 1 else 'are'} no tags")
    return {header[c]: [_plain(cell) for cell in layout.columns[c]] for c in kept}


def _are_numbers(column: tuple[Cell, ...]) -> bool:
    return all(is_empty(cell) or words.is_number(str(cell)) for cell in column)


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else ", ".join(cell)


FORMS: tuple[Callable[[Layout, Known], Found | None], ...] = (_class_columns, _tag_column)
