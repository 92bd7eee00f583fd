"""The mask of one photo out of the annotations in an instances JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.data.coco.outlines import OutlineError, draw, run_lengths
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

PLACE = struct.Struct("<qqB")  # first byte, number of bytes, label


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
        """(H, W) classes 0..C, 0 background, 255 void: crowds. See `draw` for what is on top.

        Raises:
            UserError: `mask-invalid`: an outline is none, or of another size; `mask-unreadable`: the file has changed.
        """
        return draw(self._objects(), self.size)

    def is_grey(self) -> bool:
        """Never: categories tell what is what."""
        return False

    def _objects(self) -> Iterator[tuple[int, Any]]:
        """Each object's label and run lengths."""
        try:
            with self.path.open("rb") as file:
                for start, length, label in PLACE.iter_unpack(self.places):
                    file.seek(start)
                    annotation = self._annotation(file.read(length), start)
                    try:
                        yield label, run_lengths(annotation.get("segmentation"), self.size)
                    except OutlineError as error:
                        which = quoted(str(annotation.get("id")), 40)
                        raise self._invalid(f"the outline of annotation {which} {error}") from None
        except OSError as error:
            raise UserError("mask-unreadable", f"{self.path} cannot be read ({error.strerror})") from None

    def _annotation(self, data: bytes, start: int) -> dict[str, Any]:
        try:
            annotation = json.loads(data)
        except (ValueError, RecursionError) as error:  # lists of numbers are looked into for the first time
            raise self._invalid(f"the annotation at byte {start} is no JSON: {error}") from None
        if not isinstance(annotation, dict):
            raise UserError("mask-unreadable", f"{self.path} has changed since it was read", hint="start again")
        return annotation

    def _invalid(self, problem: str) -> UserError:
        return UserError("mask-invalid", f"{self.key}: {problem}", hint="correct the annotation, or export it again")


def pack(places: ArrayLike) -> bytes:
    """First byte, number of bytes and label of annotations, (N, 3), as `CocoMask` keeps them: `PLACE` one by one."""
    import numpy as np

    columns = np.asarray(places, dtype=np.int64).reshape(-1, 3).T
    rows = np.empty(columns.shape[1], dtype=[("start", "<i8"), ("size", "<i8"), ("label", "u1")])
    rows["start"], rows["size"], rows["label"] = columns
    return rows.tobytes()
