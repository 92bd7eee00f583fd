"""Photos with their classes laid over them in colour, and below them what each colour stands for."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB, voc_colour
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.use.formats.labelled import VOID, Labelled, name_of
from puzzlecam_cli.use.formats.output import Output

LARGEST = 2048  # pixels of the longer side: it is for looking at
SHARE = 0.5  # of the colour, over the photo
SMALLEST_TEXT = 13  # pixels
LONGEST_NAME = 40  # characters
PAPER, INK = (255, 255, 255), (20, 20, 20)


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
    shown = Image.fromarray(labels)
    if max(picture.size) > LARGEST:
        picture.thumbnail((LARGEST, LARGEST))
        shown = shown.resize(picture.size, Image.Resampling.NEAREST)
    table = np.zeros((VOID + 1, 3), dtype=np.uint8)
    table[: len(colours)] = colours
    table[VOID] = voc_colour(VOID)
    found = sorted((label for label in areas if label), key=lambda label: -areas[label])
    entries = [
        (voc_colour(VOID) if label == VOID else colours[label], f"{_written(name_of(label, classes), label)} {share}")
        for label in found
        for share in (_percent(areas[label] / labels.size),)
    ]
    return _above(_coloured(np.asarray(picture), np.asarray(shown), table), entries or [(PAPER, "background only")])


def _coloured(photo: NDArray[np.uint8], labels: NDArray[np.uint8], table: NDArray[np.uint8]) -> Image.Image:
    """(H, W, 3) photo, (H, W) labels → the photo with half of each class's colour, and all of it along its border."""
    mixed = photo.copy()
    inside = labels > 0
    mixed[inside] = (photo[inside] * (1 - SHARE) + table[labels[inside]] * SHARE).astype(np.uint8)
    border = np.zeros_like(inside)
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[1:] |= labels[1:] != labels[:-1]
    border &= inside
    mixed[border] = table[labels[border]]
    return Image.fromarray(mixed)


def _above(picture: Image.Image, entries: list[tuple[RGB, str]]) -> Image.Image:
    """The picture on a sheet with a legend below it, as wide as both need."""
    height = max(SMALLEST_TEXT, max(picture.size) // 50)
    font = _font(height)
    gap, row = height, round(1.6 * height)
    lengths = [round(font.getlength(text)) + round(1.5 * height) for _, text in entries]
    width = max(picture.width, *(length + 2 * gap for length in lengths))
    places: list[tuple[int, int]] = []
    x, y = gap, picture.height + gap // 2
    for length in lengths:
        if x > gap and x + length > width - gap:
            x, y = gap, y + row
        places.append((x, y))
        x += length + gap
    sheet = Image.new("RGB", (width, y + row + gap // 2), PAPER)
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for (x, y), (colour, text) in zip(places, entries, strict=True):
        top = y + (row - height) // 2
        draw.rectangle((x, top, x + height - 1, top + height - 1), fill=colour, outline=INK)
        draw.text((x + round(1.5 * height), y + row // 2), text, fill=INK, font=font, anchor="lm")
    return sheet


@cache
def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height)


def _written(name: str, label: int) -> str:
    """A name in the letters of the font that comes with Pillow, which are ASCII's: `crème` as `creme`.

    Where others are left, the number of the class follows.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    known = "".join(c if c.isascii() else "?" for c in plain)
    short = known if len(known) <= LONGEST_NAME else f"{known[: LONGEST_NAME - 3]}..."
    return short if plain.isascii() else f"{short} (class {label})"


def _percent(share: float) -> str:
    return "<1%" if share < 0.01 else f"{share:.0%}"
