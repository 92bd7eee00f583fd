"""No message of pydantic's reaches the user: every kind of problem that the recipe can have is put in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.document import Document, Place
from puzzlecam_cli.recipe.explain import explain
from puzzlecam_cli.recipe.model import model_of
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.recipe.words import MUST
from tests.recipe.messages import JARGON, check_message

LEAST: dict[str, Any] = {"recipe": 1, "backbone": {"name": "r"}, "data": {"kind": "voc", "root": "r"}}
BASES = [LEAST, LEAST | {"data": {"kind": "synthetic"}}]
ODD = ["", "x", "no", 0, -1, 10**26, 2.5, 1e30, float("nan"), float("inf"), True, None, {}, {"x": 1}]
ODD += [[], ["x"], [None, {}], [1], [1, 2, 3], [10**9] * 40, [[1]], "1e400", "9" * 4200]


def keys_of(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (name,)
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from ((name, *below) for below in keys_of(part))


def read(values: dict[str, Any]) -> Recipe:
    return model_of(values).model_validate(values)


def changed(base: dict[str, Any], keys: tuple[str, ...], value: object) -> dict[str, Any]:
    head, *rest = keys
    below = base.get(head)
    inner = changed(below if isinstance(below, dict) else {}, tuple(rest), value) if rest else value
    return base | {head: inner}


ALL_KEYS = [*sorted({keys for base in BASES for keys in keys_of(model_of(base))}), ("zzz",), ("seg", "zzz")]


@pytest.mark.parametrize("keys", ALL_KEYS, ids=".".join)
def test_every_problem_of_every_key_is_put_in_words(keys: tuple[str, ...]) -> None:
    for base in BASES:
        for value in ODD:
            values = changed(base, keys, value)
            try:
                read(values)
            except ValidationError as error:
                unknown = {problem["type"] for problem in error.errors()} - MUST.keys() - {"extra_forbidden"}
                assert not unknown
                told = explain(error, Document(values, {keys: Place("here", "no")}), Path("mine.yaml"))
                assert told.reference == "recipe-invalid"
                check_message(str(told))
                assert not JARGON.search(str(told))


def test_a_value_of_several_types_is_one_problem() -> None:
    class Either(BaseModel):
        seed: int | list[int]

    with pytest.raises(ValidationError) as caught:
        Either.model_validate({"seed": "x"})
    error = explain(caught.value, Document({"seed": "x"}, {("seed",): Place("mine.yaml line 1")}), Path("mine.yaml"))
    assert error.where == ("mine.yaml line 1  seed = 'x'", "    must be a whole number, or must be a list, e.g. [x]")


def test_numbers_have_bounds_in_every_section() -> None:
    """26 digits pass for nothing."""
    for keys in ALL_KEYS:
        for base in BASES:
            values = changed(base, keys, 10**25)
            with pytest.raises(ValidationError):
                read(values)


def test_every_path_is_ones_own_home_and_none_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = 0
    for keys in ALL_KEYS:
        for base in BASES:
            try:
                value: Any = read(changed(base, keys, "~/x"))
            except ValidationError:
                continue
            for key in keys:
                value = getattr(value, key)
            if isinstance(value, Path):
                found += 1
                assert value == Path("/home/me/x")
                with pytest.raises(ValidationError, match="must not be empty"):
                    read(changed(base, keys, ""))
    assert found >= 4


def test_an_error_names_at_most_a_screen_of_problems() -> None:
    values = LEAST | {f"key{number}": "\x1b" * 1000 for number in range(100)}
    with pytest.raises(ValidationError) as caught:
        read(values)
    error: UserError = explain(caught.value, Document(values), Path("mine.yaml"))
    check_message(str(error))
    assert "mine.yaml has 100 problems" in error.problem
