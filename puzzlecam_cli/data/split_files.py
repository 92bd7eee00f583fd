"""What shares came to: `train.txt` and `val.txt` in the run's `splits` folder, and what they follow from.

The lists hold while they follow from the same photos, tags, shares and seed. Only lists that are as we wrote them are
ever replaced: `splits.json` has their hashes, and is written before them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import as_json, remove_leftovers, write_text
from puzzlecam_cli.text import lines, quoted

if TYPE_CHECKING:
    from puzzlecam_cli.data.dividing import Division

RECORD = "splits.json"
PARTS = ("train", "val")
LARGEST = 1 << 20  # bytes of the record
OWN_LISTS = "lists of your own belong elsewhere: data.splits names their folder"


@dataclass(frozen=True)
class Source:
    """What a division follows from. All are texts, so that each can be named where it changed."""

    shares: str
    seed: str
    tags: str
    photos: str
    rules: str = "1"  # of this program

    @classmethod
    def of(cls, division: Division, classes: Sequence[str], state_of: Callable[[Path], str]) -> Source:
        """What a division of photos with tags of these classes follows from."""
        photos = (*division.photos, *division.others)
        files = [f"{photo.id} {state_of(photo.image)}" for photo in photos]
        return cls(
            shares=", ".join(f"{name} {value:g}" for name, value in sorted(division.shares.items())),
            seed=str(division.seed),
            tags=_hash("\n".join(f"{photo.id} {[classes[tag - 1] for tag in photo.tags]}" for photo in photos))[:16],
            photos=_hash("\n".join([*files, f"{len(division.photos)} of them, rest to {division.rest}"]))[:16],
        )


@dataclass(frozen=True)
class Divided:
    """A division of photos.

    Args:
        source: what it follows from.
        parts: ids of `train` and `val`, those of them that are there.
        facts: what a person should know about it, a sentence each.
    """

    source: Source
    parts: Mapping[str, Sequence[str]]
    facts: Sequence[str] = field(default=())

    def why_again(self, source: Source, parts: Mapping[str, Sequence[str]]) -> str:
        """Why photos were divided once more, and what came of it."""
        words = {"shares": "the shares", "seed": "the seed", "tags": "tags", "photos": "photos", "rules": "the program"}
        old, new = asdict(self.source), asdict(source)
        changed = ", ".join(word for key, word in words.items() if old[key] != new[key])
        moved = sum(len(set(ids) - set(self.parts.get(part, ()))) for part, ids in parts.items())
        return f"photos are divided anew, as {changed or 'lists'} changed: {moved} are in another part, or new"


class SplitFiles:
    """The lists in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def read(self) -> Divided | None:
        """What the lists say; None where there are none, or not all that were written.

        Raises:
            UserError: `splits-not-ours`: somebody else wrote or changed one of them.
        """
        written = self._written()
        self.check(written)
        if written is None:
            return None
        source, hashes, facts = written
        texts = {part: self._text(part) for part in hashes}
        if None in texts.values():
            return None
        return Divided(source, {part: tuple((text or "").split("\n")[:-1]) for part, text in texts.items()}, facts)

    def check(self, written: tuple[Source, dict[str, str], tuple[str, ...]] | None = None) -> None:
        """Whether lists can be written. Raises as `read` does."""
        hashes = (written or self._written() or (None, {}, ()))[1]
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise UserError("splits-not-ours", f"{self.folder} is no folder of the run's own", hint="move it away")
        others = [self.folder / f"{part}.txt" for part in PARTS if not self._is_ours(part, hashes)]
        if (record := self.folder / RECORD).is_symlink() or (os.path.lexists(record) and not hashes):
            others.append(record)
        if others:
            raise _not_ours([str(path) for path in others])

    def write(self, divided: Divided) -> None:
        """Replace the lists. Raises as `read` does, before anything is written."""
        self.check()
        texts = {part: "".join(f"{image_id}\n" for image_id in ids) for part, ids in divided.parts.items()}
        for part in PARTS:
            (self.folder / f"{part}.txt").unlink(missing_ok=True)
        remove_leftovers(self.folder / RECORD)
        content = {"what": "splits", "source": asdict(divided.source), "facts": list(divided.facts)}
        hashes = {part: _hash(text) for part, text in texts.items()}
        write_text(self.folder / RECORD, as_json(content | {"lists": hashes}, indent=1) + "\n")
        for part, text in texts.items():
            remove_leftovers(self.folder / f"{part}.txt")
            write_text(self.folder / f"{part}.txt", text)

    def _written(self) -> tuple[Source, dict[str, str], tuple[str, ...]] | None:
        """What the record says; None where there is none, or it is not ours."""
        path = self.folder / RECORD
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
                return None
            content = json.loads(path.read_bytes())
            source, hashes, facts = Source(**content["source"]), content["lists"], content["facts"]
            texts = [*asdict(source).values(), *hashes.keys(), *hashes.values(), *facts]
            is_ours = content["what"] == "splits" and set(hashes) <= set(PARTS)
            return (source, hashes, tuple(facts)) if is_ours and all(isinstance(text, str) for text in texts) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _is_ours(self, part: str, hashes: Mapping[str, str]) -> bool:
        path = self.folder / f"{part}.txt"
        if not os.path.lexists(path):
            return True
        return not path.is_symlink() and path.is_file() and hashes.get(part) == _hash(path.read_bytes())

    def _text(self, part: str) -> str | None:
        path = self.folder / f"{part}.txt"
        return path.read_text(encoding="utf-8") if path.is_file() else None


def ids_in(path: Path, known: Mapping[str, object]) -> tuple[str, ...]:
    """The ids of a list that was written by a run, or as one writes it: an id a line.

    Raises:
        UserError: `data-invalid` with the lines that name no photo or one twice, or if there is none; see `read_text`.
    """
    first: dict[str, int] = {}
    problems = []
    for number, line in lines(path):
        image_id = canonical(line.strip())
        if not image_id:
            continue
        if image_id not in known:
            problems.append(f"line {number}: there is no photo {quoted(image_id)}")
        elif (earlier := first.setdefault(image_id, number)) != number:
            problems.append(f"line {number}: {quoted(image_id)} is in line {earlier}, too")
    if problems:
        hint = "a list holds one image id a line, as the lists in a run's `splits` folder"
        raise UserError("data-invalid", f"{path} names what is no photo, or one twice", shorten(problems), hint)
    if not first:
        raise UserError("data-invalid", f"{path} names no photo", hint="leave data.splits out: photos are divided then")
    return tuple(first)


def _hash(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _not_ours(paths: list[str]) -> UserError:
    return UserError(
        "splits-not-ours",
        f"{paths[0]} is not as the run wrote it",
        tuple(paths[1:]),
        f"move it away, and photos are divided anew; {OWN_LISTS}",
    )
