"""Data sets that are a list of photos with tags, of which each belongs to `train` or to `val`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits, Tick
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.section import Location, default

Part = str | float | None


class ListedData(DataSettings):
    """What these kinds have: a folder and the way its photos are divided."""

    root: Location
    train: Part = default(None, "Photos trained on: a list, a column, a share; null: all that are not in `val` [ours].")
    val: Part = default(None, "Photos predicted at the end: a list, a column, a share; null: none [ours].")
    classes: Location | None = default(None, "One class name a line; null: those of the tags [ours].")
    unlisted: str = default("refuse", "Tags that are not in `classes`: refuse or ignore [ours].")


@dataclass(frozen=True)
class Listing:
    """All photos of a data set, whatever part they belong to.

    Args:
        photos: sorted by id, with their tags and masks.
        classes: names of the classes 1..C that tags are numbers of.
        facts: what a person should know about how they were read, a sentence each.
    """

    photos: tuple[Photo, ...]
    classes: tuple[str, ...]
    facts: tuple[str, ...] = field(default=())


class ListedPhotos(PhotoSet):
    """Subclasses say what there is (`listing`) and what a part that is no share means (`part`)."""

    Settings = ListedData
    settings: ListedData

    @cached_property
    @abstractmethod
    def listing(self) -> Listing:
        """All photos; read once."""

    @abstractmethod
    def part(self, name: str, value: str) -> list[str]:
        """The ids of a part (`train` or `val`) that is named by a list, a column or another file."""

    @property
    def splits(self) -> Splits:
        raise NotImplementedError

    def settle(self, tick: Tick) -> None:
        raise NotImplementedError
