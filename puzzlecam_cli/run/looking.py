"""Every photo and mask is decoded once before the first training, and what was seen is remembered by size and time."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.parts.likeness import BYTES as THUMBNAIL
from puzzlecam_cli.data.photos import Photo, Tick
from puzzlecam_cli.data.pixels.look import Picture, Seen, look_at, state_of
from puzzlecam_cli.files import append_line, as_json, ready_to_append

LARGEST = 1 << 28  # bytes of what is remembered
Job = tuple[Photo, bool]  # a photo, or its mask


@dataclass(frozen=True)
class Remembered:
    """What was seen, by file; `meaning` is what else it depends on, such as the number of classes."""

    path: Path
    meaning: str
    seen: dict[str, tuple[str, Seen]]

    @classmethod
    def read(cls, path: Path, meaning: str) -> Remembered:
        """From `photos.jsonl`; lines that are torn or of another meaning count as not there."""
        seen: dict[str, tuple[str, Seen]] = {}
        is_read = path.is_file() and path.stat().st_size <= LARGEST
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if is_read else []:
            try:
                file, state, size, classes, between, meant, *more = json.loads(line)
                found = _seen(size, classes, between, more)
            except (ValueError, TypeError, RecursionError):
                continue
            if meant == meaning and isinstance(file, str) and isinstance(state, str):
                seen[file] = state, found
        return cls(path, meaning, seen)

    def get(self, path: Path, job: Job) -> Seen | None:
        """What was seen of a photo or mask, if its file is still the same."""
        state, seen = self.seen.get(str(path), ("", None))
        return seen if seen is not None and state == state_of(_file(job)) else None

    def put(self, path: Path, job: Job, seen: Seen) -> None:
        """Remember what was seen, but no problem: its remedy may lie elsewhere than in the file."""
        if seen.problem:
            return
        state = state_of(_file(job))
        self.seen[str(path)] = state, seen
        values: list[Any] = [str(path), state, seen.size, seen.classes, seen.between, self.meaning]
        if picture := seen.picture:
            values.append([picture.digest, picture.is_flat, b64encode(picture.thumbnail).decode()])
        append_line(self.path, as_json(values))


def _seen(size: Any, classes: Any, between: Any, more: list[Any]) -> Seen:
    """What a line tells; `more` is of a photo, and not in lines of earlier versions.

    Raises:
        ValueError: it tells nothing that was seen.
        TypeError: likewise.
    """
    height, width = size
    values, some = tuple(classes), tuple(between)
    if not all(type(number) is int and number >= 0 for number in (height, width, *values, *some)):
        raise ValueError("no numbers")
    picture = None
    if more:
        ((digest, is_flat, thumbnail),) = more
        if not (isinstance(digest, str) and isinstance(is_flat, bool)):
            raise ValueError("no picture")
        picture = Picture(digest, is_flat, b64decode(thumbnail, validate=True))
        if len(picture.thumbnail) != THUMBNAIL:
            raise ValueError("no thumbnail")
    return Seen((height, width), None, values, some, picture)


def jobs_of(photos: Iterable[Photo], masks: Iterable[Photo]) -> list[tuple[Path, Job]]:
    """The files of photos and the keys of masks, each once, with what to look at."""
    found = {photo.image: (photo, False) for photo in photos}
    found |= {photo.mask.key: (photo, True) for photo in masks if photo.mask is not None}
    return list(found.items())


def look(
    jobs: Sequence[tuple[Path, Job]], known: Remembered, workers: int, tick: Tick, pictures: bool = False
) -> dict[Path, Seen]:
    """What is seen of all files; those not remembered are decoded, by several processes, and remembered.

    Args:
        pictures: photos of which no `Seen.picture` is remembered, by an earlier version, are decoded again.
    """
    found = {
        path: seen
        for path, job in jobs
        if (seen := known.get(path, job)) is not None and (job[1] or seen.picture is not None or not pictures)
    }
    rest = [(path, job) for path, job in jobs if path not in found]
    if rest:
        from puzzlecam_cli.engine.pool import map_unordered

        ready_to_append(known.path, '["')
        jobs_by_path = dict(rest)
        for done, (path, seen) in enumerate(map_unordered(_look, rest, workers if len(rest) > 64 else 0), start=1):
            known.put(path, jobs_by_path[path], seen)
            found[path] = seen
            tick(done, len(rest))
    return found


def _file(job: Job) -> Path:
    photo, mask = job
    return photo.mask.path if mask and photo.mask is not None else photo.image


def _look(item: tuple[Path, Job]) -> tuple[Path, Seen]:
    path, (photo, mask) = item
    return path, look_at(photo, mask=mask)
