"""The mask of one photo out of the outlines in an instances JSON, through `pycocotools`."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VOID = 255
MOST_PIXELS = 500_000_000  # of a photo
FARTHEST = 1_000_000  # pixels from the corner; pycocotools counts in 32 bits, a fifth of a pixel each
LONGEST = 4_000_000  # pixels along one outline, of which it holds five places each
_PLACE = struct.Struct("<qqB")  # first byte, number of bytes, label


@dataclass(frozen=True, slots=True)
class CocoMask:
    """The objects of one image, drawn when they are asked for. Small, as there are 100,000 and they travel.

    Args:
        path: the JSON document.
        image: the image's id there.
        size: (H, W) of the image, as the document tells.
        places: where each object's annotation lies and what it is drawn with; see `pack`.
    """

    path: Path
    image: int | str
    size: tuple[int, int]
    places: bytes = b""

    @property
    def key(self) -> Path:
        return Path(f"{self.path}#{self.image}")

    def read(self) -> NDArray[np.uint8]:
        """(H, W) classes 0..C, 0 background, 255 void.

        Void comes first, then objects from the largest to the smallest, as COCO has no order of its own: what lies on
        something else is nearly always smaller. Of two of the same area the later one in the file is on top.

        Raises:
            UserError: `mask-invalid`: an outline is none, or of another size; `mask-unreadable`: the file has changed.
        """
        import numpy as np
        from pycocotools import mask as coco

        height, width = self.size
        if height * width > MOST_PIXELS:
            raise self._refused(f"{height}×{width} pixels are more than {MOST_PIXELS:,}")
        objects = [(label, run_lengths) for label, run_lengths in self._objects() if run_lengths is not None]
        areas = [float("inf") if label == VOID else float(coco.area(runs)) for label, runs in objects]
        labels = np.zeros(self.size, dtype=np.uint8)
        for number in sorted(range(len(objects)), key=lambda number: -areas[number]):
            label, runs = objects[number]
            labels[coco.decode(runs).astype(bool)] = label
        return labels

    def is_grey(self) -> bool:
        """Never: categories tell what is what."""
        return False

    def _objects(self) -> Iterator[tuple[int, Any]]:
        """Each object's label and its run lengths as `pycocotools` has them; None for one without an area."""
        try:
            with self.path.open("rb") as file:
                for start, size, label in _PLACE.iter_unpack(self.places):
                    file.seek(start)
                    annotation = self._annotation(file.read(size), start)
                    yield label, self._run_lengths(annotation.get("segmentation"), annotation.get("id"))
        except OSError as error:
            raise UserError("mask-unreadable", f"{self.path} cannot be read ({error.strerror})") from None

    def _annotation(self, data: bytes, start: int) -> dict[str, Any]:
        try:
            annotation = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._refused(f"no annotation that can be read lies at byte {start}: {error}") from None
        if not isinstance(annotation, dict):
            raise UserError("mask-unreadable", f"{self.path} has changed since it was read", hint="start again")
        return annotation

    def _run_lengths(self, outline: Any, annotation: Any) -> Any:
        from pycocotools import mask as coco

        height, width = self.size
        try:
            if isinstance(outline, dict):
                return coco.frPyObjects({"size": [height, width], "counts": self._counts(outline)}, height, width)
            polygons = [polygon for part in _parts(outline) if (polygon := _polygon(part)) is not None]
            return coco.merge(coco.frPyObjects(polygons, height, width)) if polygons else None
        except _NoOutlineError as error:
            raise self._refused(f"the outline of annotation {quoted(str(annotation), 40)} {error}") from None

    def _counts(self, outline: dict[str, Any]) -> list[int]:
        """Lengths of background and object in turn, down the columns. They are checked: `pycocotools` reads on."""
        height, width = self.size
        counts = outline.get("counts")
        if isinstance(counts, str):
            counts = _decompressed(counts)
        if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
            raise _NoOutlineError("has no run lengths that could be read")
        if outline.get("size", [height, width]) != [height, width]:
            size = "×".join(str(side)[:20] for side in outline["size"]) if isinstance(outline["size"], list) else "?"
            raise _NoOutlineError(f"is of {size} pixels, the image of {height}×{width}")
        if sum(counts) != height * width:
            raise _NoOutlineError(f"tells of {sum(counts)} pixels of {height * width}")
        return counts

    def _refused(self, problem: str) -> UserError:
        return UserError("mask-invalid", f"{self.key}: {problem}", hint="correct the annotation, or export it again")


class _NoOutlineError(Exception):
    """What is wrong with an outline, to follow its name."""


def pack(places: Iterable[tuple[int, int, int]]) -> bytes:
    """(first byte, number of bytes, label) of annotations as `CocoMask` keeps them."""
    return b"".join(_PLACE.pack(*place) for place in places)


def check_package() -> None:
    """Whether masks can be drawn here.

    Raises:
        UserError: `package-missing`.
    """
    if find_spec("pycocotools") is None:
        raise UserError(
            "package-missing",
            "masks out of polygons and RLE need the package pycocotools",
            hint="python -m pip install 'puzzlecam-cli[coco]'; or score nothing: run the stages before `eval`",
        )


def _parts(outline: Any) -> Sequence[Any]:
    if not isinstance(outline, list):
        raise _NoOutlineError("is neither polygons nor RLE")
    return outline


def _polygon(part: Any) -> list[float] | None:
    """x, y, x, y, ... of one polygon; None where it has too few points for an area."""
    import math

    if not isinstance(part, list) or not all(type(number) in (int, float) for number in part):
        raise _NoOutlineError("is no list of lists of numbers x, y, x, y, ...")
    if len(part) % 2:
        raise _NoOutlineError(f"has a polygon of {len(part)} numbers, an x without its y")
    if len(part) < 6:
        return None
    if any(not math.isfinite(number) or abs(number) > FARTHEST for number in part):
        raise _NoOutlineError("leads far out of the image")
    ends = zip(part, part[2:] + part[:2], strict=True)
    if sum(abs(there - here) for here, there in ends) > LONGEST:
        raise _NoOutlineError("is too long: it goes to and fro")
    return part


def _decompressed(text: str) -> list[int]:
    """Run lengths out of COCO's compressed form: 5 bits a character, differences to the last but one from the third.

    `pycocotools` reads past the end of a text that is cut.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise _NoOutlineError("has run lengths with a strange character")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise _NoOutlineError("has run lengths that are cut off")
    return counts
