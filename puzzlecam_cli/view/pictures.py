"""What a person sees of a photo: the photo under its labels or maps, several side by side, a legend below."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from puzzlecam_cli.data.pixels.colours import RGB, VOC_PALETTE, voc_colour
from puzzlecam_cli.data.pixels.sizes import size_at

SHARE = 0.5  # of a label's colour, over the photo
SMALLEST_TEXT = 13  # pixels
LONGEST_NAME = 40  # characters
GAP = 6  # pixels between two pictures
PAPER, INK = (255, 255, 255), (20, 20, 20)
HEAT = np.array([(60, 10, 90), (150, 25, 110), (225, 60, 70), (252, 140, 40), (252, 240, 150)], np.float64)
VOC_COLOURS = np.array(VOC_PALETTE, np.uint8).reshape(-1, 3)


def with_labels(photo: Image.Image, labels: NDArray[np.uint8], colours: NDArray[np.uint8] = VOC_COLOURS) -> Image.Image:
    """A photo with half of each label's colour, and all of it along its border; background is clear.

    Args:
        photo: RGB, (H, W).
        labels: of any size.
        colours: (256, 3), of each label.
    """
    shown = np.asarray(Image.fromarray(labels).resize(photo.size, Image.Resampling.NEAREST))
    pixels = np.asarray(photo)
    mixed, inside = pixels.copy(), shown > 0
    mixed[inside] = (pixels[inside] * (1 - SHARE) + colours[shown[inside]] * SHARE).astype(np.uint8)
    border = np.zeros_like(inside)
    border[:, 1:] |= shown[:, 1:] != shown[:, :-1]
    border[1:] |= shown[1:] != shown[:-1]
    border &= inside
    mixed[border] = colours[shown[border]]
    return Image.fromarray(mixed)


def layer_of_labels(labels: NDArray[np.uint8], side: int) -> Image.Image:
    """Labels as a picture to lie over a photo of any size: each in its colour, background clear; palette and alpha.

    Args:
        side: of its longer side in pixels, at most.
    """
    picture = Image.fromarray(labels)
    picture.putpalette(VOC_PALETTE)
    if max(picture.size) > side:
        height, width = size_at((picture.height, picture.width), side)
        picture = picture.resize((width, height), Image.Resampling.NEAREST)
    picture.info["transparency"] = 0
    return picture


def layer_of_scores(classes: Sequence[int], scores: NDArray[np.float32]) -> Image.Image:
    """Maps as a picture to lie over a photo of any size: RGBA, the denser the higher the score.

    A single map is in the colours of heat, several in their class's, where it scores best.

    Args:
        classes: K indices 1..C.
        scores: (K, h, w) in [0, 1].
    """
    best = scores.max(axis=0, initial=0.0)  # (h, w)
    if len(classes) == 1:
        colours = heat(best)
    elif len(classes):
        colours = VOC_COLOURS[np.asarray(classes)[scores.argmax(axis=0)]]
    else:
        colours = np.zeros((*best.shape, 3), np.uint8)
    alpha = (255 * np.clip(best, 0, 1) ** 0.75).round().astype(np.uint8)
    return Image.fromarray(np.dstack([colours, alpha]), "RGBA")


def heat(scores: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(h, w) scores in [0, 1] → (h, w, 3): dark violet, red, orange, pale yellow, each lighter than the one before."""
    places = np.linspace(0, 1, len(HEAT))
    return np.stack([np.interp(scores, places, HEAT[:, channel]) for channel in range(3)], axis=-1).astype(np.uint8)


def sized(photo: Image.Image, side: int) -> Image.Image:
    """A photo with its longer side so many pixels long."""
    height, width = size_at((photo.height, photo.width), side)
    return photo.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def row(panels: Sequence[tuple[str, Image.Image]], classes: Sequence[tuple[int, str]]) -> Image.Image:
    """Pictures of equal size side by side, a caption below each, and below all the classes with their colours.

    Args:
        panels: caption and picture.
        classes: index and name.
    """
    width, height = panels[0][1].size
    line = SMALLEST_TEXT + 2 * GAP
    sheet = Image.new("RGB", (GAP + len(panels) * (width + GAP), GAP + height + line), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (caption, panel) in enumerate(panels):
        left = GAP + number * (width + GAP)
        sheet.paste(panel, (left, GAP))
        draw.text((left, GAP + height + line // 2), caption, INK, _font(SMALLEST_TEXT), anchor="lm")
    entries = [(voc_colour(index), written(name, index)) for index, name in classes]
    return with_legend(sheet, entries, SMALLEST_TEXT) if entries else sheet


def with_legend(picture: Image.Image, entries: Sequence[tuple[RGB, str]], height: int | None = None) -> Image.Image:
    """The picture on a sheet with a legend below it, as wide as both need.

    Args:
        entries: colour and text.
        height: of the text in pixels; None: by the picture's size.
    """
    height = height or max(SMALLEST_TEXT, max(picture.size) // 50)
    font = _font(height)
    gap, line = height, round(1.6 * height)
    lengths = [round(font.getlength(text)) + round(1.5 * height) for _, text in entries]
    width = max(picture.width, *(length + 2 * gap for length in lengths))
    places: list[tuple[int, int]] = []
    x, y = gap, picture.height + gap // 2
    for length in lengths:
        if x > gap and x + length > width - gap:
            x, y = gap, y + line
        places.append((x, y))
        x += length + gap
    sheet = Image.new("RGB", (width, y + line + gap // 2), PAPER)
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for (x, y), (colour, text) in zip(places, entries, strict=True):
        top = y + (line - height) // 2
        draw.rectangle((x, top, x + height - 1, top + height - 1), fill=colour, outline=INK)
        draw.text((x + round(1.5 * height), y + line // 2), text, fill=INK, font=font, anchor="lm")
    return sheet


def written(name: str, label: int) -> str:
    """A class's name in the letters of the font that comes with Pillow, which are ASCII's: `crème` as `creme`.

    Where others are left, the number of the class follows.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    known = "".join(c if c.isascii() else "?" for c in plain)
    short = known if len(known) <= LONGEST_NAME else f"{known[: LONGEST_NAME - 3]}..."
    return short if plain.isascii() else f"{short} (class {label})"


@cache
def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height)
