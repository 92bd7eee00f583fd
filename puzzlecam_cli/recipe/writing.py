"""A recipe as a person would write it: only what differs from another, with a reason beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from puzzlecam_cli.errors import UserError, printable
from puzzlecam_cli.files import write_new
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.text import quoted

WIDTH = 110  # columns of a line with its reason; longer reasons are cut
REASON = 35  # the column reasons begin in, where the value is short


def recipe_text(heading: Sequence[str], extends: str, values: Mapping[str, tuple[Any, str]]) -> str:
    """The text of a recipe.

    Args:
        heading: lines of comment above it.
        extends: the recipe that all else is taken from.
        values: with the reason for each, or "", by dotted key, in the order they are to be written.

    Raises:
        UserError: `recipe-unwritable`: a value cannot stand in a recipe.
    """
    sections: dict[str, Any] = {}
    reasons: dict[str, dict[str, None]] = {}  # by the first two names of keys: they share a line
    for key, (value, reason) in values.items():
        *above, last = key.split(".")
        place = sections
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
        reasons.setdefault(".".join([*above, last][:2]), {})[reason] = None
    lines = [*(f"# {printable(line)}" for line in heading), "recipe: 1", f"extends: {in_yaml(extends)}"]
    earlier = ""
    for section, keys in sections.items():
        lines.append(f"{section}:")
        for key, value in keys.items():
            reason = "; ".join(filter(None, reasons[f"{section}.{key}"]))
            line = f"  {key}: {in_yaml(value)}"
            if reason and reason != earlier:
                line = f"{line:{REASON - 2}}  # "
                line += printable(reason, max(40, WIDTH - len(line)))
                earlier = reason
            lines.append(line)
    return "\n".join(lines) + "\n"


def in_yaml(value: Any) -> str:
    """A value on one line, quoted where it must be.

    Raises:
        UserError: it holds a character that no recipe can hold.
    """
    plain = _plain(value)
    try:
        text: str = yaml.safe_dump(plain, allow_unicode=True, default_flow_style=True, width=1 << 20, sort_keys=False)
        text.encode()
    except UnicodeEncodeError:
        raise _unwritable(plain) from None
    text = text.removesuffix("\n").removesuffix("\n...")
    if "\n" in text or yaml.SafeLoader.NON_PRINTABLE.search(str(plain)):
        raise _unwritable(plain)
    return text


def _unwritable(value: Any) -> UserError:
    return UserError(
        "recipe-unwritable",
        f"{quoted(str(value))} holds characters that cannot stand in a recipe",
        hint="rename the file or folder",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(no_home(value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def no_home(path: Path) -> Path:
    """A path as a recipe has to name it: a name that begins with `~` is not to be taken for one's home."""
    return path.absolute() if str(path).startswith("~") else path


def write_text_file(path: Path, text: str) -> None:
    """Write a new file that `--out` names.

    Raises:
        UserError: `file-exists`, `file-unwritable`.
    """
    try:
        write_new(path, text)
    except FileExistsError:
        raise UserError("file-exists", f"{path} is there already", hint="--out names another file") from None
    except (OSError, ValueError) as error:  # a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError("file-unwritable", f"{path} cannot be written: {reason}", hint="--out names another") from None


def write_recipe(path: Path, text: str) -> Recipe:
    """Write a new recipe and read it as a run would; one that cannot be read does not stay.

    Raises:
        UserError: `file-exists`, `file-unwritable`, or what is wrong with the recipe.
    """
    write_text_file(path, text)
    try:
        return load_recipe(str(path))
    except BaseException:
        path.unlink()
        raise
