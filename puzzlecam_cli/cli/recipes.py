"""`puzzlecam recipes`: find, read, copy and validate recipes."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import JsonOption, RecipeArgument, SetOption
from puzzlecam_cli.errors import printable

recipes = typer.Typer(help="Find, read, copy and validate recipes.", no_args_is_help=True)


@recipes.command("list")
def list_(as_json: JsonOption = False) -> None:
    """Name the shipped recipes, each with the first line of its file."""
    from puzzlecam_cli.recipe.load import find_recipe, recipe_names

    found = {name: find_recipe(name).read_text(encoding="utf-8").partition("\n")[0] for name in recipe_names()}
    if as_json:
        print(json.dumps([{"name": name, "about": first.lstrip("# ")} for name, first in found.items()], indent=1))
        return
    width = max(map(len, found))
    for name, first in found.items():
        print(f"{name:{width}}  {first.lstrip('# ')}")


@recipes.command()
def show(name: RecipeArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Print a recipe with every default written out and what each key means."""
    from puzzlecam_cli.recipe.annotate import annotated
    from puzzlecam_cli.recipe.load import load_recipe

    recipe = load_recipe(name, set_ or ())
    if as_json:
        print(json.dumps(recipe.model_dump(mode="json"), indent=1))
        return
    print(annotated(recipe), end="")


@recipes.command()
def copy(name: RecipeArgument, dest: Annotated[str, typer.Argument(help="The file to write, or its folder.")]) -> None:
    """Copy a recipe, to be changed; nothing is overwritten."""
    from puzzlecam_cli.recipe.copy import copy_recipe

    print(printable(str(copy_recipe(name, dest)), most=5000))


@recipes.command()
def check(file: RecipeArgument, set_: SetOption = None) -> None:
    """Validate a recipe; every problem is reported with its line."""
    from puzzlecam_cli.recipe.load import load_recipe

    load_recipe(file, set_ or ())
    print(f"{printable(file)} is valid")


@recipes.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from puzzlecam_cli.recipe.model import recipe_model

    print(json.dumps(recipe_model(None).model_json_schema(), indent=1))
