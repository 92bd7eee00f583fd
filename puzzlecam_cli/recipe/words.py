"""What pydantic calls a problem, in words for people who know neither Python nor pydantic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from puzzlecam_cli.recipe.document import Keys, reads_as, shown
from puzzlecam_cli.recipe.model import model_of

SECTION = "must be a section of keys and values"
MUST = {
    "assertion_error": "{error}",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": SECTION,
    "enum": "must be {expected}",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number with fewer digits",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list, e.g. [{example}]",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_attributes_type": SECTION,
    "model_type": SECTION,
    "multiple_of": "must be a multiple of {multiple_of}",
    "path_type": "must be a path",
    "string_type": "must be text",
    "too_long": "must have at most {max_length} {entries}",
    "too_short": "must have at least {min_length} {entries}",
    "tuple_type": "must be a list, e.g. [{example}]",
    "union_tag_invalid": "must be {expected_tags}",
    "union_tag_not_found": "is missing: it must be {kinds}",
    "value_error": "{error}",
}
NAMES = re.compile(r"'([^']*)'")  # in what pydantic lists as choices


def in_words(problem: Any, keys: Keys, written: str | None, values: dict[str, Any]) -> str:
    """What is wrong with the value at these keys.

    Args:
        problem: one of pydantic's error details.
        written: the value as it was written, if it is not text.
        values: of the whole recipe, for what may stand where.
    """
    kind, value, context = problem["type"], problem["input"], dict(problem.get("ctx", {}))
    if kind == "extra_forbidden":
        return "is not a key" + _meant(keys, values)
    if kind == "missing" and isinstance(problem["loc"][-1], int):
        return "must have more entries"
    if kind not in MUST:  # of a plugin's own settings
        return str(problem["msg"]).replace("Input should be", "must be")
    words = {name: _plain(found) for name, found in context.items()}
    words["entries"] = "entry" if context.get("min_length", context.get("max_length")) == 1 else "entries"
    words["example"] = "1.0" if isinstance(value, dict | list) or value is None else shown(value).strip("'")
    words["kinds"] = _choices(", ".join(f"'{name}'" for name in _kinds(keys, values)))
    text = MUST[kind].format_map(words)
    if kind in ("literal_error", "union_tag_invalid"):
        given = value.get(keys[-1]) if isinstance(value, dict) else value
        names = NAMES.findall(text)
        close = get_close_matches(str(given).lower(), names, 1)
        if close:
            return f"{text}; did you mean '{close[0]}'?"
        return text + (_misread(given, written) if written in names else "")
    if isinstance(value, dict) and text.startswith("must be ") and text != SECTION:
        return f"is {text.removeprefix('must be ')}, not a section"
    return text + (_misread(value, written) if kind in ("string_type", "path_type") else "")


def _misread(value: Any, written: str | None) -> str:
    if not written:
        return ""
    return f"; YAML reads `{written}` as {reads_as(value)}: write '{written}' in quotes"


def _plain(found: Any) -> str:
    """A number or the choices that pydantic names."""
    if isinstance(found, int | float):
        return f"{found:,}".removesuffix(".0")
    return _choices(found) if isinstance(found, str) else str(found)


def _choices(text: str) -> str:
    """`'a', 'b', 'c'` with an `or` before the last."""
    head, comma, last = text.rpartition("', '")
    return f"{head}' or '{last}" if comma and "' or '" not in text else text


def _meant(keys: Keys, values: dict[str, Any]) -> str:
    """The key that was meant: one like it in this section, or the same one in another."""
    *section, key = keys
    key = key.lower().replace("-", "_")
    known = [name for name in known_keys(tuple(section), values) if name != keys[-1]]  # a key of other commands
    if close := get_close_matches(key, known, 1, cutoff=0.5):
        return f"; did you mean `{close[0]}`?"
    elsewhere = [f"`{'.'.join(found)}`" for found in _all_keys(model_of(values)) if found[-1] == key]
    return f" here; did you mean {' or '.join(elsewhere[:3])}?" if elsewhere else ""


def known_keys(section: Keys, values: dict[str, Any]) -> list[str]:
    """The keys a section of the recipe may hold; none for a place that is no section."""
    keys = [key for model in _models(section, values) for key in model.model_fields]
    return [*dict.fromkeys(keys), *([] if section else ["extends"])]


def _kinds(keys: Keys, values: dict[str, Any]) -> list[str]:
    """The names among which a key such as `data.kind` chooses."""
    fields = [model.model_fields.get(keys[-1]) for model in _models(keys[:-1], values)]
    return [name for field in fields if field for name in get_args(field.annotation)]


def _models(section: Keys, values: Any) -> list[type[BaseModel]]:
    """What a section may be: several models, where the key that chooses one of them is missing or wrong."""
    models: list[type[BaseModel]] = [model_of(values)]
    for key in section:
        fields = [model.model_fields[key] for model in models if key in model.model_fields]
        models = [model for field in fields for model in _models_in(field.annotation)]
        values = values.get(key) if isinstance(values, dict) else None
        models = [model for model in models if _is_chosen(model, values)] or models
    return models


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _is_chosen(model: type[BaseModel], values: Any) -> bool:
    """Whether the values say that they are of this model, by a required key with one choice such as `kind`."""
    choosers = {name: get_args(field.annotation) for name, field in model.model_fields.items() if field.is_required()}
    single = {name: names[0] for name, names in choosers.items() if len(names) == 1}
    return isinstance(values, dict) and all(values.get(name) == only for name, only in single.items())


def _all_keys(model: type[BaseModel], above: Keys = ()) -> Iterator[Keys]:
    for name, field in model.model_fields.items():
        yield (*above, name)
        for section in _models_in(field.annotation):
            yield from _all_keys(section, (*above, name))
