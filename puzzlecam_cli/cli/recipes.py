"""`puzzlecam recipes`: find, read, copy and validate recipes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import RecipeArgument, SetOption
from puzzlecam_cli.errors import UserError

recipes = typer.Typer(help="Find, read, copy and validate recipes.", no_args_is_help=True)


@recipes.command("list")
def list_() -> None:
    """Name the shipped recipes, each with the first line of its file."""
    from puzzlecam_cli.recipe.load import find_recipe, recipe_names

    for name in recipe_names():
        first = find_recipe(name).read_text(encoding="utf-8").partition("\n")[0]
        typer.echo(f"{name:20} {first.lstrip('# ')}")


@recipes.command()
def show(name: RecipeArgument, set_: SetOption = None) -> None:
    """Print a recipe with every default written out and what each key means."""
    from puzzlecam_cli.recipe.annotate import annotated
    from puzzlecam_cli.recipe.load import load_recipe

    typer.echo(annotated(load_recipe(name, set_ or ())), nl=False)


@recipes.command()
def copy(name: RecipeArgument, dest: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Copy a recipe, to be changed."""
    from puzzlecam_cli.recipe.load import find_recipe

    source = find_recipe(name)
    target = dest / source.name if dest.is_dir() else dest
    if target.exists():
        raise UserError("file-exists", f"{target} is there already", hint="name another file")
    shutil.copyfile(source, target)
    typer.echo(str(target))


@recipes.command()
def check(file: RecipeArgument, set_: SetOption = None) -> None:
    """Validate a recipe; every problem is reported with its line."""
    from puzzlecam_cli.recipe.load import load_recipe

    load_recipe(file, set_ or ())
    typer.echo(f"{file} is valid")


@recipes.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from puzzlecam_cli.recipe.schema import Recipe

    typer.echo(json.dumps(Recipe.model_json_schema(), indent=1))
