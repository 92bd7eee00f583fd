"""Tags out of VOC's annotations: XML of objects with boxes, and `ImageSets/Main/<class>_<split>.txt`."""

from __future__ import annotations

import codecs
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from puzzlecam_cli.data.disk.lists import Entry, read_entries
from puzzlecam_cli.data.disk.resolver import FileIndex
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import read_file
from puzzlecam_cli.text import decode_text, marked, number_in, quoted

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LARGEST = 8 << 20  # bytes: 40,000 objects
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
# Python calls these encodings, too; no annotation is written in them, and some take time without bound.
_NO_ENCODINGS = {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7", "mbcs", "oem"}


@dataclass(frozen=True)
class Annotation:
    """The objects of one photo.

    Attributes:
        tags: class names, in NFC.
        boxes: the name of each object and what is wrong with its box (`is inside out`), None if nothing is.
        dropped: names of the objects that do not count by the authors' rule, one for each; may be tags all the same,
            by another object.
    """

    tags: frozenset[str]
    boxes: tuple[tuple[str, str | None], ...]
    dropped: tuple[str, ...] = ()


def read_objects(file: Path, *, clipped: bool = False) -> Annotation:
    """The objects of a VOC annotation; without one, `tags` is empty.

    A tag is a tag, whatever its box: empty, inside out, a dummy, outside, missing. Difficult objects count.

    Args:
        clipped: the authors' rule: an object whose box, clipped to the photo's size, is empty does not count. An
            object without a box does; a size of 0 is not known, and clips nothing.

    Raises:
        UserError: `annotation-invalid` for what is no annotation (XML that breaks off, HTML, a DTD, an object without
            a name; with `clipped`, a box or size that is not made of numbers); `data-missing`, `data-unreadable` and
            `data-encoding` as `read_text` does.
    """
    root = _parsed(file)
    kind = _local(root)
    if kind != "annotation":
        raise _invalid(file, f"its outermost element is {quoted(kind)}, not `annotation`")
    objects = _children(root, "object")
    if not objects and any(_local(element) == "object" for element in root.iter()):
        raise _invalid(file, "its `object` elements are not directly below `annotation`")
    boxes: list[tuple[str, str | None]] = []
    dropped: list[str] = []
    size = _size(root)
    for number, item in enumerate(objects, start=1):
        name = canonical(_text(item, "name"))
        if not name:
            raise _invalid(file, f"object {number} of {len(objects)} has no name")
        problem, counts = _look_at_box(item, size)
        boxes.append((name, problem))
        if clipped and counts is None:
            raise _invalid(file, f"object {number} ({quoted(name)}) {problem}")
        if clipped and not counts:
            dropped.append(name)
    kept = Counter(name for name, _ in boxes) - Counter(dropped)
    return Annotation(frozenset(kept), tuple(boxes), tuple(dropped))


def read_image_set_tags(folder: Path, split: str, classes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Tags of all photos in VOC's lists `<class>_<split>.txt`: class indices 1..C by id (in NFC), sorted.

    A line is an id and 1 (the photo shows the class), 0 (only difficult objects of it; counts as shown, as it does in
    annotations) or -1. A list with a -1 in it is of all photos; one without may leave out those without the class.
    Lists of other classes are not looked at.

    Args:
        folder: `ImageSets/Main`.

    Raises:
        UserError: `tags-invalid`: a list is missing (all are named), a line is not an id and 1, 0 or -1, a photo
            stands twice in a list or is missing in one; `data-invalid` as `read_entries` does.
    """
    index = FileIndex(folder, (".txt",))
    if missing := index.missing([f"{name}_{split}" for name in classes]):
        raise UserError(
            "tags-invalid",
            f"{len(missing)} of {len(classes)} class lists of `{split}` are not in {folder}",
            shorten(missing),
            f"each class has a list <class>_{split}.txt there: lines of an image id and 1, 0 or -1",
        )
    tags: dict[str, list[int]] = {}
    whole: dict[str, set[str]] = {}  # ids in each list of all photos
    for number, name in enumerate(classes, start=1):
        file = index.find(f"{name}_{split}")
        assert file is not None
        values = _class_list(file)
        for image_id, value in values.items():
            tags.setdefault(image_id, []).extend([number] if value >= 0 else [])
        if -1 in values.values():
            whole[file.name] = set(values)
    gaps = [f"{name}: {quoted(i)} is not in it" for name, ids in whole.items() for i in tags if i not in ids]
    if gaps:
        raise UserError("tags-invalid", f"class lists in {folder} do not name the same photos", shorten(gaps))
    return {image_id: tuple(numbers) for image_id, numbers in tags.items()}


def _class_list(file: Path) -> dict[str, int]:
    """1, 0 or -1 by id."""
    values: dict[str, int] = {}
    first: dict[str, Entry] = {}
    problems = []
    for entry in read_entries(file):
        image_id = canonical(entry.name)
        earlier = first.setdefault(image_id, entry)
        if entry.column is None:
            problems.append(f"line {entry.line}: {quoted(entry.text)} does not end in 1, 0 or -1")
        elif earlier is not entry:
            problems.append(f"line {entry.line}: {quoted(image_id)} is in line {earlier.line}, too")
        else:
            values[image_id] = entry.column
    if problems:
        raise UserError("tags-invalid", f"{len(problems)} line(s) of {file} cannot be read", shorten(problems))
    return values


def _parsed(file: Path) -> Element:
    try:
        return fromstring(_decoded(file), forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        said = str(error).partition(":")[0]
        raise _invalid(file, f"line {line}, column {column + 1}: {said}") from None
    except DefusedXmlException:
        raise _invalid(file, "it declares a document type or entities, which could reach for other files") from None


def _decoded(file: Path) -> str:
    """The text of an XML file: by its byte order mark, else in the encoding that it declares, else in UTF-8."""
    data = read_file(file, limit=LARGEST)
    if marked(data) is None and (data.startswith(b"<\0?\0") or data.startswith(b"\0<\0?")):
        return decode_text(data, file, otherwise="utf-16-le" if data[0] else "utf-16-be")
    declared = _DECLARED.match(data)
    codec = declared[1].decode().lower() if declared else "utf-8"
    if codec.startswith(("utf-16", "utf-32", "ucs-")):
        codec = "utf-8"  # a declaration that can be read in bytes is wrong: .NET writes it so
    try:
        known = codecs.lookup(codec).name.replace("_", "-")
        "".encode(known)  # refuses codecs that are not of text, such as zip
    except LookupError:
        known = "undefined"
    if known in _NO_ENCODINGS:
        raise _invalid(file, f"it declares the encoding {quoted(codec)}, which is not known")
    return decode_text(data, file, otherwise=known)


def _look_at_box(item: Element, size: tuple[float, float] | str) -> tuple[str | None, bool | None]:
    """What is wrong with an object's box, and whether it counts by the authors' rule (None: cannot be said)."""
    found = _children(item, "bndbox")
    if not found:
        return "has no box", True
    sides = [number_in(_text(found[0], side)) for side in _SIDES]
    for side, value in zip(_SIDES, sides, strict=True):
        if value is None:
            text = _text(found[0], side)
            return f"has a box whose {side} {f'is {quoted(text)}' if text else 'is missing'}", None
    if isinstance(size, str):
        return size, None
    left, top, right, bottom = (value for value in sides if value is not None)
    width, height = size
    if left == top == right == bottom == 0:
        return "has a dummy box", False
    if right < left or bottom < top:
        return "has a box that is inside out", False
    if right == left or bottom == top:
        return "has an empty box", False
    if min(right, width) <= max(left, 0) or min(bottom, height) <= max(top, 0):
        return "has a box outside the photo", False
    return None, True


def _size(root: Element) -> tuple[float, float] | str:
    """Width and height, infinite where not known; or what is wrong with them."""
    found = _children(root, "size")
    sides = []
    for side in ("width", "height"):
        text = _text(found[0], side) if found else ""
        value = number_in(text) if text else 0.0
        if value is None or value < 0:
            return f"stands in a photo whose {side} is {quoted(text)}"
        sides.append(value or math.inf)
    return sides[0], sides[1]


def _local(element: Element) -> str:
    """An element's name without its namespace; comments have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if _local(child) == name]


def _text(element: Element, name: str) -> str:
    found = _children(element, name)
    return (found[0].text or "").strip() if found else ""


def _invalid(file: Path, problem: str) -> UserError:
    return UserError("annotation-invalid", f"{file} is no VOC annotation", (problem,))
