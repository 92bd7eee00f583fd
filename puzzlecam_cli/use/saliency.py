"""Saliency maps of photos that were not trained on, for `--from pseudo`."""

from __future__ import annotations

from collections.abc import Sequence

from puzzlecam_cli.data.saliency import SaliencyMaps
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.use.job import WALKED, Pseudo, Settings
from puzzlecam_cli.use.results import Given


def with_saliency(photos: Sequence[Given], settings: Settings) -> Sequence[Given]:
    """Photos whose state tells also when their saliency map changes.

    Raises:
        UserError: `saliency-missing`: the folder holds no map of some; or what makes them is not there.
    """
    if not isinstance(settings, Pseudo) or not settings.saliency.serves(*WALKED):
        return photos
    maps, ids = SaliencyMaps(settings.saliency), [photo.id for photo in photos]
    try:
        maps.check(ids)
    except UserError as error:
        hint = "--set saliency.folder=FOLDER names one with maps of these photos; "
        hint += "saliency.folder=null does without, though the run's networks learned from labels with them"
        raise UserError(error.reference, error.problem, error.where, hint, error.ids) from None
    states = maps.states(ids)
    if not states:
        return photos
    return [photo._replace(state=f"{photo.state} {state}") for photo, state in zip(photos, states, strict=True)]
