"""Saliency maps: among what decides a step, before anything is made of them, and in what was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.saliency import SaliencyMaps, wrong_with
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.ledger import Inputs
from puzzlecam_cli.run.pipeline import Step
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.text import several

FILES = "saliency.files"  # of a step's inputs


def saliency_inputs(run: Run, step: Step) -> Inputs:
    """What of saliency decides a step: its source, its files, and the uses that the step makes of it; else nothing."""
    given = run.recipe.saliency
    if not given.serves(*step.saliency):
        return {}
    values = given.model_dump(mode="json")
    inputs = {f"saliency.{key}": values[key] for key in ("folder", "plugin", *step.saliency) if values[key] is not None}
    if given.folder is not None and run.photos.is_settled:
        states = SaliencyMaps(given).states(photo.id for photo in run.photos.photos(run.photos.splits.train))
        inputs[FILES] = hashlib.sha256("\n".join(states).encode()).hexdigest()[:16]
    return inputs


def _is_asked(checked: Checked) -> bool:
    """Whether a step is to be made that uses saliency maps."""
    given = checked.run.recipe.saliency
    if checked.everything:
        return given.is_given
    return any(given.serves(*step.saliency) for step in checked.steps)


def saliency_is_there(checked: Checked) -> Iterator[UserError]:
    """A folder that lacks maps of photos that are trained on; a plugin that is not installed or broken."""
    if _is_asked(checked):
        try:
            SaliencyMaps(checked.run.recipe.saliency).check([photo.id for photo in checked.photos.get("train", ())])
        except UserError as error:
            yield error


def saliency_fits(checked: Checked) -> Iterator[UserError]:
    """Maps that cannot be decoded or are not of their photo's size; a plugin that fails with the first photo."""
    photos = [photo for photo in checked.photos.get("train", ()) if checked.seen[photo.image].size]
    if not _is_asked(checked) or not photos or any(saliency_is_there(checked)):  # told above
        return
    maps = SaliencyMaps(checked.run.recipe.saliency)
    if checked.run.recipe.saliency.folder is None:
        try:
            _try_plugin(maps, photos[0])
        except UserError as error:
            yield error
        return
    from puzzlecam_cli.engine.pool import map_unordered

    jobs = [(photo.id, maps.of(photo.id).file, checked.seen[photo.image].size) for photo in photos]
    wrong = {
        i: problem for i, problem in map_unordered(_look, jobs, checked.workers if len(jobs) > 64 else 0) if problem
    }
    if wrong:
        ids = [photo.id for photo in photos if photo.id in wrong]
        yield UserError(
            "saliency-unreadable",
            f"{len(wrong)} of {several(len(photos), 'saliency map')} cannot be used",
            shorten([wrong[image_id] for image_id in ids]),
            "saliency maps are grey PNGs of 8 bits, of their photo's size",
            tuple(ids),
        )


def _look(job: tuple[str, Path | None, tuple[int, int] | None]) -> tuple[str, str | None]:
    image_id, file, size = job
    return image_id, wrong_with(file, size) if file else None


def _try_plugin(maps: SaliencyMaps, photo: Photo) -> None:
    import numpy as np

    from puzzlecam_cli.data.pixels.photo_file import open_image

    maps.of(photo.id).read(np.asarray(open_image(photo.image)))
