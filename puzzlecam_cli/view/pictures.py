"""A photo and what was made of it, side by side in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from puzzlecam_cli.data.pixels.colours import VOC_PALETTE
from puzzlecam_cli.data.pixels.sizes import size_at

OPACITY = 0.65  # of a label, and of a map where its score is 1
GAP, TEXT = 6, 14  # pixels
COLOURS = np.array(VOC_PALETTE, np.uint8).reshape(-1, 3)


def with_scores(photo: Image.Image, classes: Sequence[int], scores: NDArray[np.float32]) -> Image.Image:
    """A photo under its maps: where a class scores best, in its colour, the denser the higher its score.

    Args:
        photo: RGB, (H, W).
        classes: K indices 1..C.
        scores: (K, h, w) in [0, 1], of any size.
    """
    if not len(classes):
        return photo
    resized = np.stack([np.asarray(Image.fromarray(s).resize(photo.size, Image.Resampling.BILINEAR)) for s in scores])
    best = np.asarray(classes)[resized.argmax(axis=0)]  # (H, W)
    return _laid_over(photo, COLOURS[best], OPACITY * resized.max(axis=0))


def with_labels(photo: Image.Image, labels: NDArray[np.uint8]) -> Image.Image:
    """A photo under its (h, w) labels, in VOC's colours; background is clear."""
    resized = np.asarray(Image.fromarray(labels).resize(photo.size, Image.Resampling.NEAREST))
    return _laid_over(photo, COLOURS[resized], OPACITY * (resized != 0))


def _laid_over(photo: Image.Image, colours: NDArray[np.uint8], opacity: NDArray[Any]) -> Image.Image:
    """(H, W, 3) colours over a photo, (H, W) opaque in [0, 1]."""
    part = opacity[..., None]
    return Image.fromarray((np.asarray(photo) * (1 - part) + colours * part).round().astype(np.uint8))


def sized(photo: Image.Image, side: int) -> Image.Image:
    """A photo with its longer side so many pixels long."""
    height, width = size_at((photo.height, photo.width), side)
    return photo.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def row(panels: Sequence[tuple[str, Image.Image]], classes: Sequence[tuple[int, str]]) -> Image.Image:
    """Pictures of equal size side by side, with a caption below each, and the classes with their colours below all.

    Args:
        panels: caption and picture.
        classes: index and name.
    """
    font = ImageFont.load_default(TEXT)
    width, height = panels[0][1].size
    steps = [int(font.getlength(name)) + TEXT + 3 * GAP for _, name in classes]
    full = max(GAP + len(panels) * (width + GAP), GAP + sum(steps))
    line = TEXT + 2 * GAP
    picture = Image.new("RGB", (full, GAP + height + line * (1 + bool(classes))), "white")
    draw = ImageDraw.Draw(picture)
    for number, (caption, panel) in enumerate(panels):
        left = GAP + number * (width + GAP)
        picture.paste(panel, (left, GAP))
        draw.text((left, 2 * GAP + height), caption, "black", font)
    left, top = GAP, GAP + height + line
    for (index, name), step in zip(classes, steps, strict=True):
        red, green, blue = COLOURS[index].tolist()
        draw.rectangle((left, top + 2, left + TEXT - 2, top + TEXT), (red, green, blue))
        draw.text((left + TEXT + GAP, top), name, "black", font)
        left += step
    return picture
