"""What shares came to: `train.txt` and `val.txt` in the run's `splits` folder, and what they follow from.

The lists hold while they follow from the same photos, tags, shares and seed. `splits.json` beside them has the same,
and what held before: a run that goes back to an earlier seed finds all that it made with it. It is written before the
lists, and only lists that are as it has them are ever replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import as_json, remove_leftovers, write_text
from puzzlecam_cli.text import lines, quoted

if TYPE_CHECKING:
    from puzzlecam_cli.data.parts.dividing import Division

RECORD = "splits.json"
PARTS = ("train", "val")
KEPT = 3  # divisions in the record
LARGEST = 1 << 28  # bytes of the record
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
            shares=", ".join(f"{name} {value}" for name, value in sorted(division.shares.items())),
            seed=str(division.seed),
            tags=_hash(f"{photo.id} {[classes[tag - 1] for tag in photo.tags]}" for photo in photos),
            photos=_hash([*files, f"{len(division.photos)} of them, rest to {division.rest}"]),
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
    parts: Mapping[str, tuple[str, ...]]
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

    def read(self) -> tuple[Divided, ...]:
        """What holds, and what held before; empty where there is nothing.

        Raises:
            UserError: `splits-not-ours`: somebody else wrote or changed a list or the record.
        """
        found = self._recorded()
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise UserError("splits-not-ours", f"{self.folder} is no folder of the run's own", hint="move it away")
        others = [path for part, path in self._lists.items() if os.path.lexists(path) and not _holds(path, found, part)]
        if (record := self.folder / RECORD).is_symlink() or (os.path.lexists(record) and not found):
            others.append(record)
        if others:
            raise _not_ours([str(path) for path in others])
        return found

    def write(self, divided: Divided) -> None:
        """Replace the lists, where they are others. Raises as `read` does, before anything is written."""
        before = self.read()
        if before[:1] == (divided,) and all(self._lists[part].exists() for part in divided.parts):
            return
        for path in self._lists.values():
            path.unlink(missing_ok=True)
            remove_leftovers(path)
        remove_leftovers(self.folder / RECORD)
        kept = [divided, *(other for other in before if other.source != divided.source)][:KEPT]
        write_text(
            self.folder / RECORD, as_json({"what": "splits", "divided": list(map(asdict, kept))}, indent=1) + "\n"
        )
        for part, ids in divided.parts.items():
            write_text(self._lists[part], _list(ids))

    @property
    def _lists(self) -> dict[str, Path]:
        return {part: self.folder / f"{part}.txt" for part in PARTS}

    def _recorded(self) -> tuple[Divided, ...]:
        """What the record says; empty where there is none, or it is not ours."""
        path = self.folder / RECORD
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
                return ()
            content = json.loads(path.read_bytes())
            return tuple(map(_divided, content["divided"])) if content["what"] == "splits" else ()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return ()


def _divided(entry: dict[str, Any]) -> Divided:
    """A division in the record. Raises what `_recorded` expects where it is none."""
    source, parts, facts = Source(**entry["source"]), entry["parts"], entry["facts"]
    texts = [*asdict(source).values(), *facts, *(image_id for part in PARTS for image_id in parts.get(part, ()))]
    if not set(parts) <= set(PARTS) or not all(isinstance(text, str) for text in texts):
        raise ValueError("it is not ours")
    return Divided(source, {part: tuple(ids) for part, ids in parts.items()}, tuple(facts))


def _hash(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _list(ids: Sequence[str]) -> str:
    return "".join(f"{image_id}\n" for image_id in ids)


def _holds(path: Path, found: Sequence[Divided], part: str) -> bool:
    """Whether a list is what the record has."""
    ids = found[0].parts.get(part) if found else None
    return ids is not None and not path.is_symlink() and path.is_file() and path.read_bytes() == _list(ids).encode()


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


def _not_ours(paths: list[str]) -> UserError:
    return UserError(
        "splits-not-ours",
        f"{paths[0]} is not as the run wrote it",
        tuple(paths[1:]),
        f"move it away, and photos are divided anew; {OWN_LISTS}",
    )
