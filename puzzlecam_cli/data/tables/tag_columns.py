"""Tables with tags as words: in one cell, in all further cells of the row, or in a row of their own."""

from __future__ import annotations

from itertools import chain

from puzzlecam_cli.data.tables import words
from puzzlecam_cli.data.tables.found import Found, Known, Tagged
from puzzlecam_cli.data.tables.layout import Layout
from puzzlecam_cli.data.tables.splitting import split_cells
from puzzlecam_cli.data.tables.truth import is_truth, shown_values
from puzzlecam_cli.text import quoted


def read_tag_columns(layout: Layout, known: Known) -> Found:
    """Tags in one column, or in all further cells of the row; in one row a photo, one a tag, or one an object."""
    tags = _tag_columns(layout, known)
    names, lines = [str(cell) for cell in layout.columns[layout.name]], [row.line for row in layout.body]
    header = layout.header or []
    is_object = bool(header) and words.head_boxes(header)
    facts: list[str] = []
    named: tuple[str, ...] = ()
    chosen = [layout.columns[c] for c in tags]
    if len(tags) > 1 and any(sum(map(bool, cells)) > 1 for cells in zip(*chosen, strict=True)):
        several = [tuple(str(cell) for cell in cells if cell) for cells in zip(*chosen, strict=True)]
        _check_whole(several, lines, known)
        is_whole, facts = True, [f"one row a photo, a tag in each of up to {len(tags)} cells"]
        tagged = several
    else:
        one = [next(filter(None, cells), "") for cells in zip(*chosen, strict=True)]
        is_single = is_object or len(set(zip(names, one, strict=True))) > len(set(names))
        if is_object:
            tagged = [(cell,) if isinstance(cell, str) else cell for cell in one]
        else:
            tagged, facts = split_cells(one, lines, known, single=is_single)
        has_several = any(len(parts) > 1 for parts in tagged)
        has_several |= any(isinstance(cell, tuple) for cell in one)
        if is_single and (absent := _absent(layout, tags)):
            named = tuple(sorted(set(chain.from_iterable(tagged))))
            tagged = [() if number in absent else parts for number, parts in enumerate(tagged)]
            facts.append(f"rows that say that a tag is not shown: {len(absent)}")
        is_whole = not is_object and (has_several or not is_single)
        row = "an object" if is_object else "a photo" if is_whole else "a tag"
        below = f", tags in column {quoted(header[tags[0]])}" if header and header[tags[0]] else ""
        facts.insert(0, f"one row {row}{below}")
    entries = [Tagged(line, name, parts) for line, name, parts in zip(lines, names, tagged, strict=True)]
    return Found(entries, is_whole, named, columns=layout.further(tags, facts), facts=facts)


def _absent(layout: Layout, tags: list[int]) -> set[int]:
    """The rows, by number, that name a tag only to say that the photo does not show it."""
    header = layout.header or []
    columns = [c for c in layout.others if c < len(header) and c not in tags and words.heads(header[c], words.PRESENCE)]
    truths = [layout.columns[c] for c in columns if all(map(is_truth, layout.counts[c]))]
    shown = [shown_values(set(column))[0] for column in truths]
    told = [(column, yes) for column, yes in zip(truths, shown, strict=True) if yes]
    return {n for column, yes in told for n, cell in enumerate(column) if cell not in yes}


def _check_whole(cells: list[tuple[str, ...]], lines: list[int], known: Known) -> None:
    """Refuses `cat;dog` where tags have cells of their own."""
    classes = known.classes or frozenset()
    odd = [
        f"{known.at(line)}: {quoted(cell)}"
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
    filled = [c for c in layout.others if layout.is_filled(c)]
    if layout.header is None:
        return _tag_columns_without_header(layout, filled)
    header = layout.header
    named = [c for c in layout.others if words.heads_tags(header[c])]
    if len(named) > 1 and len({words.bare(header[c]).rstrip("0123456789") for c in named}) > 1:
        texts = [c for c in named if not layout.is_numeric(c)]
        named = texts if len(texts) == 1 else named
        if len(named) > 1:
            where = [f"column {c + 1}: {quoted(header[c])}" for c in named]
            raise known.ambiguous("has two columns that could hold the tags", where, "leave one of them out")
    numbers = [c for c in filled if words.heads(header[c], words.NUMBERS_OF_TAGS)]
    ending = [c for c in filled if words.ends_in_tags(header[c]) and not layout.is_numeric(c)]
    if not named and len(ending) == 1:
        named = ending
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
    if words.bare(head) == "train" or words.heads(head, words.PART) or words.heads(head, words.MEASURE):
        return True
    return words.heads(head, words.BOX) and words.head_boxes(header)


def _tag_columns_without_header(layout: Layout, filled: list[int]) -> list[int]:
    parts = [c for c in filled if words.are_parts(layout.counts[c])]
    # One word in all rows may be a class, unless it stands before the name, as in Google's tables.
    parts = [c for c in parts if c < layout.name or len(set(layout.counts[c]) - {""}) > 1]
    texts = [c for c in filled if not layout.is_numeric(c)]
    texts = [c for c in texts if c not in parts] or texts
    if len(parts) == 1 and parts[0] not in texts:
        layout.header = ["" for _ in layout.columns]
        layout.header[parts[0]] = "split"
        layout.facts.append(f"column {parts[0] + 1} names the part and is called `split`")
    return texts or filled or layout.others
