"""How photos are turned: as the camera says, wherever a file keeps it, and whatever else its EXIF block holds."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.pixels.photo_file import open_image
from tests.pictures import jpeg_with, png, saved, tiff, tiff_block

# what the camera's number asks for, as (the picture transposed first, then rows, then columns turned round)
TURNS = {
    1: (False, 1, 1),
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}
LEVELS = np.repeat(np.repeat(np.array([[30, 90, 150], [200, 250, 0]], np.uint8), 8, axis=0), 8, axis=1)


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, None], 3, axis=2)


def turned(values: np.ndarray, number: int) -> np.ndarray:
    transposed, down, right = TURNS[number]
    return (values.T if transposed else values)[::down, ::right]


ALL_TURNS = [turned(LEVELS, number) for number in TURNS]


def orientation(number: int, order: str = "<") -> bytes:
    return tiff_block([(0x0112, 3, 1, number)], order)


def xmp(number: int) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="{number}"/></x:xmpmeta>'.encode()


def imagemagick(number: int) -> bytes:
    data = b"Exif\0\0" + orientation(number)
    return b"Raw profile type exif\0" + f"\nexif\n{len(data):8}\n{data.hex()}\n".encode()


CARRIERS: dict[str, Callable[[int], bytes]] = {
    "JPEG": lambda number: jpeg_with(LEVELS, 0xE1, b"Exif\0\0" + orientation(number)),
    "JPEG, big-endian": lambda number: jpeg_with(LEVELS, 0xE1, b"Exif\0\0" + orientation(number, ">")),
    "PNG": lambda number: png(LEVELS, before=[(b"eXIf", orientation(number))]),
    "PNG, behind the pixels": lambda number: png(LEVELS, after=[(b"eXIf", orientation(number))]),
    "PNG, ImageMagick's text": lambda number: png(LEVELS, before=[(b"tEXt", imagemagick(number))]),
    "PNG of 16 bits": lambda number: png(LEVELS.astype(int) * 257, 16, before=[(b"eXIf", orientation(number))]),
    "WebP": lambda number: saved(LEVELS, "WEBP", lossless=True, exif=orientation(number)),
    "TIFF": lambda number: tiff(LEVELS, more=[(0x0112, 3, 1, number)]),
    "TIFF of 16 bits": lambda number: tiff(LEVELS.astype(int) * 257, 16, more=[(0x0112, 3, 1, number)]),
    "JPEG, XMP": lambda number: jpeg_with(LEVELS, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(number)),
}


@pytest.mark.parametrize("number", TURNS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path, carrier: str, number: int) -> None:
    path = tmp_path / "photo"
    path.write_bytes(CARRIERS[carrier](number))
    expected = turned(LEVELS, number)
    shown = np.asarray(open_image(path)).astype(int)
    assert shown.shape[:2] == expected.shape
    assert np.abs(shown - grey(expected)).max() <= (4 if "JPEG" in carrier else 0)


LATE = 0xFFFFFFF0
BLOCKS: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 1),
    "no TIFF header": (b"\0" * 40, 1),
    "text": (b"<html>not found</html>", 1),
    "cut in its header": (b"II*\0\x08", 1),
    "cut in its first tag": (orientation(6)[:15], 1),
    "directory beyond its end": (b"II*\0" + struct.pack("<I", LATE), 1),
    "65,535 tags claimed, one there": (b"II*\0" + struct.pack("<IH", 8, 65535) + orientation(6)[10:22], 6),
    "orientation as text": (tiff_block([(0x0112, 2, 2, 0x36)]), 1),
    "orientation of unknown type": (tiff_block([(0x0112, 99, 1, 6)]), 1),
    "orientation as four bytes": (tiff_block([(0x0112, 4, 1, 6)]), 6),
    "orientation given twice over": (tiff_block([(0x0112, 3, 2, 0x60006)]), 6),
    "orientation of no number": (tiff_block([(0x0112, 3, 0, 6)]), 1),
    "orientation 4,294,967,295 times": (tiff_block([(0x0112, 3, 2**32 - 1, 8)]), 1),
    "orientation as a fraction with 0 below": (tiff_block([(0x0112, 5, 1, 8)], tail=b"\0" * 8), 1),
    "orientation 0": (orientation(0), 1),
    "orientation 9": (orientation(9), 1),
    "orientation 65,535": (orientation(65535), 1),
    "right orientation, then a resolution as text": (tiff_block([(0x0112, 3, 1, 6), (0x011A, 2, 2, 0x41)]), 6),
    "right orientation, then a resolution beyond the end": (tiff_block([(0x0112, 3, 1, 6), (0x011A, 5, 1, LATE)]), 6),
    "right orientation, then a comment of 4 GB": (tiff_block([(0x0112, 3, 1, 6), (0x9286, 7, 2**32 - 1, 0)]), 6),
    "right orientation, then EXIF beyond the end": (tiff_block([(0x0112, 3, 1, 6), (0x8769, 4, 1, LATE)]), 6),
    "right orientation, then EXIF that is itself": (tiff_block([(0x0112, 3, 1, 6), (0x8769, 4, 1, 8)]), 6),
    "right orientation, then GPS of wrong type": (tiff_block([(0x0112, 3, 1, 6), (0x8825, 2, 4, 0x4C4C4C)]), 6),
}


@pytest.mark.parametrize("carrier", ["JPEG", "PNG", "WebP"])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_broken_exif_block_breaks_no_photo(tmp_path: Path, name: str, carrier: str) -> None:
    block, number = BLOCKS[name]
    path = tmp_path / "photo"
    if carrier == "JPEG":
        path.write_bytes(jpeg_with(LEVELS, 0xE1, b"Exif\0\0" + block))
    elif carrier == "PNG":
        path.write_bytes(png(LEVELS, before=[(b"eXIf", block)]))
    else:
        path.write_bytes(saved(LEVELS, "WEBP", lossless=True, exif=block))
    shown = np.asarray(open_image(path)).astype(int)
    assert np.abs(shown - grey(turned(LEVELS, number))).max() <= (4 if carrier == "JPEG" else 0)


NUMBERS = st.one_of(st.sampled_from([0, 1, 2, 6, 8, 255, 2**16, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1))
TAGS = st.sampled_from([0, 0x010F, 0x0112, 0x011A, 0x0128, 0x014A, 0x02BC, 0x8769, 0x8825, 0x927C, 0xA005, 0xB001])
ENTRIES = st.lists(st.tuples(TAGS, st.integers(0, 19), NUMBERS, NUMBERS), max_size=6)
BYTES = st.binary(max_size=60) | st.builds(
    lambda entries, order, tail, kept: tiff_block(entries, order, tail)[:kept],
    ENTRIES,
    st.sampled_from("<>"),
    st.binary(max_size=20),
    st.integers(0, 120),
)


@settings(
    deadline=None, max_examples=200, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(block=BYTES, segment=st.sampled_from([(0xE1, b"Exif\0\0"), (0xE2, b"MPF\0"), (0xED, b"Photoshop 3.0\0"), None]))
def test_no_block_of_any_bytes_breaks_a_photo(tmp_path: Path, block: bytes, segment: tuple[int, bytes] | None) -> None:
    path = tmp_path / "photo"
    path.write_bytes(
        png(LEVELS, before=[(b"eXIf", block)]) if segment is None else jpeg_with(LEVELS, segment[0], segment[1] + block)
    )
    shown = np.asarray(open_image(path)).astype(int)
    assert any(np.abs(shown - grey(turn)).max() <= 4 for turn in ALL_TURNS if turn.shape == shown.shape[:2])
