"""What a YOLO data set says of itself: class names by number, and where the photos of each part are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import lines, quoted, read_text

FILES = ("data.yaml", "data.yml", "dataset.yaml", "obj.names", "classes.txt")  # looked for in this order
PARTS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
_LARGEST = 1 << 20  # bytes
_HINT = "`names` is a list of class names, or a map of numbers to names"


@dataclass(frozen=True)
class Description:
    """A `data.yaml`, or a plain list of names.

    Args:
        names: by class number.
        parts: by name (`train`), the folders and lists of photos, as they are written.
        folder: `path`, from which they start, if there is one.
    """

    file: Path
    names: Mapping[int, str]
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str | None = None


def read_description(file: Path) -> Description:
    """A `data.yaml` with `names`, or one name a line, the first line being class 0.

    Raises:
        UserError: `yolo-invalid` with all that is wrong; see `read_text`.
    """
    if file.suffix.lower() in (".yaml", ".yml"):
        return _of_yaml(file)
    names = {number: line.strip() for number, (_, line) in enumerate(lines(file))}
    while names and not names[len(names) - 1]:
        names.popitem()
    return Description(file, _checked(file, names))


def _of_yaml(file: Path) -> Description:
    value = _read(file)
    if "names" not in value:
        raise UserError("yolo-invalid", f"{file} has no `names`", hint=_HINT)
    if value.get("kpt_shape") is not None:
        problem = f"{file} is of poses: it has `kpt_shape`"
        raise UserError("yolo-invalid", problem, hint="labels of boxes or polygons are read")
    names = _checked(file, _names(file, value["names"]))
    count = value.get("nc")
    if count is not None and str(count) != str(len(names)):
        raise UserError("yolo-invalid", f"{file}: `nc` is {quoted(str(count), 20)}, and there are {len(names)} names")
    parts = {part: _places(file, part, value[key]) for part, key in _keys(value) if value[key] is not None}
    folder = value.get("path")
    return Description(file, names, parts, _places(file, "path", folder)[0] if folder is not None else None)


def _read(file: Path) -> dict[str, Any]:
    """What is known of a `data.yaml`; others may put whatever they like under other keys."""
    import yaml

    from puzzlecam_cli.recipe.document import UnreadableError, compose, read

    known = {"names", "nc", "path", "kpt_shape", *(key for keys in PARTS.values() for key in keys)}
    try:
        node = compose(read_text(file, limit=_LARGEST))
        if not isinstance(node, yaml.MappingNode):
            return {}
        node.value = [pair for pair in node.value if isinstance(pair[0], yaml.ScalarNode) and pair[0].value in known]
        value: dict[str, Any] = read(node, str, number_keys=True)[0]
    except UnreadableError as error:
        raise UserError("yolo-invalid", f"{file} line {error.line}: {error.problem}", hint=_HINT) from None
    return value


def _keys(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part, keys in PARTS.items():
        if found := next((key for key in keys if key in value), None):
            yield part, found


def _names(file: Path, names: Any) -> dict[int, str]:
    from puzzlecam_cli.recipe.document import shown

    if isinstance(names, list):
        names = {str(number): name for number, name in enumerate(names)}
    given: dict[str, Any] = names if isinstance(names, dict) else {}
    found: dict[int, str] = {}
    wrong = []
    for key, name in given.items():
        number = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else -1
        if number < 0:
            wrong.append(f"{quoted(key, 40)} is no class number")
        elif number in found:
            wrong.append(f"class {number} has two names")
        elif isinstance(name, bool) or not isinstance(name, str | int | float):
            wrong.append(f"YAML reads the name of class {number} as `{shown(name)}`: write it in quotation marks")
        else:
            found[number] = str(name)
    if wrong or not given:
        raise UserError("yolo-invalid", f"{file}: `names` cannot be read", shorten(wrong), _HINT)
    return found


def _checked(file: Path, names: Mapping[int, str]) -> dict[int, str]:
    """Names in NFC, by number; what else names must be, `named_classes` checks."""
    found = {number: canonical(name.strip()) for number, name in sorted(names.items())}
    empty = [f"the name of class {number} is empty" for number, name in found.items() if not name]
    if empty or not found:
        raise UserError("yolo-invalid", f"{file} does not name every class", shorten(empty), _HINT)
    return found


def _places(file: Path, part: str, value: Any) -> tuple[str, ...]:
    places = value if isinstance(value, list) else [value]
    if not places or not all(isinstance(place, str) and place.strip() for place in places):
        raise UserError("yolo-invalid", f"{file}: `{part}` names no folder or list of photos, nor several of them")
    return tuple(places)
