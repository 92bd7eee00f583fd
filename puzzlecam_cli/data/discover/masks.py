"""Masks that lie with the photos, for scores: which folder holds them, and whether they are what they seem to be."""

from __future__ import annotations

from pathlib import Path

from puzzlecam_cli.data.discover.candidate import Reading, read
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.disk.mask_folder import MASK_SUFFIXES, is_beside, masks_of
from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.errors import UserError

LOOKED_AT = 30  # masks that are compared with tags


def masks_here(place: Place, root: Path, facts: list[str]) -> Path | None:
    """The folder with most masks of the photos below the root: one called so, or the root where they lie beside them.

    Args:
        facts: what to say of folders that cannot be used is added.
    """
    photos = Walk(root, but=place.mask_folders) if root != place.folder else place.walk
    if any(is_beside(image_id, photos.files) for image_id in photos.files):
        return root
    best, most = None, 0
    for folder in place.mask_folders:
        try:
            found, _ = masks_of(photos, photos.files, Walk(folder, MASK_SUFFIXES, but=(root,), what="mask"))
        except UserError as error:
            if error.reference != "data-missing":
                facts.append(f"masks in {folder} are not used: {error.problem}")
            continue
        if len(found) > most:
            best, most = folder, len(found)
    return best


def without_masks(reading: Reading) -> Reading:
    """The reading without its masks, if these are not what the tags say.

    Raises:
        UserError: they cannot be left out, as they would be taken for photos.
    """
    problem = _why_not(reading)
    if problem is None:
        return reading
    try:
        return read(reading.candidate.without("masks", problem))
    except UserError:
        raise UserError("masks-contradict", problem, hint="move them out of the folder of photos") from None


def _why_not(reading: Reading) -> str | None:
    """What is wrong with masks, a sentence."""
    if not reading.masks or "masks" not in reading.candidate.data:
        return None
    import numpy as np

    where = reading.candidate.data["masks"]
    photos = [photo for photo in reading.photos if photo.mask is not None]
    wrong = 0
    some = photos[:: max(1, len(photos) // LOOKED_AT)]
    for photo in some:
        assert photo.mask is not None
        try:
            shown = {int(value) for value in np.unique(photo.mask.read())} - {0, 255}
        except UserError as error:
            return f"masks in {where} are not used: {error.problem}"
        wrong += not shown <= set(photo.tags)
    if 2 * wrong > len(some):
        return (
            f"masks in {where} are not used: {wrong} of {len(some)} looked at show classes that are no tags; "
            "classes.txt beside the photos lists the classes in the order of their numbers in masks"
        )
    return None
