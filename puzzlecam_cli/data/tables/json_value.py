"""Values of JSON as cells of a table: of a JSON file, or of JSON that a table holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from puzzlecam_cli.data.tables import words
from puzzlecam_cli.data.tables.found import Cell, Known, clean
from puzzlecam_cli.text import quoted


def name_key(record: Mapping[str, Any]) -> str | None:
    """The key below which a record names its photo; the best one."""
    keys = [key for key, value in record.items() if isinstance(value, str) and words.rank_of_name(key) is not None]
    return min(keys, key=lambda key: words.rank_of_name(key) or 0, default=None)


def cell_of(value: Any, known: Known, place: str) -> Cell:
    """A value of JSON as a cell of a table: lists as the tags in them."""
    if isinstance(value, list):
        return tuple(tag for item in value if (tag := _tag(item)))
    if isinstance(value, dict):
        return _object(value, known, place)
    return _scalar(value)


def _object(value: Mapping[str, Any], known: Known, place: str) -> Cell:
    """`{"cat": true, "dog": false}` is the tags that are true; of other objects what names a photo or tags."""
    if value and all(isinstance(shown, bool) or shown in (0, 1) for shown in value.values()):
        return tuple(clean(key) for key, shown in value.items() if shown)
    if name := name_key(value):
        return clean(value[name])
    inside = next((v for key, v in value.items() if words.heads_tags(key)), None)
    if isinstance(inside, list | str):
        return cell_of(inside, known, place)
    if value and all(isinstance(shown, float | int) for shown in value.values()):
        raise known.problem("has values of classes that are neither 0 nor 1", (f"{place} is {quoted(str(value))}",))
    return ""


def _tag(item: Any) -> str:
    """An item of a list of tags: itself, or what its name or label is."""
    if not isinstance(item, dict):
        return _scalar(item)
    found = [value for key, value in item.items() if words.heads_tags(key) or words.bare(key) in ("name", "title")]
    found += [value for key, value in item.items() if key.endswith("labels")]
    first = found[0] if found else ""
    if isinstance(first, dict | list):
        return _tag(next(iter(first), "") if isinstance(first, list) else first)
    return _scalar(first)


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(value) if isinstance(value, str) else json.dumps(value)
