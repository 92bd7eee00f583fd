"""Picture files written byte by byte: depths, chunks and tags that Pillow does not write, and files that lie."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG's colour types
Chunk = tuple[bytes, bytes]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def packed_rows(values: NDArray[Any], bits: int) -> list[bytes]:
    """(H, W) or (H, W, channels) whole numbers, the highest bits first; each row begins with a byte of its own."""
    rows = values.reshape(len(values), -1)
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in rows]
    digits = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return [np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in digits]


def png(
    values: ArrayLike,
    bits: int = 8,
    kind: int = GREY,
    *,
    palette: ArrayLike | None = None,
    transparent: bytes | None = None,
    before: Iterable[Chunk] = (),
    after: Iterable[Chunk] = (),
) -> bytes:
    """A PNG of (H, W) or (H, W, channels) stored numbers; `before` and `after` are chunks around the pixels."""
    stored = np.asarray(values, dtype=np.int64)
    pixels = zlib.compress(b"".join(b"\0" + row for row in packed_rows(stored, bits)))
    chunks = [png_header(stored.shape[1], stored.shape[0], bits, kind)]
    if palette is not None:
        chunks.append(chunk(b"PLTE", np.asarray(palette, dtype=np.uint8).tobytes()))
    if transparent is not None:
        chunks.append(chunk(b"tRNS", transparent))
    chunks += [chunk(*one) for one in before]
    chunks.append(chunk(b"IDAT", pixels))
    chunks += [chunk(*one) for one in after]
    return b"".join([*chunks, chunk(b"IEND", b"")])


def png_header(width: int, height: int, bits: int = 8, kind: int = GREY) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))


def tiff_block(entries: Iterable[tuple[int, int, int, int]], order: str = "<", tail: bytes = b"") -> bytes:
    """A TIFF directory, as EXIF is one too: (tag, type, count, value or offset) each."""
    given = list(entries)
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(given))
    for tag, kind, count, value in given:
        short = kind == 3 and count == 1
        data += struct.pack(
            order + ("HHIHxx" if short else "HHII"), tag, kind, count, value % 2**16 if short else value
        )
    return data + struct.pack(order + "I", 0) + tail


def tiff(
    values: ArrayLike,
    bits: int = 8,
    order: str = "<",
    *,
    counts_from: int = 1,
    number_format: int = 1,
    more: Iterable[tuple[int, int, int, int]] = (),
    size: tuple[int, int] | None = None,
) -> bytes:
    """A grey TIFF of (H, W) stored numbers in one strip; `size` (H, W) is what it claims."""
    stored = np.asarray(values)
    if bits >= 8:
        pixels = stored.astype(f"{order}{' uif'[number_format]}{bits // 8}").tobytes()
    else:
        pixels = b"".join(packed_rows(stored, bits))
    return tiff_of_bytes(pixels, size or stored.shape, bits, order, counts_from, number_format, more)


def tiff_of_bytes(
    pixels: bytes,
    size: tuple[int, ...],
    bits: int,
    order: str = "<",
    counts_from: int = 1,
    number_format: int = 1,
    more: Iterable[tuple[int, int, int, int]] = (),
) -> bytes:
    entries = {256: (4, size[1]), 257: (4, size[0]), 258: (3, bits), 259: (3, 1), 262: (3, counts_from)}
    entries |= {277: (3, 1), 278: (4, size[0]), 279: (4, len(pixels)), 339: (3, number_format), 273: (4, 0)}
    listed = [(tag, kind, 1, value) for tag, (kind, value) in entries.items()] + list(more)
    offset = len(tiff_block(listed))
    listed = sorted((tag, kind, count, offset if tag == 273 else value) for tag, kind, count, value in listed)
    return tiff_block(listed, order, pixels)


def saved(picture: Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    """What Pillow writes."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg_with(picture: NDArray[Any], marker: int, data: bytes) -> bytes:
    """A JPEG whose first segment is a given one, in place of JFIF's."""
    whole = saved(picture, "JPEG", quality=95)
    return whole[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + whole[20:]
