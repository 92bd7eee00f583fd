"""Photos as a way in: every kind of file becomes the pixels it shows, or is refused by name, at once."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.pixels.photo_file import open_image
from tests.pictures import (
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    jpeg_with,
    packed_rows,
    png,
    saved,
    tiff,
    tiff_of_bytes,
)

GREYS = np.arange(256).reshape(8, 32)
COLOURS = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
ALPHA = np.random.default_rng(1).integers(0, 256, (6, 10), dtype=np.uint8)
BITS = GREYS % 2
FOURS = GREYS % 4
SIXTEENS = GREYS % 16
FLAT = np.full((8, 8), 90, np.uint8)
SWATCHES = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]])


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.uint8)[:, :, None], 3, axis=2)


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha.astype(float)[:, :, None] / 255
    return np.round(colours * share + 255 * (1 - share)).astype(np.uint8)


def with_alpha(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([colours, alpha[:, :, None]], axis=2)


def indexed(indices: np.ndarray) -> Image.Image:
    picture = Image.fromarray(indices.astype(np.uint8))
    picture.putpalette(SWATCHES.astype(np.uint8).tobytes())
    return picture


def two_pages(second_is_a_thumbnail: bool) -> bytes:
    options = {"tiffinfo": {254: 1}} if second_is_a_thumbnail else {}
    thumbnail = Image.fromarray(COLOURS[::2, ::2])
    if second_is_a_thumbnail:
        thumbnail.encoderinfo = options
    return saved(COLOURS, "TIFF", save_all=True, append_images=[thumbnail])


TWELVE = np.arange(0, 4096, 16)[:256].reshape(8, 32)
INTO_ITSELF = bytearray(tiff(FLAT))
INTO_ITSELF[8 + 2 + 12 * 10 : 8 + 2 + 12 * 10 + 4] = struct.pack("<I", 8)  # the next directory is this one

STILL = [(b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", struct.pack(">IIIIIHHBB", 0, 32, 8, 0, 0, 1, 1, 0, 0))]

SHOWN: dict[str, tuple[str, bytes, np.ndarray]] = {
    "grey of 1 bit": ("png", png(BITS, 1), grey(BITS * 255)),
    "grey of 2 bits": ("png", png(FOURS, 2), grey(FOURS * 85)),
    "grey of 4 bits": ("png", png(SIXTEENS, 4), grey(SIXTEENS * 17)),
    "grey of 8 bits": ("png", png(GREYS), grey(GREYS)),
    "grey of 16 bits, twin of 8 bits": ("png", png(GREYS * 257, 16), grey(GREYS)),
    "grey of 16 bits, 8 bits moved up": ("png", png(GREYS.astype(int) << 8, 16), grey(GREYS)),
    "grey of 16 bits, little-endian TIFF": ("tif", tiff(GREYS * 257, 16), grey(GREYS)),
    "grey of 16 bits, big-endian TIFF": ("tif", tiff(GREYS * 257, 16, ">"), grey(GREYS)),
    "grey of 16 bits, packed TIFF": (
        "tiff",
        saved((GREYS * 257).astype(np.uint16), "TIFF", compression="tiff_lzw"),
        grey(GREYS),
    ),
    "16 bits counted from white": ("tif", tiff(GREYS * 257, 16, counts_from=0), grey(255 - GREYS)),
    "8 bits counted from white": ("tif", tiff(GREYS, counts_from=0), grey(255 - GREYS)),
    "grey of 12 bits, as microscopes write": (
        "tif",
        tiff_of_bytes(b"".join(packed_rows(TWELVE, 12)), TWELVE.shape, 12),
        grey(TWELVE >> 4),
    ),
    "colours of 16 bits": ("png", png(COLOURS.astype(int) * 257, 16, RGB), COLOURS),
    "colours and alpha of 16 bits": (
        "png",
        png(with_alpha(COLOURS, ALPHA).astype(int) * 257, 16, RGBA),
        over_white(COLOURS, ALPHA),
    ),
    "grey and alpha of 16 bits": (
        "png",
        png(np.stack([ALPHA.T, ALPHA.T], axis=2).astype(int) * 257, 16, GREY_ALPHA),
        over_white(grey(ALPHA.T), ALPHA.T),
    ),
    "grey and alpha": (
        "png",
        png(with_alpha(COLOURS[:, :, :1], ALPHA), 8, GREY_ALPHA),
        over_white(grey(COLOURS[:, :, 0]), ALPHA),
    ),
    "colours and alpha": ("png", png(with_alpha(COLOURS, ALPHA), 8, RGBA), over_white(COLOURS, ALPHA)),
    "colours and an alpha of 255": ("png", png(with_alpha(COLOURS, ALPHA | 255), 8, RGBA), COLOURS),
    "colours and an alpha of 0": ("png", png(with_alpha(COLOURS, ALPHA & 0), 8, RGBA), COLOURS | 255),
    "colours and alpha, WebP": (
        "webp",
        saved(with_alpha(COLOURS, ALPHA | 1), "WEBP", lossless=True),
        over_white(COLOURS, ALPHA | 1),
    ),
    "colours and alpha, TIFF": ("tif", saved(with_alpha(COLOURS, ALPHA), "TIFF"), over_white(COLOURS, ALPHA)),
    "palette": ("png", png(FOURS, 2, PALETTE, palette=SWATCHES), SWATCHES[FOURS].astype(np.uint8)),
    "palette with a transparent colour": (
        "png",
        png(FOURS, 2, PALETTE, palette=SWATCHES, transparent=bytes([255, 0])),
        np.array([*SWATCHES[:1], [255, 255, 255], *SWATCHES[2:]])[FOURS].astype(np.uint8),
    ),
    "palette with half transparent colours": (
        "png",
        png(FOURS, 8, PALETTE, palette=SWATCHES, transparent=bytes([128, 0, 51])),
        over_white(SWATCHES[FOURS], np.array([128, 0, 51, 255])[FOURS]),
    ),
    "grey of 1 bit, black transparent": ("png", png(BITS, 1, transparent=b"\0\0"), grey(BITS | 255)),
    "grey of 4 bits, one transparent": (
        "png",
        png(SIXTEENS, 4, transparent=b"\0\x03"),
        grey(np.where(SIXTEENS == 3, 255, SIXTEENS * 17)),
    ),
    "grey of 8 bits, one transparent": (
        "png",
        png(GREYS, transparent=b"\0\x33"),
        grey(np.where(GREYS == 51, 255, GREYS)),
    ),
    "grey of 16 bits, one transparent": (
        "png",
        png(GREYS * 257, 16, transparent=b"\x33\x33"),
        grey(np.where(GREYS == 51, 255, GREYS)),
    ),
    "colours, one transparent": (
        "png",
        png(SWATCHES[FOURS], 8, RGB, transparent=bytes([0, 10, 0, 20, 0, 30])),
        np.array([*SWATCHES[:3], [255, 255, 255]])[FOURS].astype(np.uint8),
    ),
    "colours of 16 bits, one transparent": (
        "png",
        png(SWATCHES[FOURS] * 257, 16, RGB, transparent=bytes([10, 10, 20, 20, 30, 30])),
        np.array([*SWATCHES[:3], [255, 255, 255]])[FOURS].astype(np.uint8),
    ),
    "a still GIF": ("gif", saved(indexed(FOURS), "GIF"), SWATCHES[FOURS].astype(np.uint8)),
    "a still GIF with a transparent colour": (
        "gif",
        saved(indexed(FOURS), "GIF", transparency=2),
        np.array([*SWATCHES[:2], [255, 255, 255], SWATCHES[3]])[FOURS].astype(np.uint8),
    ),
    "BMP of 24 bits": ("bmp", saved(COLOURS, "BMP"), COLOURS),
    "BMP of 8 bits": ("bmp", saved(GREYS.astype(np.uint8), "BMP"), grey(GREYS)),
    "BMP of 1 bit": (
        "bmp",
        saved(Image.fromarray((BITS * 255).astype(np.uint8)).convert("1"), "BMP"),
        grey(BITS * 255),
    ),
    "BMP with a palette": ("bmp", saved(indexed(FOURS), "BMP"), SWATCHES[FOURS].astype(np.uint8)),
    "TIFF of colours": ("tif", saved(COLOURS, "TIFF"), COLOURS),
    "CMYK TIFF": (
        "tif",
        saved(Image.new("CMYK", (5, 4), (255, 55, 0, 0)), "TIFF"),
        np.full((4, 5, 3), (0, 200, 255), np.uint8),
    ),
    "CMYK JPEG": (
        "jpg",
        saved(Image.new("CMYK", (8, 8), (255, 55, 0, 0)), "JPEG", quality=100),
        np.full((8, 8, 3), (0, 200, 255), np.uint8),
    ),
    "grey JPEG": ("jpg", saved(FLAT, "JPEG", quality=100), grey(FLAT)),
    "JPEG of colours": (
        "jpg",
        saved(np.full((8, 8, 3), (10, 20, 30), np.uint8), "JPEG", quality=100),
        np.full((8, 8, 3), (10, 20, 30), np.uint8),
    ),
    "progressive JPEG": ("jpg", saved(FLAT, "JPEG", quality=100, progressive=True), grey(FLAT)),
    "a phone's photo of two views (MPO)": (
        "jpg",
        saved(FLAT, "MPO", save_all=True, append_images=[Image.fromarray(FLAT // 2)], quality=100),
        grey(FLAT),
    ),
    "JPEG with a broken list of views": ("jpg", jpeg_with(FLAT, 0xE2, b"MPF\0II*\0\xff\xff\xff\xff"), grey(FLAT)),
    "TIFF with a thumbnail": ("tif", two_pages(second_is_a_thumbnail=True), COLOURS),
    "TIFF whose next page is itself": ("tif", bytes(INTO_ITSELF), grey(FLAT)),
    "PNG with one frame of animation": ("png", png(GREYS, before=STILL), grey(GREYS)),
    "PNG called .jpg": ("jpg", png(GREYS), grey(GREYS)),
    "JPEG called .PNG": ("PNG", saved(FLAT, "JPEG", quality=100), grey(FLAT)),
    "one pixel": ("png", png([[7]]), grey(np.array([[7]]))),
    "two rows of 300 pixels": ("png", png(np.zeros((2, 300))), np.zeros((2, 300, 3), np.uint8)),
    "a column of 1 × 200 pixels of 1 bit": ("png", png(np.ones((200, 1)), 1), np.full((200, 1, 3), 255, np.uint8)),
    "TIFF with broken XMP": ("tif", tiff(FLAT, more=[(700, 4, 1, 99)]), grey(FLAT)),
    "TIFF whose EXIF lies beyond its end": ("tif", tiff(FLAT, more=[(34665, 9, 1, 0xFFFFFFF0)]), grey(FLAT)),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_photo_shows_its_pixels(tmp_path: Path, name: str) -> None:
    suffix, data, expected = SHOWN[name]
    path = tmp_path / f"photo.{suffix}"
    path.write_bytes(data)
    photo = open_image(path)
    assert photo.mode == "RGB"
    shown = np.asarray(photo)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() <= (2 if data[:2] == b"\xff\xd8" else 0)
