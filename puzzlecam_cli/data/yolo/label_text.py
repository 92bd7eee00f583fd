"""The text of one photo: an object a line, its class number and a box or a polygon in parts of the photo's sides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from puzzlecam_cli.data.coco.outlines import POINTS, draw, run_lengths
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import lines, number_in, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BOX = 4  # numbers: x and y of the middle, width, height
SLACK = 0.01  # by so much of a side exporters leave the photo


class Object(NamedTuple):
    """A line of the text; `polygon` is x, y, x, y, ... in parts of width and height, empty for a box."""

    number: int
    polygon: tuple[float, ...]


@dataclass(frozen=True)
class Summary:
    """What is kept of a text: there may be 100,000.

    Args:
        numbers: of the classes that are there.
        outlined: all objects are polygons; true where there is none.
        corners: how many the longest polygon has.
    """

    numbers: frozenset[int] = frozenset()
    outlined: bool = True
    corners: int = 0


def summary_of(objects: list[Object]) -> Summary:
    corners = [len(found.polygon) // 2 for found in objects]
    return Summary(frozenset(found.number for found in objects), all(corners), max(corners, default=0))


def read_objects(path: Path, known: frozenset[int]) -> tuple[list[Object], list[str]]:
    """The objects of a photo, and what is wrong with lines, each with the file and its number.

    Args:
        known: class numbers that have a name.

    Raises:
        UserError: the file cannot be read as text; see `read_text`.
    """
    objects: list[Object] = []
    problems: list[str] = []
    for number, line in lines(path):
        if fields := line.split():
            found = _object(fields, known)
            if isinstance(found, str):
                problems.append(f"{path} line {number}: {found}")
            else:
                objects.append(found)
    return objects, problems


def _object(fields: list[str], known: frozenset[int]) -> Object | str:
    """What a line tells, or what is wrong with it."""
    values = [value for field in fields if (value := number_in(field)) is not None]
    if len(values) < len(fields):
        return f"{quoted(' '.join(fields), 40)} is not numbers alone"
    which, *places = values
    if which not in known:
        return f"there is no class {fields[0][:20]}: {_numbers(known)} have names"
    count = len(places)
    if count != BOX and (count % 2 or count < 2 * POINTS):
        more = ", as predictions with confidences have" if count == BOX + 1 else ""
        return f"{count + 1} numbers{more}: an object is a class and 4 numbers, or 3 or more pairs"
    if not all(-SLACK <= place <= 1 + SLACK for place in places):  # nor is NaN
        wrong = next(field for field, place in zip(fields[1:], places, strict=True) if not -SLACK <= place <= 1 + SLACK)
        return f"{quoted(wrong, 20)} is not between 0 and 1: numbers are parts of the photo's width and height"
    return Object(int(which), () if count == BOX else tuple(places))


def _numbers(known: frozenset[int]) -> str:
    ordered = sorted(known)
    return f"{ordered[0]} to {ordered[-1]}" if len(ordered) > 1 else f"only {ordered[0]}"


@dataclass(frozen=True)
class YoloMask:
    """The polygons of one photo, drawn at its size when they are asked for.

    Args:
        path: the text; a photo without one shows background only.
        image: the photo.
        labels: 1..C, or 0, or 255 for void, of each class number.
    """

    path: Path
    image: Path
    labels: tuple[tuple[int, int], ...]

    @property
    def key(self) -> Path:
        return self.path

    def read(self) -> NDArray[np.uint8]:
        """(H, W) classes 0..C, 0 background, 255 void; see `draw` for what is on top.

        Raises:
            UserError: `mask-invalid`: lines are wrong, or a box; the photo cannot be decoded.
        """
        from puzzlecam_cli.data.pixels.photo_file import size_of

        label_of = dict(self.labels)
        height, width = size_of(self.image)
        objects, problems = read_objects(self.path, frozenset(label_of)) if self.path.is_file() else ([], [])
        if problems or not all(found.polygon for found in objects):
            problem = problems[0] if problems else f"{self.path} holds boxes"
            raise UserError(
                "mask-invalid",
                problem,
                hint="correct it: masks are drawn of outlines; or start again, if it has changed since it was read",
            )
        drawn = [(label_of[number], polygon) for number, polygon in objects if label_of[number]]
        scale = (width, height)
        in_pixels = [(label, [place * scale[n % 2] for n, place in enumerate(polygon)]) for label, polygon in drawn]
        return draw([(label, run_lengths([polygon], (height, width))) for label, polygon in in_pixels], (height, width))

    def is_grey(self) -> bool:
        """Never: class numbers have names."""
        return False
