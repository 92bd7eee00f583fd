"""What can be wrong with tags and splits although every file can be read. One function a finding."""

from __future__ import annotations

from collections.abc import Iterator

from puzzlecam_cli.data.class_list import names_alike
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.run.finding import Finding, Tagged, several, some

RARE = 2  # photos of a class: nothing can be learned from so few
ENOUGH = 3  # photos of a class from which on it is said that another is always beside it
UNEQUAL, VERY_UNEQUAL = 10, 50  # times as many photos of one class as of another


def nothing_to_learn(looked: Tagged) -> Iterator[Finding]:
    """Too few photos, or the same classes on all: no photo lacks what another shows."""
    train, name = looked.train, looked.names.get("train", "train")
    if len(train) < 2:
        if "train" in looked.photos:
            said = f"`{name}` holds {several(len(train), 'photo')}; what a class looks like is learned from many"
            yield Finding("too-few-photos", "stops", said, tuple(photo.id for photo in train))
        return
    first = train[0].tags
    if "train" in looked.known and first and all(photo.tags == first for photo in train):
        names = tuple(map(looked.name, first))
        yield Finding(
            "nothing-to-tell-apart",
            "stops",
            f"all {len(train):,} photos of `{name}` are tagged with {some(names)} and nothing else: no photo lacks "
            "what another shows, so nothing can be told apart",
            hint="add photos that show none of it, without a tag",
            classes=names,
        )


def never_tagged(looked: Tagged) -> Iterator[Finding]:
    """Classes that no photo trained on shows."""
    shown, elsewhere = looked.shown_by("train"), looked.shown_by("val")
    if not shown:
        return
    never = [tag for tag in range(1, len(looked.classes) + 1) if tag not in shown]
    name = looked.names["train"]
    if nowhere := tuple(looked.name(tag) for tag in never if tag not in elsewhere):
        said = f"classes that no photo of `{name}` is tagged with: {', '.join(shorten(list(nowhere)))}"
        hint = "nothing of them can be learned: leave them out of the classes, or add photos"
        yield Finding("class-never-tagged", "harms", said, classes=nowhere, hint=hint)
    if there := [tag for tag in never if tag in elsewhere]:
        yield Finding(
            "class-not-trained",
            "harms",
            f"classes of `{looked.names['val']}` that no photo of `{name}` is tagged with: "
            f"{some(map(looked.name, there))}",
            tuple(dict.fromkeys(i for tag in there for i in elsewhere[tag])),
            hint="they are predicted nowhere, and score 0: divide the photos anew",
            classes=tuple(map(looked.name, there)),
        )


def always_tagged(looked: Tagged) -> Iterator[Finding]:
    """Classes that every photo trained on shows."""
    train = looked.train
    always = [looked.name(tag) for tag, ids in looked.shown_by("train").items() if len(ids) == len(train) > 1]
    if always:
        said = (
            f"every photo of `{looked.names['train']}` is tagged with {', '.join(always)}: "
            "nothing tells what it looks like"
        )
        hint = "add photos without it"
        yield Finding("class-always-tagged", "harms", said, hint=hint, classes=tuple(always))


def rarely_tagged(looked: Tagged) -> Iterator[Finding]:
    """Classes that one or two photos trained on show."""
    rare = {tag: ids for tag, ids in looked.shown_by("train").items() if len(ids) <= RARE < len(looked.train)}
    if rare:
        yield Finding(
            "class-rare",
            "harms",
            f"classes that only one or two photos of `{looked.names['train']}` are tagged with: "
            f"{some(map(looked.name, rare))}",
            tuple(dict.fromkeys(i for ids in rare.values() for i in ids)),
            shorten([f"{looked.name(tag)}: {', '.join(ids)}" for tag, ids in rare.items()]),
            "add photos of them, or leave them out of the classes",
            tuple(map(looked.name, rare)),
        )


