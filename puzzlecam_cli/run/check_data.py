"""What can be wrong with lists, photos, tags and masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.find_in_tags import always_tagged, class_names_alike, in_both_splits, misspelt, never_tagged
from puzzlecam_cli.run.finding import Tagged, by
from puzzlecam_cli.text import several

MANY = 0.3  # share of photos whose tags and mask contradict each other that stops a run


def room_for_pictures(checked: Checked) -> Iterator[UserError]:
    """Files of somebody else where pictures are to be written."""
    try:
        checked.run.photos.check()
    except UserError as error:
        yield error


def lists(checked: Checked) -> Iterator[UserError]:
    """Splits that cannot be listed, no tags at all, masks for a part only, scored photos that are not trained on."""
    photos = checked.photos
    yield from {error.problem: error for error in checked.refused.values()}.values()
    if photos.get("train") and not any(photo.tags for photo in photos["train"]):
        left = " that are left" if checked.run.photos.left_out(checked.splits["train"]) else ""
        yield UserError(
            "tags-missing",
            f"none of the {len(photos['train'])} photos of `{checked.splits['train']}`{left} has a tag",
            hint="tags are what is learned from: see that they are read from the right place",
        )
    for split, listed in {checked.splits[part]: listed for part, listed in photos.items()}.items():
        if listed and all(map(_is_swapped, listed)):
            first = listed[0]
            yield UserError(
                "photos-swapped",
                f"all photos of `{split}` are PNG files and their masks JPEG files: they seem swapped",
                (f"{first.image} with the mask {first.mask and first.mask.path}",),
                "masks are PNG files, as JPEG changes their numbers: let the folders change places",
            )
    if checked.scored:
        try:
            checked.run.photos.check_masks()
        except UserError as error:
            yield error
    for part, listed in checked.scored.items():
        known = checked.run.photos.masks_left_out(checked.splits[part])
        without = [photo.id for photo in listed if photo.mask is None and photo.id not in known]
        if without and not checked.run.photos.scores_some:
            yield UserError(
                "mask-missing",
                f"{len(without)} of {len(listed)} images of `{checked.splits[part]}` have no mask; every image counts",
                shorten(without),
                "name a list of the images that have masks in data.score or data.val",
                tuple(without),
            )
    trained = {photo.id for photo in photos.get("train", ())}
    extra = [photo.id for photo in checked.scored.get("score", ()) if photo.id not in trained]
    if extra and trained:
        yield UserError(
            "split-not-trained",
            f"{len(extra)} images of `{checked.splits['score']}` are not in `{checked.splits['train']}`: "
            "they get no maps that could be scored",
            shorten(extra),
            "data.score names images that are trained on; those that are not belong to data.val",
            tuple(extra),
        )


def _is_swapped(photo: Photo) -> bool:
    mask = photo.mask.path.suffix.lower() if photo.mask else ""
    return photo.image.suffix.lower() == ".png" and mask in (".jpg", ".jpeg")


def pixels(checked: Checked) -> Iterator[UserError]:
    """Photos and masks that cannot be decoded, masks of another size than their photo."""
    listed = {photo.image: photo for photos in checked.photos.values() for photo in photos}
    bad = {photo.id: _of(path, problem) for path, photo in listed.items() if (problem := checked.seen[path].problem)}
    if bad:
        yield UserError(
            "image-unreadable",
            f"{len(bad)} of {len(listed)} photos cannot be used",
            shorten(list(bad.values())),
            "replace the files, remove the photos (and their lines in lists and tag files), or leave them out: "
            "--set data.on_error=skip",
            tuple(bad),
        )
    wrong: dict[str, str] = {}
    total = 0
    for photo, mask in _masks(checked):
        total += 1
        if problem := wrong_with_mask(checked, photo):
            wrong[photo.id] = _of(mask, problem)
    if wrong:
        yield UserError(
            "mask-unreadable",
            f"{len(wrong)} of {total} masks cannot be scored with",
            shorten(list(wrong.values())),
            "masks are of the photo's size, as files 8-bit PNGs of class indices; without masks nothing is scored; "
            "data.on_error=skip leaves out those at fault",
            tuple(wrong),
        )


def wrong_with_mask(checked: Checked, photo: Photo) -> str | None:
    """Why a photo cannot be scored with its mask, which was looked at."""
    assert photo.mask is not None
    seen, size = checked.seen[photo.mask.key], checked.seen[photo.image].size
    if seen.problem or not size or seen.size == size:
        return seen.problem
    turned = ", which its EXIF may have turned" if seen.size == size[::-1] else ""
    return f"{by(seen.size)} pixels, its photo {by(size)}{turned}"


def masks_mean_something(checked: Checked) -> Iterator[UserError]:
    """Splits whose masks are void everywhere, or hold no class though white may be one."""
    for part, photos in checked.scored.items():
        masks = [photo.mask for photo in photos if photo.mask is not None]
        values = _values(checked, part)
        if any(checked.seen[mask.key].problem for mask in masks) or not values <= {0, 255}:
            continue
        if values == {255} or (255 in values and masks[0].is_grey()):
            yield UserError(
                "masks-empty",
                f"the masks of `{checked.splits[part]}` hold no class: {_held(values)}",
                (f"for example {masks[0].key}",),
                "masks hold class indices: 0 background, 1 the first class, 255 void; where 255 is the one class, say "
                "--set data.white=class",
            )


def masks_are_sharp(checked: Checked) -> Iterator[UserError]:
    """Masks that were made smaller or larger like photos: their borders hold numbers of classes that are not there."""
    masks = {photo.id: path for photo, path in _masks(checked)}
    blended = {
        i: f"{path}: {_held(set(between))}" for i, path in masks.items() if (between := checked.seen[path].between)
    }
    if len(blended) > max(MANY * len(masks), 1):
        yield UserError(
            "masks-blended",
            f"{len(blended)} of {len(masks)} masks hold numbers that lie only where a lower one meets a higher one",
            shorten(list(blended.values())),
            "they were resized by interpolation, which makes new numbers: resize them with nearest neighbour",
            tuple(blended),
        )


def _values(checked: Checked, part: str) -> set[int]:
    """All that the masks of a part hold."""
    masks = [photo.mask.key for photo in checked.scored[part] if photo.mask is not None]
    return {value for mask in masks for value in checked.seen[mask].classes}


def _held(values: set[int]) -> str:
    return "nothing but void (255)" if values == {255} else f"only {' and '.join(map(str, sorted(values)))}"


def tags_fit_masks(checked: Checked) -> Iterator[UserError]:
    """Tags and masks of the same photos that contradict each other, as where classes are off by one."""
    compared, wrong = _contradictions(checked)
    if compared and len(wrong) > MANY * compared:
        yield UserError(
            "tags-contradict-masks",
            f"tags and masks of {len(wrong)} of {compared} photos contradict each other",
            shorten(list(wrong.values())),
            "usually the masks' numbers are off by one, or the class list is in another order than theirs",
            tuple(wrong),
        )


def about_tags(checked: Checked) -> Iterator[str]:
    """What a person should know about the tags: how many there are, and what is odd about them."""
    photos = checked.photos
    yield from about_data(checked)
    if "train" not in photos:
        return
    train, name = photos["train"], checked.splits["train"]
    times = Counter(tag for photo in train for tag in photo.tags)
    without = [photo.id for photo in train if not photo.tags]
    counts = f"{several(len(train), 'photo')}, {several(times.total(), 'tag')} of {several(len(times), 'class')}"
    yield f"`{name}`: {counts}" + (
        f", {several(len(without), 'photo')} without a tag: {', '.join(shorten(without, 3))}" if without else ""
    )
    tagged = Tagged(photos, checked.splits, checked.run.photos.classes, frozenset({"train"}))
    for find in (class_names_alike, misspelt, never_tagged, always_tagged, in_both_splits):
        yield from (finding.said for finding in find(tagged))
    if checked.tick is not None:
        yield from about_masks(checked)
        compared, wrong = _contradictions(checked)
        if wrong:
            first = next(iter(wrong.values()))
            yield f"tags and masks contradict each other in {len(wrong)} of {compared} photos: {first}"


def about_data(checked: Checked) -> Iterator[str]:
    """What is odd about where tags, classes and masks are from."""
    photos, data = checked.photos, checked.run.photos
    yield from dict.fromkeys(fact for part in photos for fact in data.facts(checked.splits[part]))
    for part in ("score", "val") if checked.makes("eval/scores") else ():
        if photos.get(part) and part not in checked.scored:
            split = checked.splits[part]
            yield f"no photo of `{split}` has a mask, so nothing is scored on it{data.why_no_masks(split)}"
    for part, listed in checked.scored.items() if data.scores_some else ():
        if (masks := sum(photo.mask is not None for photo in listed)) < len(listed):
            yield f"scores of `{checked.splits[part]}` are of the {masks} of its {len(listed)} photos with a mask"


def about_masks(checked: Checked) -> Iterator[str]:
    """What is odd about masks that can all be read."""
    from puzzlecam_cli.data.pixels.photo_file import turns_unseen

    for part, split in {part: f"`{checked.splits[part]}`" for part in checked.scored}.items():
        if (values := _values(checked, part)) <= {0, 255}:
            yield f"the masks of {split} hold no class: {_held(values)}"
        elif 0 not in values:
            yield f"no mask of {split} holds background (0): its score is of what is predicted where masks are void"
    masks = [(photo, mask) for photo, mask in _masks(checked) if checked.seen[photo.image].size]
    if unseen := [photo.id for photo, _ in masks if turns_unseen(photo.image)]:
        yield (
            f"EXIF turns {several(len(unseen), 'photo')} to the same size ({', '.join(shorten(unseen, 3))}): "
            "their masks are taken to be of the photo as it is seen"
        )


def _contradictions(checked: Checked) -> tuple[int, dict[str, str]]:
    """Photos compared, and those in which a tag is not in the mask while another class is: which, in words, by id."""
    tags: dict[str, set[int]] = {}
    for part in {"train", *checked.scored} & checked.photos.keys():
        tags |= {i: set(found) for i, found in checked.run.photos.known_tags(checked.splits[part]).items()}
    names = dict(enumerate(checked.run.photos.classes, start=1))
    compared = 0
    wrong: dict[str, str] = {}
    for photo, mask in _masks(checked):
        shown = set(checked.seen[mask].classes) - {0, 255}
        tagged = tags.get(photo.id)
        if not shown or not tagged:
            continue
        compared += 1
        if shown - tagged and tagged - shown:
            said, seen = ([names.get(n, str(n)) for n in sorted(group)] for group in (tagged, shown))
            wrong[photo.id] = f"{photo.id}: tagged {', '.join(said)}; its mask shows {', '.join(seen)}"
    return compared, wrong


def _masks(checked: Checked) -> list[tuple[Photo, Path]]:
    found = {photo.mask.key: photo for photos in checked.scored.values() for photo in photos if photo.mask is not None}
    return [(photo, path) for path, photo in found.items()]


def _of(path: Path, problem: str) -> str:
    """A problem with the name of its file, once."""
    return problem if str(path) in problem else f"{path}: {problem}"
