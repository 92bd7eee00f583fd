"""Values of JSON as cells of a table: of a JSON file, or of JSON that a table holds."""

from __future__ import annotations

import json
from typing import Any

from puzzlecam_cli.data.tables import words
from puzzlecam_cli.data.tables.found import Cell, Known, clean
from puzzlecam_cli.text import quoted


def cell_of(value: Any, known: Known, place: str) -> Cell:
    """A value of JSON as a cell of a table: lists as the tags in them, `{"cat": true, "dog": false}` as those shown."""
    if isinstance(value, list):
        return tuple(filter(None, map(_tag, value)))
    if not isinstance(value, dict):
        return _scalar(value)
    if all(shown in (0, 1) for shown in value.values()):
        return tuple(clean(key) for key, shown in value.items() if shown)
    if all(isinstance(shown, float | int) for shown in value.values()):
        raise known.problem("has values of classes that are neither 0 nor 1", (f"{place} is {quoted(str(value))}",))
    inside = next((inner for key, inner in value.items() if words.heads_tags(key)), None)
    return cell_of(inside, known, place) if isinstance(inside, list | str) else ""


def _tag(item: Any) -> str:
    """An item of a list of tags: itself, or what its name or label is."""
    if not isinstance(item, dict):
        return "" if isinstance(item, list) else _scalar(item)
    keys = sorted(item, key=lambda key: not words.heads_tags(key))  # tags first
    found = (item[key] for key in keys if words.heads_tags(key) or key.lower() == "name" or key.endswith("labels"))
    first = next(found, "")
    return _tag(next(iter(first), "") if isinstance(first, list) else first)


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    return clean(value) if isinstance(value, str) else json.dumps(value)
