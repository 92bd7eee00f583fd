"""Photos that cannot be read are left out of a data set, whatever its kind: `data.on_error: skip`.

Decoding alone tells which those are. They are found once, in the main process before the first stage, and kept in the
run folder: each with its file's size and time, so that all that read it later leave out the same, and a file that was
mended is known not to be the one that was refused.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.photos import Photo, PhotoSet
from puzzlecam_cli.data.pixels.look import look_at, state_of
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import as_json, write_text
from puzzlecam_cli.plain_file import read_file
from puzzlecam_cli.text import are, quoted, several

LARGEST = 1 << 28  # bytes of the list
SCHEMA = 1
DECODERS = ("pillow_heif",)  # packages with which more can be decoded


@dataclass(frozen=True)
class Refused:
    """A photo, or a photo's mask, that is left out.

    Args:
        split: that names it.
        id: the photo's.
        file: its path; None where there is none.
        reason: why it is left out, in words.
        state: of the file when it was refused by decoding; None where the kind of data left it out.
    """

    split: str
    id: str
    file: str | None
    reason: str
    state: str | None = None

    def __post_init__(self) -> None:
        texts = (self.split, self.id, self.reason, self.file or "", self.state or "")
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("an entry holds what is no text")


Found = Mapping[str, Sequence[Refused]]  # by split


@dataclass(frozen=True)
class LeftOut:
    """All that is left out, of all splits that were looked at: what `left_out.json` holds."""

    photos: tuple[Refused, ...] = ()
    masks: tuple[Refused, ...] = ()

    @classmethod
    def read(cls, path: Path) -> LeftOut:
        """Of a run folder; nothing where there is no such file.

        Raises:
            UserError: the file is damaged, or not ours.
        """
        if not os.path.lexists(path):
            return cls()
        try:
            content = json.loads(read_file(path, limit=LARGEST))
            if content["schema"] != SCHEMA:
                raise ValueError("it is of another version")
            photos, masks = (tuple(Refused(**entry) for entry in content[key]) for key in ("photos", "masks"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UserError(
                "run-unreadable",
                f"{path} is damaged, or was not written by puzzlecam",
                hint="move it away: the photos are looked at again",
            ) from None
        return cls(photos, masks)

    def write(self, path: Path) -> None:
        """Nothing is written where nothing is left out, and was."""
        if self.photos or self.masks or os.path.lexists(path):
            content = {"schema": SCHEMA, **{key: list(map(asdict, getattr(self, key))) for key in ("photos", "masks")}}
            write_text(path, as_json(content, indent=1) + "\n")


class Skipping:
    """A data set without its photos that cannot be read. All else is as in the whole.

    Args:
        whole: with all photos whose files are there.
        record: the run's list of what is left out.
    """

    def __init__(self, whole: PhotoSet, record: Path):
        self.whole = whole
        self.record = record

    def __getattr__(self, name: str) -> Any:
        if name in ("whole", "record"):  # a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self.whole, name)

    @cached_property
    def listed(self) -> LeftOut:
        return LeftOut.read(self.record)

    @cached_property
    def _found(self) -> dict[tuple[str, str], dict[str, str]]:
        return {}

    def _unreadable(self, what: str, split: str) -> dict[str, str]:
        """The reason by id, for photos or masks that were refused and are the same files still."""
        entries = {(entry.id, entry.state): entry.reason for entry in getattr(self.listed, what) if entry.state}
        if not entries or not self.whole.is_settled:
            return {}
        if (what, split) not in self._found:
            ids = {image_id for image_id, _ in entries}
            files = {photo.id: _file(photo, what) for photo in self.whole.photos(split) if photo.id in ids}
            reasons = {i: entries.get((i, state(file))) for i, file in files.items() if file is not None}
            self._found[what, split] = {image_id: reason for image_id, reason in reasons.items() if reason}
        return self._found[what, split]

    def left_out(self, split: str) -> dict[str, str]:
        return self.whole.left_out(split) | self._unreadable("photos", split)

    def masks_left_out(self, split: str) -> dict[str, str]:
        gone = self._unreadable("photos", split)
        found = self.whole.masks_left_out(split) | self._unreadable("masks", split)
        return {image_id: reason for image_id, reason in found.items() if image_id not in gone}

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        photos = self.whole.photos(split, tags=tags)
        gone, without = self._unreadable("photos", split), self._unreadable("masks", split)
        if not gone and not without:
            return photos
        return [replace(p, mask=None) if p.id in without else p for p in photos if p.id not in gone]

    def count(self, split: str) -> tuple[int, int]:
        if not self._unreadable("photos", split) and not self._unreadable("masks", split):
            return self.whole.count(split)  # also where no split can be listed yet
        photos = self.photos(split)
        return len(photos), sum(photo.mask is not None for photo in photos)

    def known_tags(self, split: str) -> dict[str, tuple[int, ...]]:
        gone = self._unreadable("photos", split)
        return {image_id: tags for image_id, tags in self.whole.known_tags(split).items() if image_id not in gone}

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        if gone := self._unreadable("photos", split):
            value = self.whole.fingerprint_without(split, gone, tags=tags, masks=masks)
        else:
            value = self.whole.fingerprint(split, tags=tags, masks=masks)
        without = self._unreadable("masks", split) if masks else {}
        return hashlib.sha256("\n".join([value, *sorted(without)]).encode()).hexdigest()[:16] if without else value

    def facts(self, split: str) -> list[str]:
        gone, without = self.left_out(split), self.masks_left_out(split)
        total = len(self.photos(split)) + len(gone)
        facts = [*self.whole.facts(split)]
        if gone:
            what = f"{len(gone)} of {several(total, 'photo')} of `{split}` {are(len(gone))} left out"
            facts.append(f"{what}, {why_gone(gone.values())}: {self._some(gone)}")
        if without:
            what = f"{several(len(without), 'photo')} of `{split}` without a score, as the mask is"
            facts.append(f"{what} {why_gone(without.values())}: {self._some(without)}")
        return facts

    def _some(self, reasons: Mapping[str, str]) -> str:
        some = [f"{quoted(image_id)} {reason}" for image_id, reason in reasons.items()]
        return f"{'; '.join(shorten(some, 3))}; see {self.record}"

    def why_changed(self, split: str) -> str:
        """See `PhotoSet`: photos that were left out are others now."""
        states = {entry.id: entry.state for entry in self.listed.photos if entry.state}
        if not states or not self.whole.is_settled:
            return ""
        files = {photo.id: photo.image for photo in self.whole.photos(split) if photo.id in states}
        mended = [image_id for image_id, file in files.items() if state(file) != states[image_id]]
        return f": left out, and another file now: {', '.join(shorten(list(map(quoted, mended)), 3))}" if mended else ""

    def leave_out(self, photos: Found, masks: Found) -> list[str]:
        """Leave out from now on what decoding refused, and keep the list of it in the run folder.

        Args:
            photos: those refused, of each split all of whose photos were looked at; what is known of others stays.
            masks: likewise.

        Returns:
            What a person should know about differences to what was left out before, a sentence each.
        """
        before, is_first = self.listed, not os.path.lexists(self.record)
        after = LeftOut(
            _replaced(before.photos, photos, self.whole.left_out),
            _replaced(before.masks, masks, self.whole.masks_left_out),
        )
        if after != before:
            after.write(self.record)
        self.listed = after
        self._found.clear()
        return [] if is_first else [line for split in photos for line in self._news(split, before)]

    def _news(self, split: str, before: LeftOut) -> Iterator[str]:
        earlier = {entry.id for entry in before.photos if entry.split == split}
        there = {photo.id for photo in self.photos(split)}
        if mended := [image_id for image_id in sorted(earlier) if image_id in there]:
            yield f"`{split}`: left out before, and not now: {', '.join(shorten(list(map(quoted, mended))))}"
        if lost := [image_id for image_id in self.left_out(split) if image_id not in earlier]:
            yield f"`{split}`: left out now, and not before: {', '.join(shorten(list(map(quoted, lost))))}"


def why_gone(reasons: Iterable[str]) -> str:
    """What photos or masks that are left out are: `missing`, `unreadable`, or both."""
    missing = {"not there" in reason or "link to nothing" in reason for reason in reasons}
    return " or ".join(word for is_missing, word in ((True, "missing"), (False, "unreadable")) if is_missing in missing)


def state(file: Path) -> str:
    """Of a file that was refused, and what else that depends on: while it stays, the file would be refused again."""
    readable = "" if os.access(file, os.R_OK) or not file.exists() else " closed"
    return f"{state_of(file)}{readable}{_decoders()}"


@cache
def _decoders() -> str:
    return "".join(f" {package}" for package in DECODERS if find_spec(package))


def readable(photos: Iterable[Photo]) -> Iterator[Photo]:
    """Those photos that can be decoded, and their masks, where they have one; decoded as they are asked for."""
    for photo in photos:
        if not any(look_at(photo, mask=mask).problem for mask in (False, True) if not mask or photo.mask is not None):
            yield photo


def _file(photo: Photo, what: str) -> Path | None:
    if what == "photos":
        return photo.image
    return photo.mask.path if photo.mask else None


def _replaced(
    before: Iterable[Refused], found: Found, known: Callable[[str], Mapping[str, str]]
) -> tuple[Refused, ...]:
    """Entries of the splits that were looked at, and those from before of all others.

    Args:
        known: what the kind of data leaves out of a split by itself.
    """
    kept = [entry for entry in before if entry.split not in found]
    for split, refused in found.items():
        kept += [*(Refused(split, image_id, None, reason) for image_id, reason in known(split).items()), *refused]
    return tuple(kept)