def always_together(looked: Tagged) -> Iterator[Finding]:
    """Classes that the very same photos show: neither can be told from the other."""
    groups: dict[frozenset[str], list[int]] = {}
    for tag, ids in looked.shown_by("train").items():
        if len(ids) < len(looked.train):
            groups.setdefault(frozenset(ids), []).append(tag)
    together = sorted(((ids, tags) for ids, tags in groups.items() if len(tags) > 1), key=lambda item: -len(item[0]))
    lines = [f"{' and '.join(map(looked.name, tags))}: {several(len(ids), 'photo')}" for ids, tags in together]
    if together:
        yield Finding(
            "classes-always-together",
            "harms",
            f"classes that always occur together in `{looked.names['train']}`, so that nothing tells them apart: "
            f"{'; '.join(lines[:3])}" + (f"; and {len(lines) - 3} more groups" if len(lines) > 3 else ""),
            _in_order(looked, set().union(*(ids for ids, _ in together))),
            shorten(lines) if len(lines) > 3 else (),
            "add photos of one without the other, or make them one class",
            tuple(looked.name(tag) for _, tags in together for tag in tags),
        )


def always_beside(looked: Tagged) -> Iterator[Finding]:
    """Classes whose photos all show another class as well, which others show, too: every cow stands on grass."""
    shown = {tag: set(ids) for tag, ids in looked.shown_by("train").items() if len(ids) < len(looked.train)}
    pairs = [
        (one, other)
        for one, ids in shown.items()
        if len(ids) >= ENOUGH
        for other, wider in shown.items()
        if len(wider) > len(ids) and ids <= wider
    ]
    pairs.sort(key=lambda pair: -len(shown[pair[0]]))
    lines = [f"{looked.name(one)} with {looked.name(other)} ({len(shown[one])} photos)" for one, other in pairs]
    if pairs:
        yield Finding(
            "class-always-beside",
            "note",
            f"classes that never occur without another in `{looked.names['train']}`: {'; '.join(lines[:3])}"
            + (f"; and {len(lines) - 3} more" if len(lines) > 3 else ""),
            _in_order(looked, set().union(*(shown[one] for one, _ in pairs))),
            shorten(lines) if len(lines) > 3 else (),
            "maps of the one may cover the other: photos of it alone help",
            tuple(dict.fromkeys(looked.name(tag) for pair in pairs for tag in pair)),
        )


def unbalanced(looked: Tagged) -> Iterator[Finding]:
    """Some classes on many times as many photos as others; those on one or two are told already."""
    counts = {tag: len(ids) for tag, ids in looked.shown_by("train").items() if len(ids) > RARE}
    if len(counts) < 2:
        return
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] >= UNEQUAL * counts[least]:
        yield Finding(
            "classes-unbalanced",
            "harms" if counts[most] >= VERY_UNEQUAL * counts[least] else "note",
            f"`{looked.name(most)}` is on {several(counts[most], 'photo')} of `{looked.names['train']}`, "
            f"`{looked.name(least)}` on {counts[least]:,}: {counts[most] // counts[least]} times as many",
            hint="rare classes are learned less well",
            classes=(looked.name(most), looked.name(least)),
        )


def without_tags(looked: Tagged) -> Iterator[Finding]:
    """Photos without a tag: right where they show no class, and otherwise forgotten."""
    without = tuple(photo.id for photo in looked.train if not photo.tags)
    if without and "train" in looked.known:
        are_most = 2 * len(without) > len(looked.train)
        yield Finding(
            "photo-without-tags",
            "harms" if are_most else "note",
            f"{several(len(without), 'photo')} of `{looked.names['train']}` ({len(looked.train):,}) "
            f"{'is' if len(without) == 1 else 'are'} without a tag",
            without,
            hint="they count as photos that show none of the classes: see that nobody forgot to tag them",
        )


def in_both_splits(looked: Tagged) -> Iterator[Finding]:
    """Photos that are trained on and predicted."""
    trained, val = {photo.id for photo in looked.train}, looked.photos.get("val", [])
    if both := tuple(photo.id for photo in val if photo.id in trained):
        yield Finding(
            "splits-overlap",
            "harms",
            f"{len(both)} of {len(val)} photos of `{looked.names['val']}` are trained on too: their scores say little",
            both,
            hint="leave them out of one of the two",
        )


def class_names_alike(looked: Tagged) -> Iterator[Finding]:
    """Names that differ by capitals and blanks only: usually one class, written in two ways."""
    for names in names_alike(looked.classes):
        said = f"{' and '.join(f'`{name}`' for name in names)} are {len(names)} classes"
        said = said.replace("are 2 classes", "are two classes")
        hint = "they differ by capitals and blanks only: if they are one, write it in one way"
        yield Finding("class-names-alike", "harms", said, hint=hint, classes=names)


def _in_order(looked: Tagged, ids: set[str]) -> tuple[str, ...]:
    return tuple(photo.id for photo in looked.train if photo.id in ids)
