"""The resolved recipe as text: every default written out."""

from __future__ import annotations

import yaml

from puzzlecam_cli.recipe.schema import Recipe


def as_yaml(recipe: Recipe) -> str:
    """YAML that loads back to the same recipe, whatever becomes of the files it came from."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
