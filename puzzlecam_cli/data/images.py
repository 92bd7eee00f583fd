"""Decode photos and masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from puzzlecam_cli.errors import UserError, shorten

# PASCAL VOC's palette: bit b of the label sets bit 7 - b // 3 of red, green or blue (b % 3).
VOC_PALETTE = [
    sum((label >> bit & 1) << (7 - bit // 3) for bit in range(channel, 8, 3))
    for label in range(256)
    for channel in range(3)
]


def open_image(path: Path) -> Image.Image:
    """A photo in RGB, turned as its camera says.

    Raises:
        UserError: the file is missing or cannot be decoded.
    """
    try:
        with Image.open(path) as file:
            ImageOps.exif_transpose(file, in_place=True)
            return file if file.mode == "RGB" else file.convert("RGB")
    except FileNotFoundError:
        raise UserError("image-missing", f"{path} is not there any more") from None
    except Exception as error:  # broken files make Pillow raise almost anything
        raise UserError(
            "image-unreadable",
            f"{path} cannot be decoded: {error}",
            (f"image {path.stem}",),
            "replace the file, or remove the image from its list",
        ) from None


def read_mask(path: Path) -> NDArray[np.uint8]:
    """(H, W) class indices of a palette or grey PNG.

    Raises:
        UserError: the file is missing, cannot be decoded, or is a colour picture.
    """
    try:
        with Image.open(path) as file:
            if file.mode in ("P", "L"):
                return np.array(file, dtype=np.uint8)
            mode = file.mode
    except FileNotFoundError:
        raise UserError("mask-missing", f"{path} is not there") from None
    except Exception as error:  # broken files make Pillow raise almost anything
        raise UserError("mask-unreadable", f"{path} cannot be decoded: {error}") from None
    raise UserError(
        "mask-unreadable",
        f"{path} is a {mode} picture",
        hint="masks are 8-bit PNGs of class indices (P or L)",
    )


def check_readable(paths: Sequence[Path], progress: Callable[[int, int], None]) -> None:
    """Read the header of each photo, so that a broken file is found now and not hours later.

    Raises:
        UserError: all photos that cannot be opened.
    """
    broken = []
    for number, path in enumerate(paths, start=1):
        try:
            with Image.open(path) as file:
                file.verify()
        except Exception as error:  # broken files make Pillow raise almost anything
            broken.append(f"{path}: {error}")
        if number % 500 == 0:
            progress(number, len(paths))
    if broken:
        raise UserError(
            "image-unreadable",
            f"{len(broken)} of {len(paths)} photos cannot be decoded",
            shorten(broken),
            "replace the files, or remove the images from their list",
        )
