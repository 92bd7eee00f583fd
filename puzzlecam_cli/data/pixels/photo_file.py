"""Decode photos: whatever a camera, a scanner or a microscope wrote becomes RGB of 8 bits."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Transpose
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from puzzlecam_cli.data.pixels.decode import ORIENTATION, in_words, kind_of_pixels, opened, prepare, raw_mode, refused
from puzzlecam_cli.errors import UserError

BITS, PHOTOMETRIC = 258, 262  # tags of TIFF
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
SIDEWAYS = (TURNS[5], TURNS[6], TURNS[7], TURNS[8])
PLAIN_MODES = ("1", "L", "P", "RGB", "CMYK", "YCbCr")
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
PNG_CHUNKS = 1_000_000  # looked through at most


def open_image(path: Path) -> Image.Image:
    """A photo in RGB, 8 bits, turned as its camera says.

    Of 16 bits the upper eight are taken; what is transparent is laid over white; of a phone's MPO the first picture is.

    Raises:
        UserError: `image-missing`; `image-unreadable` for what is no whole photo, an animation, several pages,
            floating point or more than 16 bits.
    """
    with opened(path, "image") as file:
        prepare(file, "image", path)
        turn = _turn(file)
        picture = _in_rgb(file, path)
        return picture if turn is None else picture.transpose(turn)


def as_rgb(picture: Image.Image) -> Image.Image:
    """A picture that is open already as RGB of 8 bits, turned as its camera says; what is transparent lies over white.

    Raises:
        UserError: `image-unreadable` for floating point or more than 8 bits, and where its pixels cannot be had.
    """
    try:
        turn = TURNS.get(picture.getexif().get(ORIENTATION, 1))
        if picture.mode in ALPHA_MODES or "transparency" in picture.info:
            rgba = picture.convert("LA").convert("RGBA") if picture.mode == "La" else picture.convert("RGBA")
            picture = _over_white(rgba, rgba.getchannel("A"))
        elif picture.mode in PLAIN_MODES:
            picture = picture.convert("RGB")
        else:
            raise ValueError(f"its pixels are of kind {picture.mode}, not of a photo of 8 bits")
        return picture if turn is None else picture.transpose(turn)
    except Exception as error:  # a picture is decoded now, and may be broken
        said = f"the picture cannot be read: {in_words(error)}"
        raise UserError("image-unreadable", said, hint="give its file, or convert it to RGB") from None


def size_of(path: Path) -> tuple[int, int]:
    """(H, W) of what `open_image` gives, from the header alone.

    Raises:
        UserError: as `open_image` does for what has no header.
    """
    with opened(path, "image") as file:
        width, height = file.size
        return (width, height) if _turn(file) in SIDEWAYS else (height, width)


def turns_unseen(path: Path) -> bool:
    """Whether a photo is turned or mirrored as its camera says, and has the same size after as before.

    Raises:
        UserError: as `open_image` does for what has no header.
    """
    with opened(path, "image") as file:
        turn = TURNS.get(file.tag_v2.get(ORIENTATION, 1)) if isinstance(file, TiffImageFile) else _turn(file)
        keeps_sides = turn in (TURNS[2], TURNS[3], TURNS[4])
        return turn is not None and (keeps_sides or file.width == file.height)


def _turn(file: ImageFile) -> Transpose | None:
    """How a photo is to be turned. A broken EXIF block turns nothing, and breaks nothing."""
    if isinstance(file, TiffImageFile):
        return None  # Pillow turns TIFFs itself
    try:
        exif = _png_exif(file) if isinstance(file, PngImageFile) else file.getexif()
        return TURNS.get(exif.get(ORIENTATION, 1))
    except Exception:  # it is made of bytes that anybody may have written
        return None


def _png_exif(file: PngImageFile) -> Image.Exif:
    """The EXIF block of a PNG, which may follow the pixels; a PNG's own `getexif` would decode them to get there."""
    exif = Image.Image.getexif(file)  # what stands before the pixels, ImageMagick's text chunk and XMP as well
    if ORIENTATION in exif or file.fp is None:
        return exif
    place = file.fp.tell()
    file.fp.seek(8)
    for _ in range(PNG_CHUNKS):
        head = file.fp.read(8)
        if len(head) < 8:
            break
        length, name = struct.unpack(">I4s", head)
        if name == b"eXIf":
            exif.load(file.fp.read(length))
            break
        file.fp.seek(length + 4, 1)  # the chunk and its checksum
    file.fp.seek(place)
    return exif


def _in_rgb(file: ImageFile, path: Path) -> Image.Image:
    raw, transparent = raw_mode(file), file.info.get("transparency")
    if file.mode.startswith("I;16"):
        values = np.asarray(file)  # (H, W) uint16
        alpha = None if transparent is None else _opaque(values != transparent)
        return _over_white(Image.fromarray(_upper_bits(file, values)), alpha)
    if file.mode in ("1", "L") and isinstance(transparent, int):
        return _over_white(file, _opaque(np.asarray(file.convert("L")) != _shown_grey(transparent, raw)))
    if file.mode == "RGB" and isinstance(transparent, tuple):
        shown = np.array(transparent) >> (8 if ";16" in raw else 0)
        return _over_white(file, _opaque((np.asarray(file) != shown).any(axis=2)))
    if file.mode in ALPHA_MODES or transparent is not None:
        rgba = file.convert("LA").convert("RGBA") if file.mode == "La" else file.convert("RGBA")
        return _over_white(rgba, rgba.getchannel("A"))
    if file.mode in PLAIN_MODES:
        file.load()
        return file if file.mode == "RGB" else file.convert("RGB")
    raise refused("image", path, f"holds {kind_of_pixels(file)}, not a photo of 8 or 16 bits", "convert it to 8 bits")


def _upper_bits(file: ImageFile, values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """8 of 16 bits: v × 257 becomes v. A TIFF may hold 12 bits, and may count from white."""
    shift, inverted = 8, False
    if isinstance(file, TiffImageFile):
        shift, inverted = file.tag_v2.get(BITS, (16,))[0] - 8, file.tag_v2.get(PHOTOMETRIC) == 0
    upper = (values >> shift).astype(np.uint8)
    return 255 - upper if inverted else upper


def _shown_grey(stored: int, raw: str) -> int:
    """Pillow spreads 1, 2 and 4 bits of grey over 0..255, but not the transparent grey."""
    bits, factor = {"1": (1, 255), "L;2": (2, 85), "L;4": (4, 17)}.get(raw, (8, 1))
    return (stored & ((1 << bits) - 1)) * factor


def _opaque(where: NDArray[np.bool_]) -> Image.Image:
    return Image.fromarray(where.astype(np.uint8) * 255)


def _over_white(picture: Image.Image, alpha: Image.Image | None) -> Image.Image:
    colours = picture.convert("RGB")
    if alpha is None or alpha.getextrema() == (255, 255):
        return colours
    white = Image.new("RGB", picture.size, "white")
    white.paste(colours, mask=alpha)
    return white
