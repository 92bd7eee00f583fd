"""What can be wrong with tags and splits although every file can be read. One function a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from puzzlecam_cli.data.classes.class_list import is_nearly, names_alike
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.run.finding import Finding, Tagged, Weight, some
from puzzlecam_cli.text import quoted, several

RARE = 2  # photos of a class: nothing can be learned from so few
ENOUGH = 3  # photos of a class from which on it is said that another is always beside it
UNEQUAL, VERY_UNEQUAL = 10, 50  # times as many photos of one class as of another
MISSPELT = 5  # times as many photos of a class as of one that is rare, and may be the same misspelt
LEAVE_OUT = (
    "name the classes wanted in `data.classes: FILE` and leave out other tags with `data.unlisted: ignore` "
    "(kinds folder, coco and yolo)"
)


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
        names = looked.name(*first)
        said = f"all {len(train):,} photos of `{name}` are tagged with {some(names)} and nothing else: "
        said += "no photo lacks what another shows, so nothing can be told apart"
        hint = "add photos that show none of it, without a tag"
        yield Finding("nothing-to-tell-apart", "stops", said, hint=hint, classes=names)


def never_tagged(looked: Tagged) -> Iterator[Finding]:
    """Classes that no photo trained on shows."""
    shown, elsewhere = looked.shown_by("train"), looked.shown_by("val")
    if not shown:
        return
    never = [tag for tag in range(1, len(looked.classes) + 1) if tag not in shown]
    name = looked.names["train"]
    if nowhere := looked.name(*(tag for tag in never if tag not in elsewhere)):
        said = f"classes that no photo of `{name}` is tagged with: {', '.join(shorten(list(nowhere)))}"
        hint = "nothing of them can be learned: leave them out of the classes, or add photos"
        yield Finding("class-never-tagged", "harms", said, classes=nowhere, hint=hint)
    if there := [tag for tag in never if tag in elsewhere]:
        classes = looked.name(*there)
        said = f"classes of `{looked.names['val']}` that no photo of `{name}` is tagged with: {some(classes)}"
        ids = tuple(dict.fromkeys(i for tag in there for i in elsewhere[tag]))
        hint = "they are predicted nowhere, and score 0: divide the photos anew"
        yield Finding("class-not-trained", "harms", said, ids, hint=hint, classes=classes)


def always_tagged(looked: Tagged) -> Iterator[Finding]:
    """Classes that every photo trained on shows."""
    count = len(looked.train)
    always = looked.name(*(tag for tag, ids in looked.shown_by("train").items() if len(ids) == count > 1))
    if always:
        said = f"every photo of `{looked.names['train']}` is tagged with {', '.join(always)}: "
        said += "nothing tells what it looks like"
        yield Finding("class-always-tagged", "harms", said, hint="add photos without it", classes=always)


def rarely_tagged(looked: Tagged) -> Iterator[Finding]:
    """Classes that one or two photos trained on show."""
    rare = {tag: ids for tag, ids in looked.shown_by("train").items() if len(ids) <= RARE < len(looked.train)}
    if rare:
        names = looked.name(*rare)
        said = f"classes that only one or two photos of `{looked.names['train']}` are tagged with: {some(names)}"
        ids = tuple(dict.fromkeys(i for found in rare.values() for i in found))
        lines = shorten([f"{name}: {', '.join(found)}" for name, found in zip(names, rare.values(), strict=True)])
        yield Finding("class-rare", "harms", said, ids, lines, f"add photos, or {LEAVE_OUT}", names)


def always_together(looked: Tagged) -> Iterator[Finding]:
    """Classes that the very same photos show: neither can be told from the other."""
    groups: dict[frozenset[str], list[int]] = {}
    for tag, ids in _not_on_all(looked).items():
        groups.setdefault(frozenset(ids), []).append(tag)
    together = sorted(((ids, tags) for ids, tags in groups.items() if len(tags) > 1), key=lambda item: -len(item[0]))
    if together:
        lines = [f"{' and '.join(looked.name(*tags))}: {several(len(ids), 'photo')}" for ids, tags in together]
        said = f"classes that always occur together in `{looked.names['train']}`, so that nothing tells them apart: "
        said += "; ".join(shorten(lines, 3))
        every = _in_order(looked, set().union(*(ids for ids, _ in together)))
        hint = "add photos of one without the other, or make them one class"
        names = looked.name(*(tag for _, tags in together for tag in tags))
        yield Finding("classes-always-together", "harms", said, every, shorten(lines), hint, names)


def always_beside(looked: Tagged) -> Iterator[Finding]:
    """Classes whose photos all show another class as well, which others show, too: every cow stands on grass."""
    shown = {tag: set(ids) for tag, ids in _not_on_all(looked).items()}
    often = [tag for tag in sorted(shown, key=lambda tag: -len(shown[tag])) if len(shown[tag]) >= ENOUGH]
    pairs = [(one, other) for one in often for other, wider in shown.items() if shown[one] < wider]
    if pairs:
        lines = [f"{' with '.join(looked.name(*pair))} ({len(shown[pair[0]])} photos)" for pair in pairs]
        said = f"classes that never occur without another in `{looked.names['train']}`: {'; '.join(shorten(lines, 3))}"
        ids = _in_order(looked, set().union(*(shown[one] for one, _ in pairs)))
        hint = "maps of the one may cover the other: photos of it alone help"
        names = tuple(dict.fromkeys(name for pair in pairs for name in looked.name(*pair)))
        yield Finding("class-always-beside", "note", said, ids, shorten(lines), hint, names)


def unbalanced(looked: Tagged) -> Iterator[Finding]:
    """Some classes on many times as many photos as others; those on one or two are told already."""
    counts = {tag: len(ids) for tag, ids in looked.shown_by("train").items() if len(ids) > RARE}
    if len(counts) < 2:
        return
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] >= UNEQUAL * counts[least]:
        names = looked.name(most, least)
        said = f"`{names[0]}` is on {several(counts[most], 'photo')} of `{looked.names['train']}`, `{names[1]}` on "
        said += f"{counts[least]:,}: {counts[most] // counts[least]} times as many"
        weight: Weight = "harms" if counts[most] >= VERY_UNEQUAL * counts[least] else "note"
        yield Finding("classes-unbalanced", weight, said, hint="rare classes are learned less well", classes=names)


def without_tags(looked: Tagged) -> Iterator[Finding]:
    """Photos without a tag: right where they show no class, and otherwise forgotten."""
    without = tuple(photo.id for photo in looked.train if not photo.tags)
    if without and "train" in looked.known:
        said = f"{len(without):,} of {several(len(looked.train), 'photo')} of `{looked.names['train']}` without a tag"
        weight: Weight = "harms" if 2 * len(without) > len(looked.train) else "note"
        hint = "they count as photos that show none of the classes: see that nobody forgot to tag them"
        yield Finding("photo-without-tags", weight, said, without, hint=hint)


def in_both_splits(looked: Tagged) -> Iterator[Finding]:
    """Photos that are trained on and predicted."""
    trained, val = {photo.id for photo in looked.train}, looked.photos.get("val", [])
    if both := tuple(photo.id for photo in val if photo.id in trained):
        said = (
            f"{len(both)} of {several(len(val), 'photo')} of `{looked.names['val']}` trained on too: "
            "the scores of such photos say little"
        )
        yield Finding("splits-overlap", "harms", said, both, hint="leave them out of one of the two")


def class_names_alike(looked: Tagged) -> Iterator[Finding]:
    """Names that differ by capitals and blanks only: usually one class, written in two ways."""
    for names in names_alike(looked.classes):
        count = "two" if len(names) == 2 else len(names)
        said = f"{' and '.join(f'`{name}`' for name in names)} are {count} classes"
        hint = "they differ by capitals and blanks only: if they are one, write it in one way"
        yield Finding("class-names-alike", "harms", said, hint=hint, classes=names)


def misspelt(looked: Tagged) -> Iterator[Finding]:
    """Classes written nearly like another that is on many times as many photos: a tag that was misspelt, most often."""
    shown = {(photo.id, tag) for photos in looked.photos.values() for photo in photos for tag in photo.tags}
    counts = Counter(tag for _, tag in shown)
    pairs = []
    for one, few in sorted(counts.items()):
        least = few * (MISSPELT if few <= RARE else UNEQUAL)
        like = [tag for tag, count in counts.items() if count >= least and is_nearly(*looked.name(one, tag))]
        pairs += [(one, max(like, key=lambda tag: (counts[tag], -tag)))] if like else []
    if pairs:
        words = {tag: f"{quoted(looked.name(tag)[0])} ({several(counts[tag], 'photo')})" for tag in counts}
        lines = [f"{words[one]} is written nearly like {words[other]}" for one, other in pairs]
        photos = {one: sorted(i for i, tag in shown if tag == one) for one, _ in pairs}
        where = shorten([f"{looked.name(one)[0]}: {', '.join(shorten(ids, 6))}" for one, ids in photos.items()])
        ids = tuple(dict.fromkeys(i for found in photos.values() for i in found))
        names = looked.name(*dict.fromkeys(tag for pair in pairs for tag in pair))
        hint = f"if they are one class, correct the tags; or {LEAVE_OUT}"
        yield Finding("class-misspelt", "harms", "; ".join(shorten(lines, 3)), ids, where, hint, names)


def _not_on_all(looked: Tagged) -> dict[int, list[str]]:
    return {tag: ids for tag, ids in looked.shown_by("train").items() if len(ids) < len(looked.train)}


def _in_order(looked: Tagged, ids: set[str]) -> tuple[str, ...]:
    return tuple(photo.id for photo in looked.train if photo.id in ids)
