"""What is found by looking at the data, and what there is to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from puzzlecam_cli.data.photos import Photo, Tick
from puzzlecam_cli.data.pixels.look import Seen
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.text import several as several

Weight = Literal["stops", "harms", "note"]
WEIGHTS: tuple[Weight, ...] = ("stops", "harms", "note")
SHOWN = 5  # class names in a sentence


@dataclass(frozen=True)
class Finding:
    """Something about the data that a person should know.

    Args:
        finding: kebab-case name of the kind of finding; of what a run refuses, the reference of its error.
        weight: `stops`: training would be refused or make no sense; `harms`: results are worse; or a `note`.
        said: the finding in a sentence.
        ids: of all photos that it is about.
        where: details for a person, one a line; may be shortened.
        hint: what to do about it.
        classes: names of all classes that it is about.
    """

    finding: str
    weight: Weight
    said: str
    ids: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    hint: str = ""
    classes: tuple[str, ...] = ()

    @classmethod
    def of_error(cls, error: UserError, weight: Weight = "stops") -> Finding:
        return cls(error.reference, weight, error.problem, error.ids, error.where, error.hint or "")


@dataclass(frozen=True)
class Tagged:
    """The photos of each part that could be listed.

    Args:
        photos: of `train`, `val` and, where it is another split, `score`; with tags, where they could be read.
        names: of the splits of these parts.
        classes: names of the classes 1..C.
        known: parts whose tags could be read.
    """

    photos: dict[str, list[Photo]]
    names: dict[str, str]
    classes: tuple[str, ...]
    known: frozenset[str]

    @property
    def train(self) -> list[Photo]:
        return self.photos.get("train", [])

    def shown_by(self, part: str) -> dict[int, list[str]]:
        """The ids of the photos of a part by each tag that occurs, classes in order."""
        found: dict[int, list[str]] = {}
        for photo in self.photos[part] if part in self.known and part in self.photos else ():
            for tag in photo.tags:
                found.setdefault(tag, []).append(photo.id)
        return dict(sorted(found.items()))

    def name(self, *tags: int) -> tuple[str, ...]:
        return tuple(self.classes[tag - 1] for tag in tags)

    def tags_of(self, photo: Photo) -> str:
        return ", ".join(self.name(*photo.tags)) or "no tag"


@dataclass(frozen=True)
class Looked(Tagged):
    """The same after every photo and mask was decoded.

    Args:
        checked: what the checks before a run are given.
        problems: what kept splits from being listed, or photos of them; those photos are not in `photos`.
        unread: why the tags of `val` or `score` are not known.
        seen: of every photo, and of every mask to be scored.
        compare: is told of photos that are compared with each other.
    """

    checked: Checked
    problems: tuple[UserError, ...] = ()
    unread: tuple[UserError, ...] = ()
    seen: dict[Path, Seen] = field(default_factory=dict)
    compare: Tick | None = None

    def pictures(self) -> Iterator[tuple[str, Photo, Seen]]:
        """Every photo that could be decoded, once, and the part it belongs to."""
        told: set[Path] = set()
        for part, photos in self.photos.items():
            for photo in photos:
                seen = self.seen[photo.image]
                if seen.size and photo.image not in told:
                    told.add(photo.image)
                    yield part, photo, seen

    def masks(self) -> Iterator[tuple[str, Photo, set[int]]]:
        """Every photo with a mask that could be read, once, its part, and the classes the mask shows."""
        told: set[Path] = set()
        for part, photos in self.photos.items():
            for photo in photos:
                seen = self.seen.get(photo.mask.key) if photo.mask else None
                if photo.mask and seen and not seen.problem and photo.mask.key not in told:
                    told.add(photo.mask.key)
                    yield part, photo, set(seen.classes) - {0, 255}


def by(size: tuple[int, int] | None) -> str:
    """Width and height of (H, W) pixels, as people say it."""
    return f"{size[1]}×{size[0]}" if size else "?"


def some(names: Iterable[str], shown: int = SHOWN) -> str:
    """The first few names in a sentence, and how many more there are."""
    listed = [f"`{name}`" for name in names]
    rest = len(listed) - shown
    return ", ".join(listed[:shown]) + (f" and {rest} more" if rest > 0 else "")
