"""The one place where Pillow opens a file: a regular file of a few formats and a bounded size, without a warning."""

from __future__ import annotations

import importlib
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image, features
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import why_no_file

Kind = Literal["image", "mask", "artifact", "saliency"]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")  # a phone's MPO opens as a JPEG
# Formats that not every installation can read: how files begin, what they are, and what is missing.
EXTRA = {
    "HEIF": (rb"....ftyp(hei|hev|mif1|msf1)", "HEIC, as phones write it", "python -m pip install pillow-heif"),
    "AVIF": (rb"....ftypavi", "AVIF", "python -m pip install --upgrade pillow"),
}
SAID: dict[Kind, str] = {
    "image": "JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC",
    "mask": "PNG, BMP, TIFF or GIF",
    "artifact": "PNG",
    "saliency": "PNG",
}
MOST_PIXELS = 500_000_000
MOST_BYTES = 4 << 30
MOST_PAGES = 1000
ORIENTATION = 0x0112  # the tag of EXIF and TIFF
HINTS = {
    "image": "replace the file, or remove the photo (and its line in a list or tag file)",
    "mask": "replace the file: masks are PNGs of class numbers, or of their colours",
    "artifact": "the stage that wrote it makes it anew with --force",
    "saliency": "replace the file: saliency maps are grey PNGs of 8 bits, of their photo's size",
}

# What Pillow says of broken files, where people would not say so.
PLAIN = {"truncated": "it is cut short", "decoder object": "it is broken, or cut short"}

# How files begin that bear a photo's name all the same, what they are, and what to do.
STRANGERS = (
    (rb"version https://git-lfs", "is what Git LFS left in place of a file; `git lfs pull` brings the file itself"),
    (rb"\s*<(!doctype html|html|\?xml)", "is a web page or XML; download the file again"),
    (rb"%PDF|8BPS|PK\x03\x04", "is a PDF, a Photoshop file or an archive"),
    (rb"\x00\x05\x16\x07", "is what macOS keeps beside a file"),
    (rb"\x93NUMPY", "is an array of NumPy"),
)

# A format that is imported is known to Pillow, which would load all of its plugins to look for one that is not.
for plugin in ("Bmp", "Gif", "Jpeg", "Png", "Tiff", "WebP"):
    importlib.import_module(f"PIL.{plugin}ImagePlugin")

# The size is checked here; Pillow would warn again, and once more of each large crop.
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MOST_PIXELS)


def refused(kind: Kind, path: Path, problem: str, hint: str | None = None) -> UserError:
    """The error for a file: `problem` follows its name."""
    where = (f"image {path.stem}",) if kind == "image" else ()
    return UserError(f"{kind}-unreadable", f"{path} {problem}", where, hint or HINTS[kind])


@contextmanager
def _file(path: Path, kind: Kind) -> Iterator[BinaryIO]:
    """A file open for reading. Pipes, sockets and devices are never opened: one could wait for ever."""
    problem = why_no_file(path)
    if problem in ("is not there", "is a link to nothing"):
        raise UserError(f"{kind}-missing", f"{path} {problem}", (), HINTS[kind])
    if problem:
        raise refused(kind, path, problem)
    try:
        size = path.stat().st_size
        if size == 0:
            raise refused(kind, path, "is empty: it has 0 bytes")
        if size > MOST_BYTES:
            raise refused(kind, path, f"has {size:,} bytes; at most {MOST_BYTES:,} are read")
        stream = path.open("rb")
    except OSError as error:
        raise refused(kind, path, f"cannot be read: {in_words(error)}") from None
    with stream:
        yield stream


def _extra_format(stream: BinaryIO) -> str | None:
    """The format of `EXTRA` that a file is of."""
    head = stream.read(12)
    stream.seek(0)
    return next((name for name, (pattern, *_) in EXTRA.items() if re.match(pattern, head, re.DOTALL)), None)


def _can_read(extra: str) -> bool:
    """Whether a format of `EXTRA` can be read here, of which Pillow is told now."""
    try:
        if extra == "HEIF":
            importlib.import_module("pillow_heif").register_heif_opener(thumbnails=False)
            return True
        importlib.import_module("PIL.AvifImagePlugin")
    except ImportError:
        return False
    return bool(features.check("avif"))


