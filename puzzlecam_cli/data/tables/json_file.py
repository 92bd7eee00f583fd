"""JSON of tags: objects with a file and its tags, one a line or in a list, or an object of tags by file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import Any

from puzzlecam_cli.data.tables import words
from puzzlecam_cli.data.tables.datumaro import read_datumaro
from puzzlecam_cli.data.tables.forms import read_rows
from puzzlecam_cli.data.tables.found import Found, Known, Row, clean
from puzzlecam_cli.data.tables.json_value import cell_of
from puzzlecam_cli.data.tables.label_studio import read_label_studio
from puzzlecam_cli.text import quoted

# Exports of tools: the first that knows a document reads it.
EXPORTS: tuple[Callable[[Any, Known], Found | None], ...] = (read_datumaro, read_label_studio)
_HINT = 'write {"file": "a.jpg", "tags": ["cat", "dog"]} a line, or a list of such objects'


def read_json(text: str, known: Known) -> Found | None:
    """Tags in JSON or JSON lines; None: the text is none.

    Raises:
        UserError: `tags-invalid` with the line or the number of the object that cannot be read; see `read_rows`.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = _loads(text, known)
    except RecursionError:
        raise known.problem("is nested too deeply") from None
    except ValueError as error:
        lines = _json_lines(text, known)
        if lines is None:
            _check_no_json(text, error, known)
            return None
        return _from_records(lines, known)
    if isinstance(document, dict) and isinstance(document.get("images"), list) and "annotations" in document:
        raise known.problem("is a COCO file", hint="set `kind: coco` and name it there")
    known = replace(known, place="item")
    for export in EXPORTS:
        if found := export(document, known):
            return replace(found, place=known.place)
    return replace(_from_records(_records(document), known), place=known.place)


def _loads(text: str, known: Known, where: Sequence[str] = ()) -> Any:
    """A document without keys that stand twice in an object."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise known.problem(f"has {quoted(twice)} twice in one object", where)
        return found

    return json.loads(text, object_pairs_hook=unique)


def _json_lines(text: str, known: Known) -> list[tuple[int, Any]] | None:
    """Each line's value with its number; None if the first is no JSON by itself."""
    values: list[tuple[int, Any]] = []
    problems = []
    for number, line in enumerate(StringIO(text, newline=""), 1):
        if not (line := line.strip().strip("\ufeff")):
            continue
        try:
            values.append((number, _loads(line, known, (f"line {number}",))))
        except (ValueError, RecursionError) as error:
            problems.append(f"line {number}: {str(error).partition(':')[0]}: {quoted(line)}")
        if problems and not values:
            return None
    if problems:
        raise known.problem("is no JSON in each line", problems, _HINT)
    return values


def _check_no_json(text: str, error: ValueError, known: Known) -> None:
    """Refuses broken JSON; a table may begin with a bracket, too."""
    start = text.lstrip()[:40].replace(" ", "").replace("\n", "")
    if start.startswith(('{"', '[{"', '["')) or known.file.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        raise known.problem("is no JSON", (str(error),), _HINT)


def _records(document: Any) -> list[tuple[int, Any]]:
    """The objects of a document, numbered from 1: itself, a list of them, the only list inside, or tags by photo."""
    if isinstance(document, list):
        return list(enumerate(document, 1))
    if _name_key(document) is not None:
        return [(1, document)]
    inside = [value for value in document.values() if _are_records(value)]
    if len(inside) == 1:
        return list(enumerate(inside[0], 1))
    records: list[tuple[int, Any]] = []
    for number, (name, value) in enumerate(document.items(), 1):
        is_record = isinstance(value, dict) and any(words.heads_tags(key) for key in value)
        records.append((number, {"file": name, **value} if is_record else {"file": name, "tags": value}))
    return records


def _are_records(value: Any) -> bool:
    return bool(value) and isinstance(value, list) and all(isinstance(v, dict) and _name_key(v) for v in value)


def _name_key(record: Mapping[str, Any]) -> str | None:
    """The key below which a record names its photo."""
    keys = (key for key, value in record.items() if isinstance(value, str) and words.rank_of_name(key) is not None)
    return next(keys, None)


def _from_records(records: list[tuple[int, Any]], known: Known) -> Found:
    """Tags of objects: as a table with their keys in its header."""
    odd = [f"{known.at(number)}: {quoted(str(record))}" for number, record in records if not isinstance(record, dict)]
    if odd or not records:
        raise known.problem("holds something else than objects of photos and tags", odd, _HINT)
    keys = list(dict.fromkeys(key for _, record in records for key in record))
    if key := next((key for key in keys if f"{key}-metadata" in keys), None):
        raise known.problem(
            "is a manifest of SageMaker, whose tags are numbers", (f"the key {quoted(key)} has metadata",), _HINT
        )
    rows = [Row(records[0][0], [clean(key) for key in keys])]
    for number, record in records:
        cells = [cell_of(record.get(key), known, f"{known.at(number)}: {quoted(key)}") for key in keys]
        rows.append(Row(number, cells))
    return read_rows(rows, known, has_header=True)
