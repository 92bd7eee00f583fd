"""The model that validates a recipe, which depends on its kind of data."""

from __future__ import annotations

from functools import cache
from typing import Any, Union

from pydantic import Field, SerializeAsAny, create_model

from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.registry import DATA_KINDS, DATASETS, dataset, installed


@cache
def recipe_model(kind: str | None) -> type[Recipe]:
    """The recipe of a kind of data, whose settings are validated with it; for no known kind, of all that come with us.

    Raises:
        UserError: the kind's plugin fails to load.
    """
    whole: Any = SerializeAsAny
    if kind in installed(DATASETS):
        return create_model("Recipe", __base__=Recipe, data=(whole[dataset(kind).Settings], ...))
    choices: Any = Union[tuple(dataset(name).Settings for name in DATA_KINDS)]  # noqa: UP007 - of a tuple
    return create_model("Recipe", __base__=Recipe, data=(choices, Field(discriminator="kind")))


def model_of(values: dict[str, Any]) -> type[Recipe]:
    """The model that validates plain values."""
    data = values.get("data")
    kind = data.get("kind") if isinstance(data, dict) else None
    return recipe_model(kind if isinstance(kind, str) else None)