@contextmanager
def opened(path: Path, kind: Kind, data: bytes | None = None) -> Iterator[ImageFile]:
    """A picture whose header has been read, and whose pixels can be asked for while it is open.

    Whatever goes wrong inside is a `UserError` of the file: broken files make Pillow raise almost anything.

    Args:
        data: what is in it, where `path` is but its name.

    Raises:
        UserError: `KIND-missing`, or `KIND-unreadable`: no picture of a known format, too large, cut, broken.
    """
    with _file(path, kind) if data is None else io.BytesIO(data) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extra = _extra_format(stream)
        if extra and not _can_read(extra):
            _, what, remedy = EXTRA[extra]
            raise refused(kind, path, f"cannot be decoded: it is {what}, which needs a package: {remedy}", remedy)
        try:
            with Image.open(stream, formats=(*FORMATS, *filter(None, (extra,)))) as file:
                if file.width * file.height > MOST_PIXELS:
                    size = f"{file.width:,} × {file.height:,}"
                    raise refused(kind, path, f"claims {size} pixels; at most {MOST_PIXELS:,} are read")
                yield file
        except UserError:
            raise
        except Image.UnidentifiedImageError:
            if extra:
                raise refused(kind, path, f"cannot be decoded: it is {EXTRA[extra][1]}, but broken") from None
            stream.seek(0)
            head = stream.read(64)
            for pattern, what in STRANGERS:
                if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
                    raise refused(kind, path, f"cannot be decoded: it {what}") from None
            said = f"cannot be decoded: it is broken, or no {SAID[kind]} that can be read"
            raise refused(kind, path, said) from None
        except Image.DecompressionBombError as error:
            pixels = int((re.search(r"\d+", str(error)) or [0])[0])
            raise refused(kind, path, f"claims {pixels:,} pixels; at most {MOST_PIXELS:,} are read") from None
        except Exception as error:
            raise refused(kind, path, f"cannot be decoded: {in_words(error)}") from None


def prepare(file: ImageFile, kind: Kind, path: Path) -> None:
    """To be called before the pixels are: a file is to hold one picture.

    The further views of a phone's photo (MPO, HEIC) and a TIFF's thumbnails do not count.

    Raises:
        UserError: an animation, or a TIFF of several pages.
    """
    several = file.format not in ("MPO", "HEIF") and getattr(file, "is_animated", False)
    if isinstance(file, TiffImageFile):
        pages = _pages(file) if several else 1
        if pages > 1:
            number = f"{pages:,}" if pages < MOST_PAGES else f"{MOST_PAGES:,} or more"
            raise refused(kind, path, f"holds {number} pages", "save each page as a file of its own")
        _forget_metadata(file)
    elif several:
        frames = f"{getattr(file, 'n_frames', 2):,} frames"
        raise refused(kind, path, f"is an animation of {frames}", "save each frame as a file of its own")


def raw_mode(file: ImageFile) -> str:
    """How Pillow names the pixels as they are stored, e.g. `L;2` for two bits of grey; before they are loaded."""
    arguments = file.tile[0][3] if file.tile else ""
    return str(arguments if isinstance(arguments, str) else (arguments or [""])[0])


def kind_of_pixels(file: ImageFile) -> str:
    """Pixels that are no photo and no mask, in words."""
    numbers = {"F": "floating-point numbers", "I": "whole numbers of 32 bits or with a sign"}
    return numbers.get(file.mode, f"colours of kind {file.mode}")


def in_words(error: Exception) -> str:
    """One line of what an exception says, without names of Python's."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    for words, plain in PLAIN.items():
        if words in str(error).lower():
            return plain
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split())[:200] or "its data are broken"


def _pages(file: TiffImageFile) -> int:
    """Pages of full size, counted by their directories, which may be very many or go round in circles."""
    pages = 0
    try:
        for number in range(MOST_PAGES):
            file.seek(number)
            reduced = file.tag_v2.get(254, 0)  # NewSubfileType
            pages += not (isinstance(reduced, int) and reduced & 1)
    except EOFError:
        pass
    file.seek(0)
    return pages


def _forget_metadata(file: TiffImageFile) -> None:
    """Pillow reads a TIFF's metadata while it decodes; where they are broken, it gives up the photo."""
    file.info.pop("xmp", None)
    exif = file.getexif()
    for tag in set(exif) - {ORIENTATION}:
        del exif[tag]
