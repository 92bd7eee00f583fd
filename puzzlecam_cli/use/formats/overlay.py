"""Photos with their classes laid over them in colour, and below them what each colour stands for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB, voc_colour
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.use.formats.labelled import VOID, Labelled, name_of
from puzzlecam_cli.use.formats.output import Output
from puzzlecam_cli.view.pictures import PAPER, with_labels, with_legend, written

LARGEST = 2048  # pixels of the longer side: it is for looking at


def write(
    output: Output, photos: Sequence[Labelled], classes: tuple[str, ...], colours: tuple[RGB, ...], tick: Tick
) -> None:
    """`overlay/<id>.png`: the photo, at most 2048 pixels long, and a legend of the classes in it, the largest first."""
    for done, photo in enumerate(photos, start=1):
        states = stat_of(str(photo.labels)), stat_of(str(photo.photo)), classes, colours
        name, of = f"overlay/{photo.id}.png", repr(states)
        if not output.is_made(name, of):
            picture = overlay(photo, classes, colours)
            with output.replacing(name, of) as temporary:
                picture.save(temporary, format="png")
        tick(done, len(photos))


def overlay(photo: Labelled, classes: tuple[str, ...], colours: tuple[RGB, ...]) -> Image.Image:
    """The photo under its labels, above a legend.

    Raises:
        UserError: photo or labels cannot be read, or are of different sizes.
    """
    labels, areas = photo.read(len(classes))
    picture = open_image(photo.photo)
    if picture.size != labels.shape[::-1]:
        width, height = picture.size
        raise UserError(
            "labels-strange",
            f"{photo.labels} is of {labels.shape[1]}×{labels.shape[0]} pixels, its photo of {width}×{height}",
            (str(photo.photo),),
            "the photo has changed since: make its labels anew",
        )
    if max(picture.size) > LARGEST:
        picture.thumbnail((LARGEST, LARGEST))
    table = np.zeros((VOID + 1, 3), dtype=np.uint8)
    table[: len(colours)] = colours
    table[VOID] = voc_colour(VOID)
    found = sorted((label for label in areas if label), key=lambda label: -areas[label])
    entries = [
        (voc_colour(VOID) if label == VOID else colours[label], f"{written(name_of(label, classes), label)} {share}")
        for label in found
        for share in (_percent(areas[label] / labels.size),)
    ]
    return with_legend(with_labels(picture, labels, table), entries or [(PAPER, "background only")])


def _percent(share: float) -> str:
    return "<1%" if share < 0.01 else f"{share:.0%}"
