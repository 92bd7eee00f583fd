"""What can be wrong with photos that can all be decoded, and which of them are the same. One function a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.run.finding import Finding, Looked, Weight, by, several

TINY = 32  # pixels of the shorter side: less than a crop or the network's largest stride can do with
MOST_ALIKE = 50  # photos of a group that are nearly the same
EXTREME = 4  # times as long as wide
FEW_GREY = 0.5  # share of grey photos up to which they are the odd ones

Group = list[tuple[str, Photo]]  # parts and photos that are the same


def left_out(looked: Looked) -> Iterator[Finding]:
    """Photos and masks that `data.on_error: skip` leaves out; without it a run is refused, and `pixels` says why."""
    data, hint = looked.checked.run.photos, "replace the files"
    for split in looked.names.values():
        if gone := data.left_out(split):
            said = f"{several(len(gone), 'photo')} of `{split}` cannot be read; they are left out"
            yield Finding("image-left-out", "harms", said, tuple(gone), _reasons(gone), hint)
        if without := data.masks_left_out(split):
            said = f"masks of {several(len(without), 'photo')} of `{split}` cannot be read; they are not scored"
            yield Finding("mask-left-out", "harms", said, tuple(without), _reasons(without), hint)


def _reasons(of: Mapping[str, str]) -> tuple[str, ...]:
    return shorten([f"{i}: {reason}" for i, reason in of.items()])


def tiny(looked: Looked) -> Iterator[Finding]:
    """Photos of a few pixels."""
    small = {p.id: by(s.size) for _, p, s in looked.pictures() if s.size and min(s.size) < TINY}
    if small:
        said = f"{several(len(small), 'photo')} of less than {TINY} pixels a side"
        lines = [f"{i}: {size} pixels" for i, size in small.items()]
        yield Finding("photo-tiny", "harms", said, tuple(small), shorten(lines), "leave out icons and thumbnails")


def extreme(looked: Looked) -> Iterator[Finding]:
    """Photos many times as long as wide: crops show little of them."""
    long = {p.id: by(s.size) for _, p, s in looked.pictures() if s.size and max(s.size) > EXTREME * min(s.size)}
    if long:
        said = f"{several(len(long), 'photo')} more than {EXTREME} times as long as wide"
        lines = [f"{i}: {size} pixels" for i, size in long.items()]
        hint = "crops show little of them: cut them in pieces, or leave them out"
        yield Finding("photo-extreme", "note", said, tuple(long), shorten(lines), hint)


def empty(looked: Looked) -> Iterator[Finding]:
    """Photos that are one colour throughout."""
    flat = tuple(p.id for _, p, s in looked.pictures() if s.picture and s.picture.tone == "flat")
    if flat:
        said = f"{several(len(flat), 'photo')} {'is' if len(flat) == 1 else 'are'} of one colour throughout"
        yield Finding("photo-empty", "harms", said, flat, hint="they show nothing: leave them out")


def grey(looked: Looked) -> Iterator[Finding]:
    """Photos without colours among others with colours."""
    found = [(p.id, s.picture.tone) for _, p, s in looked.pictures() if s.picture and s.picture.tone != "flat"]
    without = tuple(i for i, tone in found if tone == "grey")
    if 0 < len(without) <= FEW_GREY * len(found):
        said = (
            f"{len(without):,} of {len(found):,} photos {'is' if len(without) == 1 else 'are'} grey, the rest in colour"
        )
        yield Finding("photo-grey", "note", said, without)


def duplicated(looked: Looked) -> Iterator[Finding]:
    """Files with the very same bytes."""
    yield from _same(looked, "duplicates", "are the very same file", _groups_of_bytes(looked))


def alike(looked: Looked) -> Iterator[Finding]:
    """Near-identical photos: saved again, resized, brightened, cropped a little, taken in a burst."""
    groups, too_many = _groups_alike(looked)
    yield from _same(looked, "near-duplicates", "look nearly the same", groups)
    if too_many:
        said = f"{several(too_many, 'photo')} are like more than {MOST_ALIKE} others, from one to the next"
        yield Finding(
            "near-duplicates-many", "note", said, hint="those most alike are named; frames of films are like that"
        )


def _same(looked: Looked, name: str, words: str, groups: list[Group]) -> Iterator[Finding]:
    across = [group for group in groups if {"train", "val"} <= {part for part, _ in group}]
    within = [group for group in groups if group not in across]
    differ = [group for group in groups if len({p.tags for part, p in group if part in looked.known}) > 1]
    if across:
        val, train = looked.names["val"], looked.names["train"]
        count = sum(part == "val" for group in across for part, _ in group)
        said = f"{several(len(across), 'group')} of photos that {words} {_lie(across)} in both `{val}` and `{train}`"
        said += f": {several(count, 'photo')} of `{val}`"
        hint = "their scores say little: leave them out of one of the two"
        yield Finding(f"{name}-across-splits", "harms", said, _ids(across), _lines(across, looked.names), hint)
    if differ:
        said = f"{several(len(differ), 'group')} of photos that {words} {_have(differ)} different tags"
        lines = shorten([_tagged(looked, group) for group in differ])
        weight: Weight = "harms" if name == "duplicates" else "note"  # a small object may be all the difference
        hint = (
            "one of the tags is wrong, or forgotten"
            if weight == "harms"
            else "see whether a tag is wrong, or forgotten"
        )
        yield Finding(f"{name}-disagree", weight, said, _ids(differ), lines, hint)
    if within:
        photos = sum(len(group) for group in within)
        said = f"{several(photos, 'photo')} {words}, in {several(len(within), 'group')}"
        yield Finding(name, "note", said, _ids(within), _lines(within), "they count as often as they are there")


def _groups_of_bytes(looked: Looked) -> list[Group]:
    found: dict[str, Group] = {}
    for part, photo, seen in looked.pictures():
        if seen.picture:
            found.setdefault(seen.picture.digest, []).append((part, photo))
    return [group for group in found.values() if len(group) > 1]


def _groups_alike(looked: Looked) -> tuple[list[Group], int]:
    """One photo of each file stands for its duplicates, which are told already; what is empty is like all that is.

    Returns:
        The groups, and how many photos were in groups that were too large.
    """
    from puzzlecam_cli.data.likeness import groups_alike

    first: dict[str, tuple[str, Photo, bytes]] = {}
    for part, photo, seen in looked.pictures():
        if seen.picture and seen.picture.tone != "flat":
            first.setdefault(seen.picture.digest, (part, photo, seen.picture.thumbnail))
    photos = list(first.values())
    groups, too_many = groups_alike([thumbnail for _, _, thumbnail in photos], MOST_ALIKE, looked.compare)
    return [[(photos[number][0], photos[number][1]) for number in group] for group in groups], too_many


def _ids(groups: Iterable[Group]) -> tuple[str, ...]:
    return tuple(photo.id for group in groups for _, photo in group)


def _lie(groups: Sequence[Group]) -> str:
    return "lies" if len(groups) == 1 else "lie"


def _have(groups: Sequence[Group]) -> str:
    return "has" if len(groups) == 1 else "have"


def _lines(groups: Iterable[Group], names: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """A line a group: `a = b`, or with the names of splits `a (train) = b (val)`."""
    said = ([f"{p.id} ({names[part]})" if names else p.id for part, p in group] for group in groups)
    return shorten([" = ".join(shorten(photos, 6)) for photos in said])


def _tagged(looked: Looked, group: Group) -> str:
    """`a: cow; b: cow, dog`."""
    said = [f"{p.id}: {', '.join(map(looked.name, p.tags)) or 'no tag'}" for part, p in group if part in looked.known]
    return "; ".join(shorten(said, 6))
