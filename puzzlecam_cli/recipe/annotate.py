"""A recipe in full, each key with its meaning and the source of its default."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import BaseModel

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
        line = f"{indent}{key}: {json.dumps(section.model_dump(mode='json')[key], ensure_ascii=False)}"
        yield f"{line:{COLUMN}}# {field.description}" if field.description else line
    for key, value in (section.model_extra or {}).items():
        yield f"{indent}{key}: {json.dumps(value)}"
