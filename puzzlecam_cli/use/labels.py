"""labels: the pseudo labels of the photos that a run is trained on, in the forms in which people correct them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from puzzlecam_cli.data.disk.walk import WRITTEN
from puzzlecam_cli.data.photos import Tell, Tick, silent
from puzzlecam_cli.data.pixels.colours import voc_colour
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.pipeline import named
from puzzlecam_cli.run.plan import plan
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages import PIPELINE
from puzzlecam_cli.use.formats import table
from puzzlecam_cli.use.formats.labelled import Labelled
from puzzlecam_cli.use.formats.output import check_new

USER = "seg"  # the stage that needs pseudo labels: it is asked whether they are there and up to date


def write_labels(
    run: str | Path,
    out: str | Path,
    formats: Sequence[str] = ("png",),
    *,
    force: bool = False,
    told: Callable[[str], Tick] = lambda task: lambda done, total: None,
    tell: Tell = silent,
) -> int:
    """Write the pseudo labels of a run; nothing of the run is changed.

    Args:
        run: its folder.
        formats: rows of `puzzlecam_cli.use.formats.table.FORMATS`.
        force: overwrite files that are not as this wrote them.
        told: gives for the name of a format what is told of (done, total) photos.
        tell: is told of what is read of the data.

    Returns:
        How many photos there are.

    Raises:
        UserError: pseudo labels are missing or stale (`stage-missing`, `stage-stale`); see `table.check` and `write`.
    """
    folder = RunFolder(Path(run))
    if not (folder.recipe.is_file() and folder.ledger.is_file()):
        raise UserError("run-missing", f"{run} is no folder of a run", hint="it holds recipe.yaml and run.json")
    found = Run.at(load_recipe(str(run)), folder.root, tell)
    plan(found, PIPELINE, named(PIPELINE, [USER]))
    classes, split = found.photos.classes, found.photos.splits.train
    photos = [Labelled(p.id, p.image, found.folder.pseudo_label(p.id)) for p in found.photos.photos(split)]
    table.check(Path(out), formats, {photo.id: photo.photo for photo in photos}, classes, force=force)
    check_new(Path(out), WRITTEN, {f"{before}{photo.id}.png" for photo in photos for before in ("", "overlay/")})
    colours = [voc_colour(label) for label in range(len(classes) + 1)]
    table.write(Path(out), formats, photos, classes, colours, told)
    return len(photos)
