"""Objects drawn from outlines, polygons or run lengths, through `pycocotools`, which trusts what it is given."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VOID = 255
POINTS = 3  # that a polygon has at least
MOST_PIXELS = 500_000_000  # of a photo
FARTHEST = 1_000_000  # pixels from the corner; pycocotools counts in 32 bits, a fifth of a pixel each
LONGEST = 4_000_000  # pixels along one polygon, of which pycocotools holds five places each


class OutlineError(Exception):
    """What is wrong with an outline, to follow its name."""


def check_package() -> None:
    """Whether outlines can be drawn here.

    Raises:
        UserError: `package-missing`.
    """
    if find_spec("pycocotools") is None:
        raise UserError(
            "package-missing",
            "masks out of polygons and RLE need the package pycocotools",
            hint="python -m pip install 'puzzlecam-cli[coco]'; or score nothing: run the stages before `eval`",
        )


def draw(objects: Iterable[tuple[int, Any]], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) labels, 0 where no object is.

    Void comes first, then objects from the largest to the smallest, as these formats have no order of their own: what
    lies on something else is nearly always smaller. Of two of one area the later one is on top.

    Args:
        objects: label and run lengths (see `run_lengths`) of each, None for one without an area.
        size: (H, W).
    """
    import numpy as np
    from pycocotools import mask as coco

    seen = [(label, runs) for label, runs in objects if runs is not None]
    areas = [math.inf if label == VOID else float(coco.area(runs)) for label, runs in seen]
    labels = np.zeros(size, dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2, about how pycocotools 2.0 makes arrays
        for number in sorted(range(len(seen)), key=lambda number: -areas[number]):
            label, runs = seen[number]
            labels[coco.decode(runs).astype(bool)] = label
    return labels


def run_lengths(outline: Any, size: tuple[int, int]) -> Any:
    """An outline as `pycocotools` has it; None for one without an area.

    Args:
        outline: a list of polygons x, y, x, y, ..., in pixels, or RLE: `{"counts": ..., "size": [H, W]}`.
        size: (H, W) of the photo.

    Raises:
        OutlineError: it is none of them, or leads far out of the photo.
    """
    from pycocotools import mask as coco

    height, width = size
    if height * width > MOST_PIXELS:
        raise OutlineError(f"is in a photo of {width}×{height} pixels: more than {MOST_PIXELS:,}")
    if isinstance(outline, dict):
        return coco.frPyObjects({"size": [height, width], "counts": _counts(outline, size)}, height, width)
    if not isinstance(outline, list):
        raise OutlineError("is neither polygons nor RLE")
    polygons = [polygon for part in outline if (polygon := _polygon(part)) is not None]
    return coco.merge(coco.frPyObjects(polygons, height, width)) if polygons else None


def is_rectangle(polygon: Any) -> bool:
    """Whether a polygon is an upright rectangle: what exporters make of a box."""
    if not isinstance(polygon, list) or len(polygon) not in (8, 10):
        return False
    if not all(isinstance(number, int | float) for number in polygon):
        return False
    return len({*polygon[::2]}) == 2 == len({*polygon[1::2]})


def _polygon(part: Any) -> list[float] | None:
    """x, y, x, y, ... of one polygon; None where it has too few points for an area."""
    if not isinstance(part, list) or not all(type(number) in (int, float) for number in part):
        raise OutlineError("is no list of lists of numbers x, y, x, y, ...")
    if len(part) % 2:
        raise OutlineError(f"has a polygon of {len(part)} numbers, an x without its y")
    if len(part) < 2 * POINTS:
        return None
    if any(not -FARTHEST <= number <= FARTHEST for number in part):  # nor is NaN
        raise OutlineError("leads far out of the photo")
    if sum(abs(there - here) for here, there in zip(part, part[2:] + part[:2], strict=True)) > LONGEST:
        raise OutlineError("is too long: it goes to and fro")
    return part


def _counts(outline: dict[str, Any], size: tuple[int, int]) -> list[int]:
    """Lengths of background and object in turn, down the columns; they cover the photo.

    That is not left to `pycocotools`: where they are too few, it gives what lies in memory.
    """
    counts, told = outline.get("counts"), outline.get("size")
    if isinstance(counts, str):
        counts = _decompressed(counts)
    if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
        raise OutlineError("has no run lengths that could be read")
    if told is not None and told != [*size]:
        said = "×".join(str(side)[:20] for side in told[1::-1]) if isinstance(told, list) else "?"
        raise OutlineError(f"is of {said} pixels, the photo of {size[1]}×{size[0]}")
    if sum(counts) != size[0] * size[1]:
        raise OutlineError(f"covers {sum(counts)} pixels of {size[0] * size[1]}")
    return counts


def _decompressed(text: str) -> list[int]:
    """Run lengths out of COCO's compressed form.

    Five bits a character, the sixth says that more follow; from the third on, differences to the last but one.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise OutlineError("has run lengths with a strange character")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise OutlineError("has run lengths that are cut off")
    return counts
