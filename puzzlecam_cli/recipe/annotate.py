"""A recipe in full, each key with its meaning and the source of its value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from puzzlecam_cli.errors import printable
from puzzlecam_cli.recipe.schema import Recipe

COLUMN = 44
NOT_TEXT = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def annotated(recipe: Recipe) -> str:
    """The resolved recipe as YAML with a comment a key; it loads back to the same recipe."""
    return "\n".join(_lines(recipe, "")) + "\n"


def _lines(section: BaseModel, indent: str) -> Iterator[str]:
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if isinstance(value, BaseModel):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
            continue
        line, comment = f"{indent}{key}: {_json(value)}", _comment(field, value)
        yield f"{line:{COLUMN - 1}} # {comment}" if comment else line
    for key, value in (section.model_extra or {}).items():
        yield f"{indent}{_key(key)}: {_json(value)}"


def _comment(field: FieldInfo, value: Any) -> str | None:
    """The description. Its source is the default's: of another value it says so."""
    if not field.description or field.is_required() or value == field.default:
        return field.description
    meaning, _, source = field.description.rstrip("].").rpartition("[")
    return f"{meaning}[this recipe; default {_json(field.default)}: {source}]."


def _json(value: Any) -> str:
    """JSON that is YAML too: what a terminal must not be sent is escaped, as `\\u202e`."""
    return printable(json.dumps(value, ensure_ascii=False, default=str), most=1_000_000)


def _key(name: str) -> str:
    """An option's key, quoted where YAML might not read it as this text."""
    return name if name.isidentifier() and name.lower() not in NOT_TEXT else _json(name)
