"""What can be wrong with masks that can all be read, held against tags. One function a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from puzzlecam_cli.errors import shorten
from puzzlecam_cli.run.finding import Finding, Looked, Weight
from puzzlecam_cli.text import several


def masks_of_some(looked: Looked) -> Iterator[Finding]:
    """Splits some photos of which have a mask; where each must have one, a run is refused and `lists` says why."""
    for part, photos in looked.photos.items():
        without = tuple(photo.id for photo in photos if photo.mask is None)
        if 0 < len(without) < len(photos):
            said = f"photos of `{looked.names[part]}` with a mask: {len(photos) - len(without):,} of {len(photos):,}"
            yield Finding("masks-of-some", "note", said, without, hint="only those that have one are scored")


def masks_empty(looked: Looked) -> Iterator[Finding]:
    """Masks that show no class although their photo is tagged."""
    masks = ((part, photo) for part, photo, shown in looked.masks() if not shown)
    bare = {p.id: f"{p.id}: tagged {looked.tags_of(p)}" for part, p in masks if part in looked.known and p.tags}
    if bare:
        said = f"{several(len(bare), 'mask')} without a class, though the photo is tagged"
        hint = "what is predicted there counts as wrong: draw the masks, or remove them"
        yield Finding("mask-empty", "harms", said, tuple(bare), shorten(list(bare.values())), hint)


def masks_and_tags(looked: Looked) -> Iterator[Finding]:
    """Classes that a mask shows and its photo is not tagged with; and tags that a mask lacks which shows something."""
    both = [(p, part, shown) for part, p, shown in looked.masks() if part in looked.known]
    trained = {p.id for p, part, _ in both if part == "train"}
    untagged = {p.id: odd for p, _, shown in both if (odd := shown - {*p.tags})}
    hint = "tags are learned from, masks only score: see whether tags were forgotten"
    yield from _odd(looked, "mask-without-tag", "show classes that are no tags", untagged, trained, len(both), hint)
    lacking = {p.id: odd for p, _, shown in both if shown and (odd := {*p.tags} - shown)}
    hint = "see whether tags are wrong, or objects missing in the masks"
    yield from _odd(looked, "tag-without-mask", "lack classes that are tags", lacking, trained, len(both), hint)


def _odd(
    looked: Looked, name: str, words: str, odd: Mapping[str, set[int]], trained: set[str], compared: int, hint: str
) -> Iterator[Finding]:
    """One finding: it harms where photos that are trained on are among them."""
    if not odd:
        return
    times = Counter(tag for tags in odd.values() for tag in sorted(tags))
    most = shorten([f"{looked.classes[tag - 1]} ({count})" for tag, count in times.most_common()], 5)
    said = f"masks of {len(odd):,} of {compared:,} photos {words}: {', '.join(most)}"
    lines = shorten([f"{i}: {', '.join(looked.name(*sorted(tags)))}" for i, tags in odd.items()])
    weight: Weight = "note" if trained.isdisjoint(odd) else "harms"
    yield Finding(name, weight, said, tuple(odd), lines, hint, looked.name(*sorted(times)))
