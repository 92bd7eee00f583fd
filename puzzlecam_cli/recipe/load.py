"""Find a recipe, merge what it extends and what `--set` changes, validate it."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.document import DEEPEST, Document, UnreadableError, compose, lay_over, read, shown
from puzzlecam_cli.text import read_text

if TYPE_CHECKING:
    from puzzlecam_cli.recipe.schema import Recipe

LARGEST = 256 << 10  # bytes of a recipe
LONGEST_CHAIN = 10  # of recipes that extend one another


def shipped_recipes() -> Path:
    """The folder of the shipped recipes: inside an installed package, at the top of a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "_recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in shipped_recipes().glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The recipe file for a path, the name of a shipped recipe, or the folder of a run.

    Raises:
        UserError: there is no such recipe.
    """
    return _find(Path(name), name)


def find_base(path: Path, name: Any) -> Path:
    """The recipe that the one at `path` extends: looked for beside it, then among those shipped.

    Raises:
        UserError: there is no such recipe, or it is not one name.
    """
    if not isinstance(name, str):
        raise UserError("recipe-invalid", f"{path} must extend one recipe, by its path or name")
    try:
        return _find(path.parent / Path(name).expanduser(), name)
    except RuntimeError:
        raise _missing(name, "there is no such home folder") from None


def _find(path: Path, name: str) -> Path:
    """The file at a path, else the shipped recipe of this name, else the recipe of the run at the path."""
    mode = _mode(path) if name else None
    if mode is not None and not stat.S_ISDIR(mode):
        return path
    # `recipes/voc_resnet50.yaml` names the shipped recipe from any folder, as in the README.
    stem = name.removeprefix("recipes/").removesuffix(".yaml")
    if stem in recipe_names():
        return shipped_recipes() / f"{stem}.yaml"
    if mode is None:
        raise _missing(name)
    if _mode(path / "recipe.yaml") is None or _mode(path / "run.json") is None:
        raise _missing(name, "it is a folder, but not that of a run, with recipe.yaml and run.json")
    return path / "recipe.yaml"


def _mode(path: Path) -> int | None:
    """What kind of file is there; None: none."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # links in a circle, a closed folder
        raise _missing(str(path), (error.strerror or "").lower()) from None
    except ValueError:
        raise _missing(str(path), "no name holds a NUL") from None


def _missing(name: str, reason: str = "") -> UserError:
    close = get_close_matches(Path(name).stem, recipe_names(), 1)
    return UserError(
        "recipe-missing",
        f"there is no recipe `{name}`" + (f": {reason}" if reason else ""),
        hint=(f"did you mean `{close[0]}`? " if close else "") + "`puzzlecam recipes list` names those shipped",
    )


def load_recipe(name: str, changes: Iterable[str] = ()) -> Recipe:
    """The validated recipe for a path, shipped name or run, with `--set` changes `dotted.key=YAML value`.

    Raises:
        UserError: all problems at once, each with file, line and key.
    """
    from pydantic import ValidationError

    from puzzlecam_cli.recipe.explain import explain
    from puzzlecam_cli.recipe.model import model_of

    path = find_recipe(name)
    document = lay_over(read_document(path), read_changes(changes))
    try:
        return model_of(document.values).model_validate(document.values)
    except ValidationError as error:
        raise explain(error, document, path) from None


def read_document(path: Path, chain: tuple[Path, ...] = ()) -> Document:
    """A recipe file merged, key by key, over the recipe it extends.

    Raises:
        UserError: it cannot be read, or what it extends cannot.
    """
    try:
        values, places = read(
            compose(read_text(path, limit=LARGEST, kind="recipe")), lambda line: f"{path.name} line {line}"
        )
    except UnreadableError as fault:
        where = (f"line {fault.line}",)
        raise UserError("recipe-unreadable", f"{path} cannot be read: {fault.problem}", where) from None
    if not isinstance(values, dict):
        raise UserError(
            "recipe-unreadable",
            f"{path} must hold keys and values, such as `recipe: 1`",
            hint="`puzzlecam recipes show quickstart` prints a recipe",
        )
    if isinstance(values.get("backbone"), str):
        values["backbone"] = {"name": values["backbone"]}
    document = Document(values, places)
    if "extends" not in values:
        return document
    base_name = values.pop("extends")
    try:
        base = _read_base(path, base_name, (*chain, path.resolve()))
    except UserError as error:
        extended = f"{places['extends',].where}  extends = {shown(base_name)}"
        raise UserError(error.reference, error.problem, (*error.where, extended), error.hint) from None
    return lay_over(base, document)


def _read_base(path: Path, name: Any, chain: tuple[Path, ...]) -> Document:
    base = find_base(path, name)
    if base.resolve() in chain:
        raise UserError("recipe-circular", f"{base} extends itself", hint="break the circle of `extends`")
    if len(chain) >= LONGEST_CHAIN:
        raise UserError("recipe-circular", f"more than {LONGEST_CHAIN} recipes extend one another")
    return read_document(base, chain)


def read_changes(changes: Iterable[str]) -> Document:
    """The `dotted.key=YAML value` changes of a command line, the later over the earlier.

    Raises:
        UserError: one is not a key and a value.
    """
    document = Document()
    for change in changes:
        document = lay_over(document, _read_change(change))
    return document


def _read_change(change: str) -> Document:
    dotted, equals, text = change.partition("=")
    keys = tuple(dotted.strip().split("."))
    if not equals or not all(keys) or len(keys) > DEEPEST:
        raise UserError("usage", f"`--set {change}` is not KEY=VALUE", hint="for example --set seg.epochs=5")
    if keys[0] == "extends":
        raise UserError("usage", f"`--set {change}`: `extends` is not a key here; it is for recipe files")
    try:
        value, places = read(compose(text), lambda line: f"--set {change}", keys)
    except UnreadableError as fault:
        raise UserError("usage", f"the value in `--set {change}` cannot be read: {fault.problem}") from None
    if keys == ("backbone",) and isinstance(value, str):
        value = {"name": value}
    for key in reversed(keys):
        value = {key: value}
    return Document(value, places)
