"""What can be wrong with masks that can all be read, held against tags. One function a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from puzzlecam_cli.errors import shorten
from puzzlecam_cli.run.finding import Finding, Looked, several


def masks_of_some(looked: Looked) -> Iterator[Finding]:
    """Splits some photos of which have a mask; where each must have one, a run is refused and `lists` says why."""
    for part, photos in looked.photos.items():
        without = tuple(photo.id for photo in photos if photo.mask is None)
        if 0 < len(without) < len(photos):
            said = f"{len(photos) - len(without):,} of {len(photos):,} photos of `{looked.names[part]}` have a mask"
            yield Finding("masks-of-some", "note", said, without, hint="only those that have one are scored")


def masks_empty(looked: Looked) -> Iterator[Finding]:
    """Masks that show no class although their photo is tagged."""
    bare = {
        photo.id: ", ".join(map(looked.name, photo.tags))
        for part, photo, shown in looked.masks()
        if part in looked.known and photo.tags and not shown
    }
    if bare:
        said = (
            f"{several(len(bare), 'mask')} {'holds' if len(bare) == 1 else 'hold'} no class, though the photo is tagged"
        )
        lines = [f"{i}: tagged {tags}" for i, tags in bare.items()]
        hint = "what is predicted there counts as wrong: draw the masks, or remove them"
        yield Finding("mask-empty", "harms", said, tuple(bare), shorten(lines), hint)


def untagged(looked: Looked) -> Iterator[Finding]:
    """Classes that a mask shows and its photo is not tagged with."""
    hint = "tags are learned from, masks only score: see whether tags were forgotten"
    yield from _differences(
        looked, "mask-without-tag", "show classes that are no tags", lambda tags, shown: shown - tags, hint
    )


def not_shown(looked: Looked) -> Iterator[Finding]:
    """Tags that a mask, which shows something, does not show."""
    hint = "see whether tags are wrong, or objects missing in the masks"
    yield from _differences(
        looked,
        "tag-without-mask",
        "lack classes that are tags",
        lambda tags, shown: tags - shown if shown else set(),
        hint,
    )


def _differences(
    looked: Looked, name: str, words: str, of: Callable[[set[int], set[int]], set[int]], hint: str
) -> Iterator[Finding]:
    """One finding: it harms where photos that are trained on are among them."""
    found: dict[str, set[int]] = {}
    trained, compared = False, 0
    for part, photo, shown in looked.masks():
        if part in looked.known:
            compared += 1
            if odd := of(set(photo.tags), shown):
                found[photo.id] = odd
                trained |= part == "train"
    if found:
        classes = [looked.name(tag) for tag in sorted(set().union(*found.values()))]
        counts = {c: sum(looked.classes.index(c) + 1 in odd for odd in found.values()) for c in classes}
        most = sorted(classes, key=lambda c: -counts[c])
        which = ", ".join(shorten([f"{c} ({counts[c]})" for c in most], 5))
        yield Finding(
            name,
            "harms" if trained else "note",
            f"masks of {len(found):,} of {compared:,} photos {words}: {which}",
            tuple(found),
            shorten([f"{i}: {', '.join(map(looked.name, sorted(odd)))}" for i, odd in found.items()]),
            hint,
            tuple(classes),
        )
