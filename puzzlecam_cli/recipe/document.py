"""YAML text as plain values, within bounds; every value remembers where and how it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import yaml

Keys = tuple[str, ...]

MOST_VALUES = 5_000  # aliases written out
DEEPEST = 20
LONGEST = 4_096  # characters of one value: of the longest path
CHOOSERS: dict[Keys, str] = {("data",): "kind", ("backbone",): "name"}
TAG = "tag:yaml.org,2002:"
BASE_60_OR_8 = re.compile(r".*:.*|[-+]?0[0-7_]+")  # YAML 1.1 reads 1:30 as 90 and 010 as 8; nobody means that
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", re.ASCII)  # YAML 1.1 reads 4e-5 as text


class Place(NamedTuple):
    """Where a value was written, and how, if it is not text."""

    where: str
    written: str | None = None


@dataclass
class Document:
    """Plain values, with the place each key was written at."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Keys, Place] = field(default_factory=dict)

    def place(self, keys: Keys) -> str:
        """Where a value was written: its own line, else one inside it, else that of the section it is missing from."""
        while keys and keys not in self.places:
            inside = [place.where for known, place in self.places.items() if known[: len(keys)] == keys]
            if inside:
                return inside[-1]
            keys = keys[:-1]
        return self.places[keys].where if keys else ""


class UnreadableError(Exception):
    """What keeps a text from being read, and on which line, from 1."""

    def __init__(self, problem: str, line: int):
        super().__init__(problem, line)
        self.problem = problem
        self.line = line


@lru_cache(maxsize=16)  # one recipe is read by several parts of a command
def compose(text: str) -> yaml.Node | None:
    """The tree of a YAML text, aliases not yet written out; None for an empty one.

    Raises:
        UnreadableError: it is no YAML, or out of bounds.
    """
    if odd := yaml.SafeLoader.NON_PRINTABLE.search(text):
        problem = f"character U+{ord(odd[0]):04X} must not stand in it"
        raise UnreadableError(problem, text.count("\n", 0, odd.start()) + 1)
    try:
        return _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(f"it is not valid YAML: {error.problem}", mark.line + 1 if mark else 1) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a character code beyond Unicode
        raise UnreadableError(f"it is not valid YAML: {error}", 1) from None


class _Composer(yaml.SafeLoader):
    def __init__(self, text: str):
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        self._nodes += 1
        _check_bounds(self._nodes, self._depth, self.peek_event().start_mark.line + 1)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _check_bounds(count: int, depth: int, line: int) -> None:
    if count > MOST_VALUES:
        raise UnreadableError(f"it holds more than {MOST_VALUES:,} keys and values", line)
    if depth > DEEPEST:
        raise UnreadableError(f"it is nested more than {DEEPEST} deep", line)


def read(
    node: yaml.Node | None, where: Callable[[int], str], above: Keys = (), *, number_keys: bool = False
) -> tuple[Any, dict[Keys, Place]]:
    """The value of a tree, and the place of everything in it.

    Args:
        where: names a line, from 1.
        above: the keys that lead to it.
        number_keys: a key may be a number; it is read as its text.

    Raises:
        UnreadableError: a key is no text or stands twice, a value has a tag, aliases go in a circle or out of bounds.
    """
    if node is None:
        return None, {above: Place(where(1), "")}
    reader = _Reader(where, number_keys)
    return reader.value(node, above, ()), reader.places


