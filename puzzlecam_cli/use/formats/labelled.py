"""One photo with its labels: what every format is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


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
