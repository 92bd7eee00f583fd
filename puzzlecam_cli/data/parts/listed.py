"""Data sets that are a list of photos with tags, of which each belongs to `train`, to `val` or to none of them."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.parts.dividing import Division, divide
from puzzlecam_cli.data.parts.listed_settings import ListedData
from puzzlecam_cli.data.parts.split_files import Divided, Source, SplitFiles, ids_in
from puzzlecam_cli.data.photos import Look, Photo, PhotoSet, Splits, Tick
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import is_folder
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.text import are, quoted, several

Parts = dict[str, tuple[str, ...]]  # ids of `train` and `val`, sorted


@dataclass(frozen=True)
class Listing:
    """All photos of a data set, whatever part they belong to.

    Args:
        photos: sorted by id, with their tags and masks.
        classes: names of the classes 1..C that tags are numbers of.
        facts: what a person should know about how they were read, a sentence each.
        missing: what is named and not there, by the name it has there: the reason. Only where it is left out.
    """

    photos: tuple[Photo, ...]
    classes: tuple[str, ...]
    facts: tuple[str, ...] = field(default=())
    missing: Mapping[str, str] = field(default_factory=dict)


class ListedPhotos(PhotoSet):
    """Subclasses say what there is (`listing`) and what a part that is no share means (`part`).

    A share of `val` is taken out of the photos that `train` names, all where it names none; and the other way round.
    """

    Settings: ClassVar[type[DataSettings]] = ListedData
    settings: ListedData
    _is_past = False  # see `look_past`

    @cached_property
    @abstractmethod
    def listing(self) -> Listing:
        """All photos; read once."""

    @abstractmethod
    def part(self, name: str, value: str) -> Iterable[str]:
        """The ids of a part (`train` or `val`) that is named by a list, a column or another file.

        Among them are names of what is not there, where it is left out.

        Raises:
            UserError: it names no photos, or some that are not there.
        """

    @property
    def root(self) -> Path:
        return self.settings.root

    @property
    def passes_over(self) -> bool:
        """Whether what is named and not there is left out."""
        return self._is_past or self.settings.skips

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
        """What `settle` found for `division`, or a folder of lists says; None: it has still to look."""
        if (folder := self.settings.splits) and self.division is not None:
            return {part: ids_in(folder / f"{part}.txt", self._by_id) for part in self.division.parts}
        return dict(self._known.parts) if self._known else None

    @cached_property
    def _known(self) -> Divided | None:
        """The division of these photos, tags, shares and seed, if the run folder has it."""
        assert self.division is not None
        of_these = [known for known in self._settled if known.source == self._source]
        return next((known for known in of_these if known.parts.keys() == self.division.parts), None)

    @cached_property
    def _settled(self) -> tuple[Divided, ...]:
        """What the run folder says, whatever it follows from."""
        return self._split_files.read()

    @property
    def _split_files(self) -> SplitFiles:
        return SplitFiles(self.run / "splits")

    @cached_property
    def _source(self) -> Source:
        """What a division follows from."""
        assert self.division is not None
        return Source.of(self.division, self.classes, self._stat)

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
        others = tuple(self._by_id[i] for i in named.get("val", ()))
        return Division(tuple(self._by_id[i] for i in sorted(pool)), shares, rest, self.seed, others)

    @property
    def is_settled(self) -> bool:
        return self.parts is not None

    def settle(self, tick: Tick, look: Look) -> list[str]:
        division = self.division
        if division is None or self.is_settled:
            return []
        before = self._settled
        parts, facts = divide(division, look, tick)
        self._split_files.write(Divided(self._source, parts, tuple(facts)))
        for known in ("parts", "_settled", "_known"):
            self.__dict__.pop(known, None)
        return [before[0].why_again(self._source, parts)] if before else []

    def restore(self) -> None:
        """See `PhotoSet`: the lists, where those of another division are there, or one was lost."""
        if self.division is not None and self.settings.splits is None and self._known is not None:
            self._split_files.write(self._known)

    @cached_property
    def _said(self) -> Parts:
        """The parts that are no shares and not what the others leave, with what is not there."""
        wanted = {"train": self.settings.train, "val": self.settings.val}
        return {
            name: tuple(sorted(set(self.part(name, value)))) for name, value in wanted.items() if isinstance(value, str)
        }

    @cached_property
    def _named(self) -> Parts:
        """The same without."""
        named = {name: tuple(i for i in ids if i in self._by_id) for name, ids in self._said.items()}
        for name in (name for name, ids in named.items() if not ids):
            value = quoted(str(getattr(self.settings, name)))
            raise UserError("data-missing", f"data.{name}: {value} names no photo of {self.root}")
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

    def look_past(self, ids: Collection[str]) -> bool:
        """See `PhotoSet`: what is not there is left out, as `data.on_error: skip` does, but not counted."""
        if self.passes_over:
            return False
        kept = {name: value for name, value in vars(self).items() if name in ("settings", "run", "seed", "tell")}
        self.__dict__ = kept | {"_is_past": True}  # what was read is forgotten
        return True

    def left_out(self, split: str) -> dict[str, str]:
        """See `PhotoSet`. What no part names would be trained on."""
        return self._gone[split] if self.settings.skips else {}

    @cached_property
    def _gone(self) -> dict[str, dict[str, str]]:
        missing = self.listing.missing
        said = {part: [name for name in ids if name not in self._by_id] for part, ids in self._said.items()}
        others = missing.keys() - {name for names in said.values() for name in names}
        gone = {"train": [*said.get("train", ()), *(n for n in missing if n in others)], "val": said.get("val", [])}
        return {part: {name: missing.get(name, "is not there") for name in names} for part, names in gone.items()}

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
        return self.fingerprint_without(split, (), tags=tags, masks=masks)

    def fingerprint_without(self, split: str, ids: Iterable[str], *, tags: bool = False, masks: bool = False) -> str:
        gone = {*ids}
        if self.parts is not None:
            photos, about = tuple(photo for photo in self.photos(split) if photo.id not in gone), ""
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
            if len(self._stats) % 5000 == 0:
                self.tell(f"looking at sizes and times of files: {len(self._stats):,} so far")
            self._stats[name] = stat_of(name)
        return self._stats[name]

    @cached_property
    def _stats(self) -> dict[str, str]:
        return {}

    def facts(self, split: str) -> list[str]:
        used = {image_id for ids in (self.parts or {}).values() for image_id in ids}
        unused = [quoted(image_id) for image_id in self._by_id if image_id not in used] if used else []
        count = several(len(self._by_id), "photo")
        some = f"{len(unused)} of {count} {are(len(unused))} neither in `train` nor in `val`"
        is_shared = self.division is not None and self.settings.splits is None
        divided = self._known.facts if is_shared and self._known else ()
        return [*self.listing.facts, *divided, *([f"{some}: {', '.join(shorten(unused, 3))}"] if unused else [])]

    def pinned(self) -> DataSettings:
        """See `PhotoSet`: the settings themselves where lists, columns or files name every part."""
        if self.division is None or self.settings.splits is not None:
            return self.settings
        return self.settings.model_copy(update={"splits": self.run / "splits"})
