"""One way to read a folder: the settings of a recipe's `data` section, and what they give once they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.discover.parts import Parts
from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.kinds.folder import FolderPhotos
from puzzlecam_cli.data.parts.listed import ListedPhotos
from puzzlecam_cli.data.photos import Photo, Tell, open_photos, silent
from puzzlecam_cli.data.tables.tags import TagTable
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.registry import dataset


@dataclass(frozen=True)
class Candidate:
    """A way to read a folder, not tried yet.

    Args:
        source: where tags are from, as `--tags` names it: a file, `folders` or `annotations`.
        what: the same in words.
        data: settings by name, `kind` among them; paths as they are to be written.
        reasons: of settings, for a person who reads the recipe.
        facts: what a person should know, a sentence each.
        is_guess: whether nothing but names of folders says that it is meant so.
        doubt: why a guess is not made unless it is asked for, a clause after `source`; empty if it may be.
        divisions: ways to divide the photos, the surest first; none where `data` says it.
        is_misfit: whether most of what it names is not here.
        known: photos and table of a `folder` that a run would read just so, as they were read already.
    """

    source: str
    what: str
    data: Mapping[str, Any]
    reasons: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    is_guess: bool = False
    doubt: str = ""
    divisions: tuple[Parts, ...] = ()
    is_misfit: bool = False
    known: tuple[Walk, TagTable] | None = None

    def divided(self, parts: Parts) -> Candidate:
        """The same with another division; `train: null`, which means all others, is only written where it has to be."""
        data = {**self.data, "train": parts.train, "val": parts.val}
        if parts.train is None and "train" not in self.data:
            del data["train"]
        return replace(self, data=data, reasons={**self.reasons, "val": parts.what})

    def without(self, setting: str, fact: str) -> Candidate:
        """The same without a setting, and why."""
        data = {key: value for key, value in self.data.items() if key != setting}
        return replace(self, data=data).noted(fact)

    def noted(self, fact: str) -> Candidate:
        """The same with one fact more."""
        return replace(self, facts=(*self.facts, fact))


def left_out(file: Path, why: str) -> str:
    """The fact that `data.on_error: skip` is set, and what else that does: nobody asked for it."""
    return f"{file.name}: {why}: left out (data.on_error: skip, which leaves out unreadable photos, too)"


@dataclass(frozen=True)
class Unusable:
    """What looked as if tags were from it, and why they cannot be: a clause after its name.

    Args:
        is_meant: whether it is about photos that are here, so that nothing may be guessed in its place.
        is_misfit: whether most of what it names is not here.
        hint: what to do about it.
    """

    source: str
    why: str
    is_meant: bool = True
    is_misfit: bool = False
    hint: str | None = None

    @classmethod
    def because(cls, source: str, error: UserError, *, is_meant: bool = True) -> Unusable:
        """What an error says of a source."""
        why = "; ".join((error.problem.removeprefix(f"{source} "), *error.where[:2]))
        return cls(source, why, is_meant=is_meant, hint=error.hint)


@dataclass(frozen=True)
class Reading:
    """What a candidate gives.

    Args:
        photos: all of them, with their tags.
        train, val: how many there are of each; none of `val` where there is no such part.
        trained: those of `train`; all, where a share of them is to be drawn.
        masks: how many photos have one.
        facts: what a person should know, a sentence each.
    """

    candidate: Candidate
    classes: tuple[str, ...]
    photos: tuple[Photo, ...]
    train: int
    val: int
    trained: tuple[Photo, ...]
    masks: int
    facts: tuple[str, ...]

    def tags(self) -> dict[Path, tuple[str, ...]]:
        """The class names of each photo's file: to compare readings."""
        return {photo.image: tuple(self.classes[tag - 1] for tag in photo.tags) for photo in self.photos}


def read(candidate: Candidate, tell: Tell = silent) -> Reading:
    """Read names, tags and parts as a run would; no photo is opened.

    Args:
        tell: is told of what is read.

    Raises:
        UserError: a run could not use it, or no photo has a tag.
    """
    settings = dataset(candidate.data["kind"]).Settings.model_validate(dict(candidate.data))
    found = open_photos(settings, Path("runs") / "none", seed=0, tell=tell)
    if candidate.known and isinstance(found, FolderPhotos):
        found.know(*candidate.known)
    splits = found.splits
    if isinstance(found, ListedPhotos):
        photos, facts = found.listing.photos, found.listing.facts
    else:
        names = [name for name in dict.fromkeys((splits.train, splits.val)) if name]
        photos = tuple({photo.id: photo for name in names for photo in found.photos(name, tags=True)}.values())
        facts = tuple(fact for name in names for fact in found.facts(name))
    if not any(photo.tags for photo in photos):
        raise UserError("data-untagged", f"none of the {len(photos):,} photos has a tag")
    val = found.count(splits.val)[0] if splits.val else 0
    masks = sum(photo.mask is not None for photo in photos)
    facts = tuple(dict.fromkeys((*candidate.facts, *facts)))
    trained = tuple(found.photos(splits.train, tags=True)) if found.is_settled else photos
    return Reading(candidate, found.classes, photos, found.count(splits.train)[0], val, trained, masks, facts)


def read_divided(candidate: Candidate, tell: Tell) -> Reading:
    """The reading with the first division that can be used; the others it names are those that can, too.

    Args:
        tell: is told of what is read.

    Raises:
        UserError: see `read`.
    """
    if not candidate.divisions:
        return read(candidate, tell)
    *others, last = candidate.divisions
    for parts in others:
        try:
            return read(candidate.divided(parts), tell)
        except UserError as error:
            candidate = candidate.noted(f"photos are not divided by {parts.what}: {error.problem}")
    return read(candidate.divided(last), tell)
