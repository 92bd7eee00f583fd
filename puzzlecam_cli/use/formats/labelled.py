"""One photo with its labels: what every format is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VOID, VOID_NAME = 255, "void"  # pixels of which nothing is known: a label of that name, where a photo has any


@dataclass(frozen=True)
class Labelled:
    """A photo and the label picture that was made of it.

    Args:
        id: unique in its set; may hold `/`. No suffix.
        photo: the photo's file.
        labels: an 8-bit palette PNG of the photo's size: 0 background, 1..C, 255 unknown.
        scores: of each class that is in it (0 is background), the mean probability of its pixels, in [0, 1]; None:
            not known.
    """

    id: str
    photo: Path
    labels: Path
    scores: Mapping[int, float] | None = None

    @property
    def file_name(self) -> str:
        """The photo's path below the folder that ids begin in."""
        return f"{self.id}{self.photo.suffix}"

    def read(self, num_classes: int) -> tuple[NDArray[np.uint8], dict[int, int]]:
        """(H, W) labels, and how many pixels each label has that is in them; 0 comes first, 255 last.

        Raises:
            UserError: `artifact-missing`, `artifact-unreadable`; `labels-strange`: a number above the classes.
        """
        from PIL import Image

        from puzzlecam_cli.data.pixels.mask_file import read_labels

        labels = read_labels(self.labels)
        counts = Image.fromarray(labels).histogram()  # NumPy would make eight bytes of each pixel first
        areas = {label: count for label, count in enumerate(counts) if count}
        if strange := [label for label in areas if num_classes < label < VOID]:
            raise UserError(
                "labels-strange",
                f"{self.labels} holds class {strange[0]}; there are {num_classes} (0 is background, 255 unknown)",
                hint="it was made with another list of classes, or has changed: make it anew",
            )
        return labels, areas


def name_of(label: int, classes: tuple[str, ...]) -> str:
    """The name of 1..C or 255."""
    return VOID_NAME if label == VOID else classes[label - 1]
