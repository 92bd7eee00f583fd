"""With `data.on_error: skip`: find the photos and masks that cannot be read, and see that enough is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.skipping import Refused, state, why_gone
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.run.check_data import wrong_with_mask
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.text import quoted

MOST = 0.5  # share of a split's photos, or masks, that may be left out: more is a wrong folder


def leave_out(checked: Checked) -> list[str]:
    """Look at all photos and masks, and leave out those that cannot be read.

    Returns:
        How that differs from what was left out before, a sentence each.
    """
    skipping = checked.run.skipping
    if skipping is None or checked.run.photos.to_prepare:
        return []
    photos: dict[str, list[Refused]] = {}
    for part, listed in checked.all_photos.items():
        found = ((photo, photo.image, checked.seen[photo.image].problem) for photo in listed)
        photos[checked.splits[part]] = list(_refused(checked.splits[part], found))
    masks: dict[str, list[Refused]] = {}
    for part, listed in checked.all_scored.items():
        with_mask = ((photo, photo.mask.path, wrong_with_mask(checked, photo)) for photo in listed if photo.mask)
        masks[checked.splits[part]] = list(_refused(checked.splits[part], with_mask))
    return skipping.leave_out(photos, masks)


def _refused(split: str, found: Iterable[tuple[Photo, Path, str | None]]) -> Iterator[Refused]:
    for photo, file, problem in found:
        if problem:
            yield Refused(split, photo.id, str(file), problem.removeprefix(f"{file} "), state(file))


def enough_is_left(checked: Checked) -> Iterator[UserError]:
    """Splits most of whose photos or masks are left out: a wrong folder, most often."""
    data = checked.run.photos
    for split in dict.fromkeys(checked.splits.values()) if checked.run.skipping and not data.to_prepare else ():
        try:
            gone, without, (photos, masks) = data.left_out(split), data.masks_left_out(split), data.count(split)
        except UserError:  # told with the lists
            continue
        if len(gone) > MOST * (photos + len(gone)):
            yield _too_many("image-unreadable", f"{len(gone)} of {photos + len(gone)} photos of `{split}`", gone)
        elif checked.makes("eval/scores") and len(without) > MOST * (masks + len(without)):
            yield _too_many("mask-unreadable", f"{len(without)} of {masks + len(without)} masks of `{split}`", without)


def _too_many(reference: str, what: str, reasons: Mapping[str, str]) -> UserError:
    return UserError(
        reference,
        f"{what} are {why_gone(reasons.values())}: too many to be left out",
        shorten([f"{quoted(image_id)}: {reason}" for image_id, reason in reasons.items()]),
        "data.on_error: skip leaves out half of them at most; see whether data.root is the right folder",
    )
