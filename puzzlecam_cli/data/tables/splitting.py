"""Several tags in one cell: what divides them, or a refusal where that can be seen in two ways."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from puzzlecam_cli.data.tables.found import Cell, Known, clean
from puzzlecam_cli.data.tables.json_value import cell_of
from puzzlecam_cli.data.tables.truth import NUMBERS
from puzzlecam_cli.data.tables.words import is_nothing
from puzzlecam_cli.text import quoted

_MARKS = (";", ",", "|", "\n")
_RARE = ("/", "+", "&")  # stand between tags, too, or in names
_JOINING = {"and", "und", "et", "y", "e", "och", "og", "en", "и", "+", "&", "/", "-", ">"}
_LIST = re.compile(r"[\[{(].*[\]})]", re.DOTALL)
_JSON = re.compile(r"""\s*(\{\s*["']|\[\s*\{)""")  # objects, in a table
_ITEM = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s,;'"][^,;'"]*)""")
_HINT = "set data.separator to what stands between tags, or data.classes to a list of the class names (classes.txt)"


def split_cells(
    cells: Sequence[Cell], numbers: Sequence[int], known: Known, *, single: bool = False
) -> tuple[list[tuple[str, ...]], list[str]]:
    """The tags in each cell, as written, and what was decided, a sentence each.

    Args:
        numbers: the line of each cell.
        single: cells hold a tag each, by all that is known: a blank in one belongs to its name.

    Raises:
        UserError: `tags-ambiguous` with lines and both readings; `tags-invalid`: objects that are no JSON.
    """
    cells = [_from_json(cell, number, known) for cell, number in zip(cells, numbers, strict=True)]
    often = Counter(cell for cell in cells if isinstance(cell, str) and not is_nothing(cell))
    first = dict(zip(reversed(cells), reversed(numbers), strict=True))
    lines = {cell: first[cell] for cell in often}
    if lines and all(_LIST.fullmatch(cell) for cell in lines):
        parts = {cell: _listed(cell) for cell in lines}
        facts = ["tags are lists in brackets"]
    else:
        separator, facts = _separator(lines, often, known, single)
        parts = {cell: _split(cell, separator, known.classes) for cell in lines}
    tags = [cell if isinstance(cell, tuple) else parts.get(cell, (cell,)) for cell in cells]
    _check_vectors(tags, numbers, known)
    return tags, facts


def _from_json(cell: Cell, number: int, known: Known) -> Cell:
    """The tags in a cell that holds an object of JSON, or a list of them, as Label Studio writes; any other cell."""
    if not isinstance(cell, str) or not _JSON.match(cell):
        return cell
    try:
        return cell_of(json.loads(cell), known, known.at(number))
    except (ValueError, RecursionError):
        where = f"{known.at(number)}: {quoted(cell)}"
        raise known.problem("has an object for tags that is no JSON", (where,), "write the names of the tags") from None


def _check_vectors(tags: Sequence[tuple[str, ...]], numbers: Sequence[int], known: Known) -> None:
    """Refuses `0 1 0` for tags: one number for each class, whose names are not told."""
    filled = [(parts, number) for parts, number in zip(tags, numbers, strict=True) if any(parts)]
    if len({len(parts) for parts, _ in filled}) != 1 or len(filled[0][0]) < 2:
        return
    found = {part for parts, _ in filled for part in parts}
    if found <= NUMBERS.keys() and not found <= (known.classes or set()):
        where = f"{known.at(filled[0][1])}: {quoted(' '.join(filled[0][0]))}"
        hint = "give each class a column of its own, with its name in the first line"
        raise known.ambiguous("has lists of 0 and 1: one for each class, or numbers of classes", (where,), hint)


def _split(cell: str, separator: str | None, classes: frozenset[str] | None) -> tuple[str, ...]:
    if not separator or (classes and cell in classes):
        return (cell,)
    parts = cell.split() if separator == " " else cell.split(separator)
    return tuple(part for piece in parts if (part := clean(piece)))


def _listed(cell: str) -> tuple[str, ...]:
    """The items of a list as Python, numpy and JSON write it."""
    return tuple(item for found in _ITEM.findall(cell[1:-1]) if (item := clean("".join(found))))


def _separator(
    lines: Mapping[str, int], often: Mapping[str, int], known: Known, single: bool
) -> tuple[str | None, list[str]]:
    if known.separator is not None:
        return known.separator, []
    if known.classes and (told := _told_by_classes(lines, known.classes)):
        return told
    lines = {cell: line for cell, line in lines.items() if cell not in (known.classes or ())}
    present = [mark for mark in _MARKS if any(mark in cell for cell in lines)]
    if len(present) > 1:
        where = [
            next(f"{known.at(n)}: {quoted(cell)}" for cell, n in lines.items() if mark in cell) for mark in present
        ]
        said = " or ".join(quoted(mark) for mark in present)
        raise known.ambiguous(f"has {said} between tags, which could also be part of a name", where, _HINT)
    if present == [","]:
        return _comma(lines, often, known)
    if present:
        return present[0], [f"tags are divided by {quoted(present[0])}"]
    _check_rare(lines, known)
    return _blank(lines, known, single)


def _told_by_classes(cells: Iterable[str], classes: frozenset[str]) -> tuple[str | None, list[str]] | None:
    """The separator by which most cells are made of known classes; None where the class list does not tell."""
    marked = [cell for cell in cells if any(mark in cell for mark in (*_MARKS, " "))]
    rest = [cell for cell in marked if cell not in classes]
    if not rest:
        return (None, ["each cell is one tag, as in the class list"]) if marked else None
    fitting = {mark: sum(classes.issuperset(_split(cell, mark, None)) for cell in rest) for mark in (*_MARKS, " ")}
    best = max(fitting, key=lambda mark: fitting[mark])
    called = "blanks" if best == " " else quoted(best)
    return (best, [f"tags are divided by {called}: then all are names of the class list"]) if fitting[best] else None


def _comma(lines: Mapping[str, int], often: Mapping[str, int], known: Known) -> tuple[str, list[str]]:
    """A comma inside of cells stands between tags, unless the same names with commas come again and again."""
    inside = {cell: _split(cell, ",", None) for cell in lines if "," in cell}
    seen = Counter(part for cell in lines for part in set(_split(cell, ",", None)))
    again = [cell for cell in inside if often[cell] > 1 and ", " in cell]
    if again and not any(seen[part] > 1 for parts in inside.values() for part in parts):
        where = f"{known.at(lines[again[0]])}: {quoted(again[0])} is one class, or {_both(inside[again[0]])}"
        raise known.ambiguous("has commas in tags that divide them, or belong to names", (where,), _HINT)
    return ",", ["tags are divided by `,`"]


def _check_rare(lines: Mapping[str, int], known: Known) -> None:
    """Refuses `cat/dog` where what stands on its sides also stands alone, or on the other side, of all such cells."""
    for mark in _RARE:
        inside = {cell: _split(cell, mark, None) for cell in lines if mark in cell.strip(mark)}
        places: dict[str, set[int]] = {cell: {-1} for cell in lines if cell not in inside}
        for parts in inside.values():
            for place, part in enumerate(parts):
                places.setdefault(part, set()).add(place)
        if inside and all(len(places[part]) > 1 for parts in inside.values() for part in parts):
            cell = next(iter(inside))
            where = f"{known.at(lines[cell])}: {quoted(cell)} is one class, or {_both(inside[cell])}"
            raise known.ambiguous(f"has {quoted(mark)} in tags that divides them, or belongs to names", (where,), _HINT)


def _blank(lines: Mapping[str, int], known: Known, single: bool) -> tuple[str | None, list[str]]:
    """A blank divides where every word is in another cell, too, and one is a cell; not where no word is anywhere else.

    `traffic light, traffic sign, stop sign, stop light` could be either.
    """
    words = {cell: frozenset(cell.casefold().split()) for cell in lines}
    blank = [cell for cell in lines if " " in cell]
    if not blank:
        return None, []
    example, divided = quoted(blank[0]), _both(blank[0].split())
    if single:
        return None, [f"each cell is one tag: {example} is a class"]
    seen = Counter(word for cell in lines for word in words[cell])
    inside = frozenset().union(*(words[cell] for cell in blank))
    again = {word for word in inside if seen[word] > 1}
    if all(word.isascii() and word.isdigit() for word in inside):
        return " ", [f"blanks divide numbers of classes: {example} is {divided}"]
    if not again:
        return None, [f"blanks belong to names: {example} is a class"]
    if again == inside and not inside & _JOINING and any(cell.casefold() in inside for cell in lines):
        return " ", [f"blanks divide tags: {example} is {divided}"]
    odd = next((cell for cell in blank if not words[cell] <= again), blank[0])
    where = f"{known.at(lines[odd])}: {quoted(odd)} is one class, or {_both(odd.split())}"
    raise known.ambiguous("has blanks in tags that divide them, or belong to names", (where,), _HINT)


def _both(parts: Sequence[str]) -> str:
    return " and ".join(map(quoted, parts[:4]))
