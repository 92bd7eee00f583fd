"""What a data set is: named splits of photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Photo:
    """One photo. `tags` are class indices 1..C, sorted; `mask` is for scoring only."""

    id: str
    image: Path
    tags: tuple[int, ...] = ()
    mask: Path | None = None


class PhotoSet(Protocol):
    """A data set on disk. Nothing is decoded here; all problems of a list are reported at once as a UserError."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the object classes 1..C."""

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        """The photos of a split in the order of its list; `tags` reads their tags as well."""

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        """A hash of names, sizes and times of the split's files: it changes when the photos do."""
