"""Copy a recipe file to another place, where it must mean the same."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import write_new
from puzzlecam_cli.recipe.document import compose
from puzzlecam_cli.recipe.load import LARGEST, find_base, find_recipe, read_document
from puzzlecam_cli.text import read_text


def copy_recipe(name: str, dest: str) -> Path:
    """Copy a recipe with its comments to a new file; what it extends is then named by its whole path.

    Args:
        name: a path, a shipped name or the folder of a run.
        dest: the new file, or a folder for it.

    Returns:
        The new file.

    Raises:
        UserError: the recipe cannot be read, or the file not be written; nothing is overwritten or half-written.
    """
    source = find_recipe(name)
    read_document(source)  # with all that it extends
    try:
        target = _target(dest, source.name)
        text = _moved(read_text(source, limit=LARGEST, kind="recipe"), source, target)
        write_new(target, text)
    except FileExistsError as error:
        raise UserError("file-exists", f"{error.filename} is there already", hint="name another file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError("file-unwritable", f"{dest} cannot be written: {reason}", hint="name another file") from None
    return target


def _target(dest: str, name: str) -> Path:
    if not dest.strip():
        raise UserError("usage", "the copy has no name", hint="puzzlecam recipes copy NAME FILE")
    target = Path(dest) / name if Path(dest).is_dir() else Path(dest)
    folder = Path(dest) if dest.endswith("/") else target.parent
    if folder.exists() and not folder.is_dir():
        raise UserError("folder-missing", f"{folder} is no folder", hint="name a file in a folder")
    if not folder.is_dir():
        raise UserError("folder-missing", f"there is no folder `{folder}` to copy to", hint="make it first")
    return target


def _moved(text: str, source: Path, target: Path) -> str:
    """The text with `extends` changed, unless it finds the same from the new place."""
    node = compose(text)
    assert isinstance(node, yaml.MappingNode), "it has been read"
    for key, value in node.value:
        if key.value == "extends":
            base = find_base(source, value.value).resolve()
            if _finds(target, value.value) != base:
                start = value.start_mark.index
                written = text[start : value.end_mark.index].rstrip()  # of a block, without its line's end
                return text[:start] + json.dumps(str(base), ensure_ascii=False) + text[start + len(written) :]
    return text


def _finds(path: Path, name: str) -> Path | None:
    try:
        return find_base(path, name).resolve()
    except UserError:
        return None
