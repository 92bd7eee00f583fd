"""Tags from a file: which form it has is found out, or refused where two readings are possible."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from puzzlecam_cli.data.classes.class_list import LONGEST, alike
from puzzlecam_cli.data.tables.annotations import read_annotations
from puzzlecam_cli.data.tables.cvat import read_cvat
from puzzlecam_cli.data.tables.encoding import decoded
from puzzlecam_cli.data.tables.forms import read_rows
from puzzlecam_cli.data.tables.found import Found, Known, clean, has_photo_suffix
from puzzlecam_cli.data.tables.json_file import read_json
from puzzlecam_cli.data.tables.rows import rows_of
from puzzlecam_cli.data.tables.words import is_no_tag, is_nothing, is_number
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.plain_file import read_file
from puzzlecam_cli.text import CONTROL, LARGEST, quoted

_FORMULA = re.compile(r"=|#[A-Z/0]+[!?]$")  # `=A1`, `#REF!`, `#NAME?`


@dataclass(frozen=True)
class TagTable:
    """What a file says of photos, in its order; all texts in NFC.

    Args:
        file: where it is from.
        names: of photos as written there: with or without folder and suffix.
        lines: where each stands, from 1; of forms without lines the number of the item.
        tags: of each, class names without background; () for a photo that shows no class.
        classes: all class names: first those the file lists (columns, labels of exports) in its order, then sorted.
        columns: further columns by name, such as `split`, a value a photo.
        facts: how the file was read, a sentence each, for a person.
    """

    file: Path
    names: tuple[str, ...]
    lines: tuple[int, ...]
    tags: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    facts: tuple[str, ...] = ()


def read_tags(
    path: Path,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    classes: Sequence[str] | None = None,
    is_photo: Callable[[str], bool] = lambda name: True,
) -> TagTable:
    """Tags of photos from a CSV, TSV or JSON-lines file, an export of image tags, or a folder of VOC's annotations.

    Args:
        encoding: None: found out.
        separator: of several tags in one cell; None: found out.
        classes: known class names, where there is a list: they tell what a blank in a name means.
        is_photo: whether a name stands for a photo: tells which column holds names, and which encoding is right.

    Raises:
        UserError: `tags-...` with lines: what cannot be read, or could be read in two ways.
    """
    known = Known(path, is_photo, separator, None if classes is None else frozenset(map(clean, classes)))
    if path.is_dir():
        return _table(read_annotations(known), known)
    return _table(_found(read_file(path, limit=LARGEST, kind="tags"), known, encoding), known)


def _found(data: bytes, known: Known, encoding: str | None) -> Found:
    """What a file says, whatever it is: XML, JSON or a table."""
    if found := read_cvat(data, known):
        return found
    text, facts = decoded(data, known, encoding)
    found = read_json(text, known)
    if found is None:
        rows, divided = rows_of(text, known)
        found = read_rows(rows, known)
        facts.append(f"cells are divided by {divided}")
    found.facts[:0] = facts
    return found


def _table(found: Found, known: Known) -> TagTable:
    """A table of photos, from rows of which several may be of one photo."""
    known = replace(known, place=found.place)
    names, problems = _classes(found, known)
    meant = [tuple(dict.fromkeys(kept for tag in row.tags if (kept := names[tag]) is not None)) for row in found.tagged]
    rows: dict[str, list[int]] = {}  # of each photo, by number
    for number, (line, name, _) in enumerate(found.tagged):
        if not name or CONTROL.search(name):
            said = f"{quoted(name)} is no name of a photo" if name else "names no photo"
            problems.append(f"{known.at(line)}: {said}")
            continue
        first = rows.setdefault(name, [number])[0]
        if first == number:
            continue
        rows[name].append(number)
        if found.is_whole and set(meant[number]) != set(meant[first]):
            earlier = known.at(found.tagged[first].line)
            different = f"{_listed(meant[first])} and {_listed(meant[number])}"
            problems.append(f"{known.at(line)}: {quoted(name)} is in {earlier}, too, with other tags: {different}")
    if problems:
        hint = "a photo has all its tags in one row, or one tag in each of its rows"
        raise known.problem("cannot be used", problems, hint if "too, with other" in problems[0] else None)
    tags = [tuple(dict.fromkeys(chain.from_iterable(meant[n] for n in own))) for own in rows.values()]
    listed = [names[tag] for tag in found.classes]
    classes = dict.fromkeys(kept for kept in (*listed, *sorted(filter(None, names.values()))) if kept is not None)
    if not classes:
        raise known.problem("has no tag of any photo")
    columns, facts = _columns(found, rows)
    facts = [*found.facts, *facts, *_about(found, names, tags)]
    return TagTable(
        known.file,
        tuple(rows),
        tuple(found.tagged[own[0]].line for own in rows.values()),
        tuple(tags),
        tuple(classes),
        columns,
        tuple(f"{known.file.name}: {fact}" for fact in facts),
    )


def _classes(found: Found, known: Known) -> tuple[dict[str, str | None], list[str]]:
    """The class that each written tag means, None for no tag; and a line for each that is no name of a class."""
    given = known.classes or frozenset()
    names: dict[str, str | None] = {}
    problems: list[str] = []
    written = ((row.line, tag) for row in found.tagged for tag in row.tags)
    for line, tag in chain(((0, tag) for tag in found.classes), written):
        if tag in names:
            continue
        name = clean(tag)
        names[tag] = name if name in given or not is_no_tag(name) else None
        if problem := _why_no_class(name) if name not in given else None:
            problems.append(f"{known.at(line) if line else 'the header'}: {quoted(name)} {problem}")
    return names, problems


def _why_no_class(name: str) -> str | None:
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters, so no class"
    if CONTROL.search(name):
        return "holds a control character, so it is no class"
    if has_photo_suffix(name):
        return "is a photo, no class"
    if _FORMULA.match(name):
        return "is a formula or an error of a spreadsheet, so no class"
    if is_number(name) and not name.lstrip("-").isdigit():
        return "is a number with a fraction, so no class"
    return None


def _columns(found: Found, rows: dict[str, list[int]]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Further columns with a value a photo; those that differ within a photo are told instead."""
    columns: dict[str, tuple[str, ...]] = {}
    facts = []
    for head, values in found.columns.items():
        odd = next((photo for photo, own in rows.items() if len({values[n] for n in own}) > 1), None)
        if odd is None:
            columns[head] = tuple(values[own[0]] for own in rows.values())
        else:
            said = " and ".join(dict.fromkeys(quoted(values[n]) for n in rows[odd][:8]))
            differs = f"differs between rows of {quoted(odd)} ({said})"
            facts.append(f"column {quoted(head)} {differs} and is left out")
    return columns, facts


def _about(found: Found, names: dict[str, str | None], tags: list[tuple[str, ...]]) -> list[str]:
    facts = []
    if none := sorted(tag for tag, name in names.items() if name is None and not is_nothing(clean(tag))):
        facts.append(f"{_listed(none)} {'is' if len(none) == 1 else 'are'} no object class and left out")
    if nothing := sum(not own for own in tags):
        said = sorted({clean(tag) for tag, name in names.items() if name is None and is_nothing(clean(tag))} - {""})
        facts.append(f"{nothing} photo(s) show no class{f' ({_listed(said)} says so)' if said else ''}")
    kept = [name for name in names.values() if name is not None]
    if clash := alike(kept):
        facts.append(f"{clash} are two classes")
    if kept and all(map(str.isdigit, kept)):
        facts.append(f"class names are numbers: {_listed(sorted(set(kept)))}")
    return facts


def _listed(tags: Sequence[str]) -> str:
    return ", ".join(map(quoted, shorten(list(tags)))) or "none"
