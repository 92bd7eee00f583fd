"""A recipe in full, each key with its meaning and the source of its value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from puzzlecam_cli.recipe.schema import Recipe

COLUMN = 44


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
        yield f"{indent}{key}: {json.dumps(value)}"


def _comment(field: FieldInfo, value: Any) -> str | None:
    """The description. Its source is the default's: of another value it says so."""
    if not field.description or field.is_required() or value == field.default:
        return field.description
    meaning, _, source = field.description.rstrip("].").rpartition("[")
    return f"{meaning}[this recipe; default {_json(field.default)}: {source}]."


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