class _Reader:
    def __init__(self, where: Callable[[int], str], number_keys: bool):
        self.where = where
        self.number_keys = number_keys
        self.places: dict[Keys, Place] = {}
        self._count = 0

    def value(self, node: yaml.Node, keys: Keys, around: tuple[yaml.Node, ...], line: int | None = None) -> Any:
        """The value of a node; its place is the line of its key, or else its own."""
        own = node.start_mark.line + 1
        self._count += 1
        if node in around:
            raise UnreadableError("an alias stands inside of what it repeats", own)
        _check_bounds(self._count, len(around), own)
        self.places[keys] = Place(self.where(line or own))
        around = (*around, node)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
            items = _items(node, self.number_keys)
            return {key: self.value(value, (*keys, key), around, line) for key, value, line in items}
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
            return [self.value(item, (*keys, str(number)), around) for number, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            raise UnreadableError(f"the tag `{_tag(node)}` must not stand in it", own)
        value = _scalar(node)
        if not isinstance(value, str):
            self.places[keys] = Place(self.where(line or own), node.value)
        return value


def _items(node: yaml.MappingNode, number_keys: bool) -> Iterator[tuple[str, yaml.Node, int]]:
    """(key, value, line of the key) of a section."""
    lines: dict[str, int] = {}
    for key_node, value in node.value:
        line = key_node.start_mark.line + 1
        if key_node.tag == f"{TAG}merge":
            raise UnreadableError("`<<` is not understood here: write the keys out, or use `extends`", line)
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        key = str(key) if number_keys and type(key) is int else key
        if not isinstance(key, str):
            read_as = f", and YAML reads `{key_node.value}` as {reads_as(key)}" if _is_scalar(key_node) else ""
            raise UnreadableError(f"a key must be text{read_as}", line)
        if key in lines:
            raise UnreadableError(f"it names `{key}` twice, first on line {lines[key]}", line)
        lines[key] = line
        yield key, value, line


def _is_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _scalar(node: yaml.ScalarNode) -> Any:
    """The value of a scalar: text, unless it plainly is a number, true, false or null."""
    text, line = node.value, node.start_mark.line + 1
    if len(text) > LONGEST:
        raise UnreadableError(f"a value is longer than {LONGEST:,} characters", line)
    if odd := yaml.SafeLoader.NON_PRINTABLE.search(text):  # from an escape such as "\0"
        raise UnreadableError(f"character U+{ord(odd[0]):04X} must not stand in a value", line)
    try:
        match node.tag.removeprefix(TAG):
            case "null":
                return None
            case "bool":
                return yaml.SafeLoader.bool_values[text.lower()]
            case "int" if not BASE_60_OR_8.fullmatch(text):
                return yaml.SafeLoader("").construct_yaml_int(node)
            case "float" if not BASE_60_OR_8.fullmatch(text):
                return yaml.SafeLoader("").construct_yaml_float(node)
            case "str" if node.style is None and EXPONENT.fullmatch(text):
                return float(text)
            case "int" | "float" | "str" | "timestamp" | "value":
                return text
    except (ValueError, KeyError, IndexError):
        raise UnreadableError(f"`{text}` is not what its tag `{_tag(node)}` says", line) from None
    raise UnreadableError(f"the tag `{_tag(node)}` must not stand in it", line)


def _tag(node: yaml.Node) -> str:
    return node.tag.replace(TAG, "!!")


def shown(value: Any, most: int = 60) -> str:
    """A value as YAML in a message, cut."""
    if isinstance(value, list | tuple):
        text = f"[{', '.join(shown(item, most) for item in value[:most])}]"
    elif isinstance(value, dict):
        text = f"{{{', '.join(f'{key}: {shown(value[key], most)}' for key in list(value)[:most])}}}"
    else:
        text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def reads_as(value: Any) -> str:
    """What YAML made of something that was meant as text."""
    return "nothing" if value is None else json.dumps(value) if isinstance(value, bool) else "a number"


def lay_over(base: Document, over: Document) -> Document:
    """`over` laid over `base`, key by key. Another kind of data or another backbone replaces the whole section."""
    replaced: set[Keys] = set()
    values = _merged(base.values, over.values, (), replaced)
    kept = {
        keys: place
        for keys, place in base.places.items()
        if not any(keys[:length] in replaced for length in range(1, len(keys) + 1))
    }
    return Document(values, kept | over.places)


def _merged(base: dict[str, Any], over: dict[str, Any], above: Keys, replaced: set[Keys]) -> dict[str, Any]:
    values = dict(base)
    for key, value in over.items():
        keys, below = (*above, key), base.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and _is_same_section(keys, below, value):
            values[key] = _merged(below, value, keys, replaced)
        else:
            values[key] = value
            replaced.add(keys)
    return values


def _is_same_section(keys: Keys, below: dict[str, Any], over: dict[str, Any]) -> bool:
    chooser = CHOOSERS.get(keys, "")
    return chooser not in over or chooser not in below or over[chooser] == below[chooser]
