"""Data sets that are a list of photos with tags, of which each belongs to `train`, to `val` or to none of them."""

from __future__ import annotations

import hashlib
import os
import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits, Tick
from puzzlecam_cli.data.resolver import stat_of
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.section import Location, default
from puzzlecam_cli.text import quoted

Parts = dict[str, tuple[str, ...]]  # ids of `train` and `val`, sorted
_SHARE = re.compile(r"([+-]?\d+(?:\.\d*)?|\.\d+)\s*(%?)")


def _part(value: Any) -> Any:
    """A share as a number below 1, however it is written: 0.2, `0.2`, 20%."""
    if isinstance(value, str) and (share := _SHARE.fullmatch(value.strip())):
        value = float(share[1]) / (100 if share[2] else 1)
    if isinstance(value, bool) or (isinstance(value, int | float) and not 0 < value < 1):
        raise ValueError("must be a share between 0 and 1, such as 0.2; a list or a column; or null")
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


Part = Annotated[str | float | None, BeforeValidator(_part)]


class ListedData(DataSettings):
    """What these kinds have: a folder and the way its photos are divided."""

    root: Location
    train: Part = default(None, "Photos trained on: a list, a column, a share; null: all that are not in `val` [ours].")
    val: Part = default(None, "Photos predicted at the end: a list, a column, a share; null: none [ours].")
    classes: Location | None = default(None, "One class name a line; null: those of the tags [ours].")
    unlisted: Literal["refuse", "ignore"] = default(
        "refuse", "Tags that are not in `classes`: refuse or ignore [ours]."
    )

    @model_validator(mode="after")
    def _no_more_than_all(self) -> ListedData:
        if isinstance(self.train, float) and isinstance(self.val, float) and self.train + self.val > 1 + 1e-9:
            raise ValueError(f"`train` and `val` are {self.train:g} and {self.val:g}: more than all photos")
        return self


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


@dataclass(frozen=True)
class Division:
    """What is to be divided by shares.

    Args:
        photos: sorted by id, with tags.
        shares: of all of `photos`, of `train` and `val`; what is left over goes to `rest`.
        rest: the part that takes it; None: no part does.
        seed: the recipe's.
    """

    photos: tuple[Photo, ...]
    shares: Mapping[str, float]
    rest: str | None
    seed: int


