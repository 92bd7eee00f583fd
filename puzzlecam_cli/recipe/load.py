"""Find a recipe, merge what it extends and what `--set` changes, validate it; every value remembers its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from puzzlecam_cli.errors import UserError

if TYPE_CHECKING:
    from puzzlecam_cli.recipe.schema import Recipe

Keys = tuple[str, ...]
Places = dict[Keys, str]


@dataclass
class Document:
    """A recipe as merged text values, with the place each key was written at."""

    values: dict[str, Any] = field(default_factory=dict)
    places: Places = field(default_factory=dict)

    def place(self, keys: Keys) -> str:
        """Where the value was written: its own line, else that of the section it is missing from."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys, "")


def shipped_recipes() -> Path:
    """The folder of the shipped recipes: inside an installed package, at the top of a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "_recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    return sorted(path.stem for path in shipped_recipes().glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The recipe file for a path or the name of a shipped recipe.

    Raises:
        UserError: there is neither such a file nor such a recipe.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_recipes() / f"{path.name.removesuffix('.yaml')}.yaml"
    # `recipes/voc_resnet50.yaml` names the shipped recipe from any folder, as in the README.
    if shipped.is_file() and path.parent.name in ("", "recipes"):
        return shipped
    close = get_close_matches(path.stem, recipe_names(), 1)
    raise UserError(
        "recipe-missing",
        f"there is no recipe `{name}`",
        hint=(f"did you mean `{close[0]}`? " if close else "") + "`puzzlecam recipes list` names those shipped",
    )


def load_recipe(name: str, changes: Iterable[str] = ()) -> Recipe:
    """The validated recipe for a path or shipped name, with `--set` changes `dotted.key=YAML value`.

    Raises:
        UserError: all problems at once, each with file, line and key.
    """
    from pydantic import ValidationError

    from puzzlecam_cli.recipe.explain import explain
    from puzzlecam_cli.recipe.schema import Recipe

    path = find_recipe(name)
    document = read_document(path)
    for change in changes:
        document = apply_change(document, change)
    try:
        return Recipe.model_validate(document.values)
    except ValidationError as error:
        raise explain(error, document, path) from None


def read_document(path: Path, chain: tuple[Path, ...] = ()) -> Document:
    """A recipe file merged, key by key, over the recipe it extends."""
    if path.resolve() in chain:
        raise UserError("recipe-circular", f"{path} extends itself", hint="break the circle of `extends`")
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except UnicodeDecodeError:
        raise UserError("recipe-unreadable", f"{path} is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = (f"line {mark.line + 1}, column {mark.column + 1}",) if mark else ()
        problem = getattr(error, "problem", None) or str(error)
        raise UserError("recipe-unreadable", f"{path} is not valid YAML: {problem}", where) from None
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise UserError("recipe-unreadable", f"{path} must hold keys and values", hint="`puzzlecam recipes show`")
    if isinstance(values.get("backbone"), str):
        values["backbone"] = {"name": values["backbone"]}
    document = Document(values, dict(_places(node, path.name)))
    base_name = values.pop("extends", None)
    if base_name is None:
        return document
    beside = path.parent / str(base_name)
    base = read_document(beside if beside.is_file() else find_recipe(str(base_name)), (*chain, path.resolve()))
    return lay_over(base, document)


def _places(node: yaml.MappingNode, file: str, above: Keys = ()) -> Iterator[tuple[Keys, str]]:
    for key_node, value_node in node.value:
        keys = (*above, str(key_node.value))
        if [str(key.value) for key, _ in node.value].count(keys[-1]) > 1:
            line = key_node.start_mark.line + 1
            raise UserError("recipe-unreadable", f"{file} names {'.'.join(keys)} twice", (f"line {line}",))
        yield keys, f"{file} line {key_node.start_mark.line + 1}"
        if isinstance(value_node, yaml.MappingNode):
            yield from _places(value_node, file, keys)


def lay_over(base: Document, over: Document) -> Document:
    """`over` laid over `base`, key by key. Another kind of data or another backbone replaces the whole section."""
    return Document(*_lay_over(base.values, over.values, base.places, over.places, ()))


def _lay_over(
    base: dict[str, Any], over: dict[str, Any], base_places: Places, over_places: Places, above: Keys
) -> tuple[dict[str, Any], Places]:
    values, places = dict(base), base_places | {}
    for key, value in over.items():
        keys, below = (*above, key), base.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and _is_same_section(key, below, value):
            values[key], places = _lay_over(below, value, places, over_places, keys)
        else:
            values[key] = value
            places = {known: place for known, place in places.items() if known[: len(keys)] != keys}
        places |= {known: place for known, place in over_places.items() if known[: len(keys)] == keys}
    return values, places


def _is_same_section(key: str, below: dict[str, Any], over: dict[str, Any]) -> bool:
    chooser = {"data": "kind", "backbone": "name"}.get(key)
    return chooser is None or over.get(chooser, below.get(chooser)) == below.get(chooser)


def apply_change(document: Document, change: str) -> Document:
    """The document after one `dotted.key=YAML value` of the command line."""
    dotted, equals, text = change.partition("=")
    keys = tuple(dotted.strip().split("."))
    if not equals or not all(keys):
        raise UserError("usage", f"`--set {change}` is not KEY=VALUE", hint="for example --set seg.epochs=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError("usage", f"the value in `--set {change}` is not valid YAML") from None
    if keys == ("backbone",) and isinstance(value, str):
        value = {"name": value}
    for key in reversed(keys):
        value = {key: value}
    return lay_over(document, Document(value, {keys: f"--set {change}"}))
