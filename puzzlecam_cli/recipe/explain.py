"""Pydantic's findings in the user's words: file, line, key, what is wrong, what was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import Document, Keys
from puzzlecam_cli.recipe.schema import Recipe


def explain(error: ValidationError, document: Document, path: Path) -> UserError:
    """One error that lists every problem of the recipe."""
    problems = error.errors(include_url=False)
    # a list whose items are wrong is also called too short: one of the two is enough
    problems = [
        problem
        for problem in problems
        if problem["type"] != "too_short" or not any(problem["loc"] == other["loc"][:-1] for other in problems)
    ]
    kind = document.values.get("data", {})
    kind = kind.get("kind") if isinstance(kind, dict) else None
    where = []
    for problem in problems:
        # pydantic puts the chosen kind of data between `data` and its key
        location = [part for n, part in enumerate(problem["loc"]) if not (n == 1 and part == kind)]
        keys = tuple(str(part) for part in location)
        value = "" if isinstance(problem["input"], dict) or problem["type"] == "missing" else f" = {problem['input']!r}"
        place = document.place(keys) or str(path.name)
        where += [f"{place}  {'.'.join(keys)}{value}", f"    {_in_words(problem, keys, kind)}"]
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return UserError(
        "recipe-invalid",
        f"{path} has {count}",
        tuple(where),
        f"`puzzlecam recipes show {path.stem}` prints every key; `puzzlecam recipes schema` is for editors",
    )


def _in_words(problem: Any, keys: Keys, kind: str | None) -> str:
    match problem["type"]:
        case "extra_forbidden":
            close = get_close_matches(keys[-1], known_keys(keys[:-1], kind), 1, cutoff=0.5)
            return "is not a key" + (f"; did you mean `{close[0]}`?" if close else "")
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a section of keys and values"
        case "missing" | "union_tag_not_found":
            return "is missing"
        case "value_error":
            return str(problem["ctx"]["error"])
        case _:
            message = str(problem["msg"])
            return message[:1].lower() + message[1:]


def known_keys(section: Keys, kind: str | None = None) -> list[str]:
    """The keys a section of the recipe may hold; empty for a place that is no section."""
    model: Any = Recipe
    for key in section:
        if key not in getattr(model, "model_fields", {}):
            return []
        model = model.model_fields[key].annotation
        if choices := get_args(model):  # the kinds of data
            model = next((m for m in choices if get_args(m.model_fields["kind"].annotation) == (kind,)), None)
    return [*getattr(model, "model_fields", {})] + ([] if section else ["extends"])
