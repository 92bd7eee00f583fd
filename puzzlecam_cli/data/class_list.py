"""The list of object classes: one name a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import CONTROL, lines, quoted

MOST = 254  # a mask is 8 bits: 0 is background, 255 void
LONGEST = 200
# What labelme, CVAT, Cityscapes, KITTI and others call what is no object; see `is_no_object`.
_NO_OBJECTS = {"background", "bg", "void", "ignore", "ignored", "unlabeled", "unlabelled", "dontcare"}
_HINT = "a class list holds one name a line and nothing else"


@dataclass(frozen=True)
class ClassList:
    """Classes 1..C in order, and the names of the list that are background or void, as they are written there."""

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def read_classes(path: Path) -> ClassList:
    """The object classes of a list, in NFC. Blank lines are skipped; background and void are left out anywhere.

    Raises:
        UserError: `data-invalid` with every line that is no name or names a class twice, if there is no class, or
            more than 254; see `read_text`.
    """
    names: dict[str, int] = {}
    left_out: list[str] = []
    problems: list[str] = []
    for number, line in lines(path):
        name = canonical(line.strip())
        if not name:
            continue
        if problem := _why_no_name(name):
            problems.append(f"line {number}: {quoted(name)} {problem}")
        elif is_no_object(name):
            left_out.append(name)
        elif name in names:
            problems.append(f"line {number}: {quoted(name)} is in line {names[name]}, too")
        else:
            names[name] = number
    if problems:
        raise UserError("data-invalid", f"{path} is no list of classes", shorten(problems), _HINT)
    if not names:
        only = f" but {', '.join(map(quoted, left_out[:3]))}" if left_out else ""
        raise UserError("data-invalid", f"{path} names no class{only}", hint=_HINT)
    if len(names) > MOST:
        raise UserError("data-invalid", f"{path} names {len(names)} classes; a mask has room for {MOST}")
    if all(re.match(r"\d+\s+\S", name) for name in names):
        first = next(iter(names))
        raise UserError("data-invalid", f"{path} has a number before each name", (quoted(first),), _HINT)
    return ClassList(tuple(names), tuple(left_out))


def is_no_object(name: str) -> bool:
    """Whether a class name means background or void: `_background_`, `__ignore__`, `Void`, `<unlabeled>` ..."""
    return re.sub(r"[\s_\-'’]", "", name.strip("<>[]()*")).casefold() in _NO_OBJECTS


def _why_no_name(name: str) -> str | None:
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if any(c in ",;\t" for c in name):
        return "holds a comma, semicolon or tab"
    if CONTROL.search(name) or any(c in "\u2028\u2029" for c in name):
        return "holds a control character"
    if re.match(r"\d+\s*[:.)=]\s*\S|.*:(\s|$)", name):
        return "holds a key and a value"
    if is_no_object(name):
        return None
    if re.match(r"""["'\[{}<#]|- """, name) or name.endswith(("]", "{", "}")):
        return "is not a bare name (JSON, YAML, XML and comments are not read)"
    return None
