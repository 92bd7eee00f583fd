"""What can be wrong with photos that can all be decoded, and which of them are the same. One function a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.skipping import why_gone
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.run.finding import Finding, Looked, Weight, by
from puzzlecam_cli.text import several

TINY = 32  # pixels of the shorter side: less than a crop or the network's largest stride can do with
MOST_ALIKE = 50  # photos of a group that are nearly the same
EXTREME = 4  # times as long as wide

_ADD, _REPLACE = "put the files there, or take their rows out of the list", "replace the files"
_TO_DO = {"missing": _ADD, "unreadable": _REPLACE, "missing or unreadable": f"{_ADD}; {_REPLACE} that are unreadable"}

Group = list[tuple[str, Photo]]  # parts and photos that are the same


def left_out(looked: Looked) -> Iterator[Finding]:
    """Photos and masks that `data.on_error: skip` leaves out; without it a run is refused, and `pixels` says why."""
    data = looked.checked.run.photos
    for split in looked.names.values():
        for name, reasons in (("image", data.left_out(split)), ("mask", data.masks_left_out(split))):
            if reasons:
                why = why_gone(reasons.values())
                said = f"{several(len(reasons), name)} of `{split}` left out: {why}"
                yield Finding(f"{name}-left-out", "harms", said, tuple(reasons), _lines(reasons), _TO_DO[why])


def tiny(looked: Looked) -> Iterator[Finding]:
    """Photos of a few pixels."""
    if small := {p.id: by(size) for p, size in _sizes(looked) if min(size) < TINY}:
        said = f"{several(len(small), 'photo')} of less than {TINY} pixels a side"
        yield Finding("photo-tiny", "harms", said, tuple(small), _lines(small), "leave out icons and thumbnails")


def extreme(looked: Looked) -> Iterator[Finding]:
    """Photos many times as long as wide."""
    if long := {p.id: by(size) for p, size in _sizes(looked) if max(size) > EXTREME * min(size)}:
        said = f"{several(len(long), 'photo')} more than {EXTREME} times as long as wide"
        hint = "crops show little of them: cut them in pieces, or leave them out"
        yield Finding("photo-extreme", "note", said, tuple(long), _lines(long), hint)


def empty(looked: Looked) -> Iterator[Finding]:
    """Photos that are one colour throughout."""
    if flat := tuple(p.id for _, p, s in looked.pictures() if s.picture and s.picture.is_flat):
        said = f"{several(len(flat), 'photo')} of one colour throughout"
        yield Finding("photo-empty", "harms", said, flat, hint="they show nothing: leave them out")


def duplicated(looked: Looked) -> Iterator[Finding]:
    """Files with the very same bytes."""
    found: dict[str, Group] = {}
    for part, photo, seen in looked.pictures():
        if seen.picture:
            found.setdefault(seen.picture.digest, []).append((part, photo))
    yield from _same(looked, "duplicates", "are the very same file", [g for g in found.values() if len(g) > 1])


def alike(looked: Looked) -> Iterator[Finding]:
    """Near-identical photos: saved again, resized, brightened, cropped a little, taken in a burst.

    One photo of each file stands for its duplicates, which are told already; empty ones are like one another anyway.
    """
    from puzzlecam_cli.data.parts.likeness import groups_alike

    first: dict[str, tuple[str, Photo]] = {}
    thumbnails: list[bytes] = []
    for part, photo, seen in looked.pictures():
        if (picture := seen.picture) and not picture.is_flat and picture.digest not in first:
            first[picture.digest] = part, photo
            thumbnails.append(picture.thumbnail)
    photos = list(first.values())
    groups, too_many = groups_alike(thumbnails, MOST_ALIKE, looked.compare)
    yield from _same(looked, "near-duplicates", "look nearly the same", [[photos[n] for n in g] for g in groups])
    if too_many:
        said = f"{several(too_many, 'photo')} are like more than {MOST_ALIKE} others, from one to the next"
        hint = "those most alike are named; frames of films are like that"
        yield Finding("near-duplicates-many", "note", said, hint=hint)


def _same(looked: Looked, name: str, words: str, groups: list[Group]) -> Iterator[Finding]:
    """Up to three findings about groups of photos that are the same: in two splits, tagged differently, and others."""
    across = [group for group in groups if {"train", "val"} <= {part for part, _ in group}]
    within = [group for group in groups if group not in across]
    differ = [group for group in groups if len({p.tags for part, p in group if part in looked.known}) > 1]
    if across:
        val, train = looked.names["val"], looked.names["train"]
        count = sum(part == "val" for group in across for part, _ in group)
        said = f"photos in both `{val}` and `{train}` {words}: {several(count, 'photo')} of `{val}`"
        lines = [[f"{p.id} ({looked.names[part]})" for part, p in group] for group in across]
        hint = "their scores say little: leave them out of one of the two"
        yield Finding(f"{name}-across-splits", "harms", said, _ids(across), _equal(lines), hint)
    if differ:
        said = f"photos that {words} have different tags: {several(len(differ), 'group')}"
        tags = ([f"{p.id}: {looked.tags_of(p)}" for part, p in group if part in looked.known] for group in differ)
        weight: Weight = "harms" if name == "duplicates" else "note"  # a small object may be all the difference
        hint = "see whether a tag is wrong, or forgotten"
        yield Finding(
            f"{name}-disagree", weight, said, _ids(differ), shorten(["; ".join(shorten(t, 6)) for t in tags]), hint
        )
    if within:
        ids = _ids(within)
        said = f"{several(len(ids), 'photo')} {words}, in {several(len(within), 'group')}"
        lines = [[p.id for _, p in group] for group in within]
        yield Finding(name, "note", said, ids, _equal(lines), "they count as often as they are there")


def _sizes(looked: Looked) -> Iterator[tuple[Photo, tuple[int, int]]]:
    return ((photo, seen.size) for _, photo, seen in looked.pictures() if seen.size)


def _ids(groups: Iterable[Group]) -> tuple[str, ...]:
    return tuple(photo.id for group in groups for _, photo in group)


def _lines(of: Mapping[str, str]) -> tuple[str, ...]:
    return shorten([f"{image_id}: {words}" for image_id, words in of.items()])


def _equal(groups: Iterable[list[str]]) -> tuple[str, ...]:
    """A line a group: `a = b`."""
    return shorten([" = ".join(shorten(group, 6)) for group in groups])