class ListedPhotos(PhotoSet):
    """Subclasses say what there is (`listing`) and what a part that is no share means (`part`).

    A share of `val` is taken out of the photos that `train` names, all where it names none; and the other way round.
    """

    Settings: ClassVar[type[DataSettings]] = ListedData
    settings: ListedData

    @cached_property
    @abstractmethod
    def listing(self) -> Listing:
        """All photos; read once."""

    @abstractmethod
    def part(self, name: str, value: str) -> Iterable[str]:
        """The ids of a part (`train` or `val`) that is named by a list, a column or another file.

        Raises:
            UserError: it names no photos, or some that are not there.
        """

    @property
    def root(self) -> Path:
        return self.settings.root

    def place(self, written: str | Path) -> Path | None:
        """The file that a setting names: as it stands, else below `root`; None if there is none."""
        path = Path(os.path.expanduser(written))  # noqa: PTH111 -- Path's own fails where there is no such home
        places = (path, self.root / path)
        return next((place for place in places if os.path.lexists(place) and not is_folder(place)), None)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.listing.classes

    @property
    def splits(self) -> Splits:
        return Splits("train", None if self.settings.val is None else "val", "train")

    @property
    def scores_some(self) -> bool:
        return True

    @cached_property
    def parts(self) -> Parts | None:
        """The ids of `train` and `val`; None: that follows from shares and is not settled yet."""
        if self.division is None:
            return self._named | self._rest
        divided = self.divided
        return None if divided is None else self._named | divided

    @property
    def divided(self) -> Parts | None:
        """What `settle` found for `division`; None: it has still to look."""
        return None

    @cached_property
    def division(self) -> Division | None:
        """What is to be divided by shares; None where every part is named."""
        wanted = {"train": self.settings.train, "val": self.settings.val}
        shares = {name: value for name, value in wanted.items() if isinstance(value, float)}
        if not shares:
            return None
        named = self._named
        pool: Iterable[str] = self._by_id
        rest: str | None = None
        if "train" in named:  # `val` is a share of it
            pool, rest = named["train"], "train"
        elif "val" in named:
            pool = self._by_id.keys() - set(named["val"])
        elif self.settings.train is None:
            rest = "train"
        return Division(tuple(self._by_id[i] for i in sorted(pool)), shares, rest, self.seed)

    @property
    def is_settled(self) -> bool:
        return self.parts is not None

    def settle(self, tick: Tick) -> None:
        raise NotImplementedError

    @cached_property
    def _named(self) -> Parts:
        """The parts that are no shares and not what the others leave."""
        named = {}
        for name, value in (("train", self.settings.train), ("val", self.settings.val)):
            if isinstance(value, str):
                ids = sorted(set(self.part(name, value)))
                if not ids:
                    raise UserError("data-missing", f"data.{name}: {quoted(value)} names no photo of {self.root}")
                named[name] = tuple(ids)
        return named

    @property
    def _rest(self) -> Parts:
        """`train` where it is null: all that are not in `val`."""
        if self.settings.train is not None:
            return {}
        ids = tuple(sorted(self._by_id.keys() - set(self._named.get("val", ()))))
        if not ids:
            raise UserError(
                "data-missing",
                f"no photo of {self.root} is left for `train`: all {len(self._by_id)} are in `val`",
                hint="data.train: null means all photos that are not in data.val",
            )
        return {"train": ids}

    def unnamed(self) -> list[str]:
        """See `PhotoSet`: photos that no part takes."""
        taken = {image_id for ids in (self.parts or {}).values() for image_id in ids}
        return [image_id for image_id in self._by_id if image_id not in taken] if self.parts else []

    @cached_property
    def _by_id(self) -> dict[str, Photo]:
        return {photo.id: photo for photo in self.listing.photos}

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        """See `PhotoSet`. Tags are there in any case, as they are what photos are listed by."""
        if self.parts is None:
            raise UserError("not-settled", f"it is not known yet which photos belong to `{split}`")
        return [self._by_id[image_id] for image_id in self.parts[split]]

    def known_tags(self, split: str) -> dict[str, tuple[int, ...]]:
        return {photo.id: photo.tags for photo in self.photos(split)} if self.parts else {}

    def count(self, split: str) -> tuple[int, int]:
        """See `PhotoSet`; as many as are to be expected where it is not settled yet."""
        if self.parts is not None:
            return super().count(split)
        listed, share = self._expected(split)
        masks = sum(photo.mask is not None for photo in listed)
        return round(share * len(listed)), round(share * masks)

    def _expected(self, split: str) -> tuple[tuple[Photo, ...], float]:
        """The photos that a split is taken from, and its share of them."""
        division = self.division
        if division is None or (split in self._named and split not in (*division.shares, division.rest)):
            return tuple(self._by_id[i] for i in self._named[split]), 1.0
        return division.photos, division.shares.get(split, 1 - sum(division.shares.values()))

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        """See `PhotoSet`. With `tags`, their values count, not the files they come from; with `masks`, the masks do."""
        if self.parts is not None:
            photos, about = tuple(self.photos(split)), ""
        else:  # which photos is not known, but all that it follows from is
            photos, share = self._expected(split)
            about = f"{share} of them, seed {self.seed}"
            tags = True
        digest = hashlib.sha256("\n".join((*self.classes, about)).encode())
        for photo in photos:
            digest.update(f"\n{photo.id} {self._stat(photo.image)}".encode())
            if tags:
                digest.update(f" {photo.tags}".encode())
            if masks:
                digest.update(f" {self._stat(photo.mask.path) if photo.mask else '-'}".encode())
        if masks:
            digest.update(self.mask_meaning.encode())
        return digest.hexdigest()[:16]

    def _stat(self, file: Path) -> str:
        """Size and time of a file, looked up once: folders on a network take their time."""
        name = str(file)
        if name not in self._stats:
            self._stats[name] = stat_of(name)
        return self._stats[name]

    @cached_property
    def _stats(self) -> dict[str, str]:
        return {}

    def facts(self, split: str) -> list[str]:
        used = {image_id for ids in (self.parts or {}).values() for image_id in ids}
        unused = [quoted(image_id) for image_id in self._by_id if image_id not in used] if used else []
        some = f"{len(unused)} of {len(self._by_id)} photos are neither in `train` nor in `val`"
        return [*self.listing.facts, *([f"{some}: {', '.join(shorten(unused, 3))}"] if unused else [])]

    def pinned(self) -> DataSettings:
        """See `PhotoSet`: the settings themselves where lists, columns or files name every part."""
        return self.settings


def is_folder(path: Path) -> bool:
    """Whether there is a folder; of a name longer than names can be, there is none."""
    return os.path.isdir(path)  # noqa: PTH112 -- Path's own fails there
