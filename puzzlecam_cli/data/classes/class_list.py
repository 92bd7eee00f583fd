"""The list of object classes: one name a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.pixels.colours import RGB
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import CONTROL, are, lines, quoted

MOST = 254  # a mask is 8 bits: 0 is background, 255 void
LONGEST = 200
# What labelme, CVAT, Cityscapes, KITTI and others call what is no object; see `is_no_object`.
_NO_OBJECTS = {"background", "bg", "void", "ignore", "ignored", "unlabeled", "unlabelled", "dontcare"}
FILES = ("classes.txt", "class_names.txt", "labels.txt")  # labelme and others write the last two
_HINT = "a class list holds one name a line and nothing else"


@dataclass(frozen=True)
class ClassList:
    """Classes 1..C in order, and the names of the list that are background or void, as they are written there.

    `background` in the first line, where most lists have it, is not among them.
    """

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def find_classes(
    root: Path, given: Path | None, colours: Sequence[tuple[str, RGB]] | None, otherwise: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes of a data set, and what a person should know about where they are from, a sentence each.

    Args:
        given: the list; None: one of `FILES` in `root`, else the names in `colours`, else `otherwise`.

    Raises:
        UserError: see `read_classes`.
    """
    places = [given] if given else [root / name for name in FILES]
    file = next((place for place in places if given or place.exists() or place.is_symlink()), None)
    if file is not None:
        found, facts = read_classes(file), []
        if file.name != FILES[0] and not given:
            facts.append(f"there is no {places[0]}: classes are those of {file}")
        if found.left_out:
            some = ", ".join(map(quoted, found.left_out))
            facts.append(f"{file}: {some} {are(len(found.left_out))} no object class and left out")
        return found.names, tuple(facts)
    if colours:
        names = tuple(canonical(name) for name, _ in colours if not is_no_object(name))
        return names, (f"there is no {places[0]}: classes are those of the colour table",)
    return otherwise, (f"there is no {places[0]}: PASCAL VOC's {len(otherwise)} classes are taken",)


def names_alike(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of names that differ by capitals and blanks only, which is usually an oversight."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_bare(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def alike(names: Sequence[str]) -> str:
    """Two such names in words; empty if there are none."""
    groups = names_alike(names)
    return " and ".join(map(quoted, groups[0][:2])) if groups else ""


def _bare(name: str) -> str:
    """A name without what people write now in one way, now in another: capitals, blanks, `_`, `-`, `/`."""
    return re.sub(r"[\s_/-]", "", name).casefold()


def did_you_mean(name: str, classes: Sequence[str]) -> str:
    """The class that a name which is none is most like, as the end of a sentence; empty if it is like none."""
    same = [other for other in classes if _bare(other) == _bare(name)]
    close = same or get_close_matches(name, classes, 1, 0.75)
    return f"; did you mean {quoted(close[0])}?" if close else ""


def is_nearly(one: str, other: str) -> bool:
    """Whether a name may be the other misspelt: a letter more, less or another, in one of its words.

    The first letter and numbers are the same then: `lemon` is no `melon`, and `type 1` no `type 2`.
    """
    words = [re.split(r"[\s_/-]+", name.casefold()) for name in (one, other)]
    if len(words[0]) != len(words[1]):
        words = [[_bare(one)], [_bare(other)]]
    differ = [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]]
    return len(differ) == 1 and _is_misspelt(*differ[0])


def _is_misspelt(one: str, other: str) -> bool:
    if one[:1] != other[:1] or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    same = sum(block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks())
    letters = len(one) + len(other)
    return letters - 2 * same <= min(2, letters / 5)


def read_classes(path: Path) -> ClassList:
    """The object classes of a list, in NFC. Blank lines are skipped; background and void are left out anywhere.

    Raises:
        UserError: `data-invalid` with every line that is no name or names a class twice, if there is no class, or
            more than 254; see `read_text`.
    """
    names: dict[str, int] = {}
    left_out: list[tuple[int, str]] = []  # with their lines
    problems: list[str] = []
    for number, line in lines(path):
        name = canonical(line.strip())
        if not name:
            continue
        if problem := _why_no_name(name):
            problems.append(f"line {number}: {quoted(name)} {problem}")
        elif is_no_object(name):
            left_out.append((number, name))
        elif name in names:
            problems.append(f"line {number}: {quoted(name)} is in line {names[name]}, too")
        else:
            names[name] = number
    if problems:
        raise UserError("data-invalid", f"{path} is no list of classes", shorten(problems), _HINT)
    if not names:
        only = f" but {', '.join(quoted(name) for _, name in left_out[:3])}" if left_out else ""
        raise UserError("data-invalid", f"{path} names no class{only}", hint=_HINT)
    if len(names) > MOST:
        raise UserError("data-invalid", f"{path} names {len(names)} classes; a mask has room for {MOST}")
    if all(re.match(r"\d+\s+\S", name) for name in names):
        first = next(iter(names))
        raise UserError("data-invalid", f"{path} has a number before each name", (quoted(first),), _HINT)
    return ClassList(tuple(names), tuple(name for number, name in left_out if (number, name) != (1, "background")))


def is_no_object(name: str) -> bool:
    """Whether a class name means background or void: `_background_`, `__ignore__`, `Void`, `<unlabeled>` ..."""
    return re.sub(r"[\s_\-'’]", "", name.strip("<>[]()*")).casefold() in _NO_OBJECTS


def colours_of(classes: Sequence[str], table: Sequence[tuple[str, RGB]], file: Path) -> tuple[RGB, ...]:
    """Colours of background and the classes, in their order; `file` is where the table is from.

    Raises:
        UserError: `data-invalid`: classes have no colour.
    """
    known = {canonical(name): colour for name, colour in table}
    if missing := [name for name in classes if name not in known]:
        raise UserError(
            "data-invalid",
            f"the colour table {file} lacks {len(missing)} classes",
            shorten(missing),
            "its names are those of the class list",
        )
    background = next((colour for name, colour in table if is_no_object(name)), (0, 0, 0))
    return (background, *(known[name] for name in classes))


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
