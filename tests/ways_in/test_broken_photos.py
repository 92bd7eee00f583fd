"""Photos that are none: refused at once and by name, whatever they claim to be."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from puzzlecam_cli.data.pixels import decode
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.errors import UserError
from tests.pictures import RGB, chunk, png, png_header, saved, tiff

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
FRAMES = [Image.fromarray(NOISE[::step, ::step][:8, :8].copy()) for step in (1, 2, 3)]


def animation(kind: str) -> bytes:
    return saved(FRAMES[0], kind, save_all=True, append_images=FRAMES[1:])


def bmp_header(width: int, height: int) -> bytes:
    return (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + b"\0" * 46
    )


def jpeg_claiming(width: int, height: int) -> bytes:
    whole = saved(NOISE, "JPEG")
    place = whole.index(b"\xff\xc0") + 5
    return whole[:place] + struct.pack(">HH", height, width) + whole[place + 4 :]


def gif_claiming(width: int, height: int) -> bytes:
    whole = saved(NOISE[:, :, 0], "GIF")
    return whole[:6] + struct.pack("<HH", width, height) + whole[10:]


def flipped(data: bytes, share: float) -> bytes:
    """A byte in the middle turned round."""
    place = int(len(data) * share)
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


# file contents, and what the message must say besides the name
CONTENTS: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "0 bytes"),
    "one byte": (b"\xff", "cannot be decoded"),
    "only the start of a JPEG": (b"\xff\xd8\xff", "cannot be decoded"),
    "only the start of a PNG": (b"\x89PNG\r\n\x1a\n", "cannot be decoded"),
    "a JPEG header without pixels": (saved(NOISE, "JPEG")[:300], "cannot be decoded"),
    "text": (b"a photo\n", "no JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC that"),
    "a web page": (b"<!DOCTYPE html><title>404</title>", "it is a web page"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS"),
    "zeros": (b"\0" * 5000, "no JPEG, PNG"),
    "random bytes": (NOISE.tobytes(), "no JPEG, PNG"),
    "HEIC of a phone": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99, "it is HEIC"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG, PNG"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no JPEG, PNG"),
    "PPM": (b"P6 1 1 255\n\0\0\0", "no JPEG, PNG"),
    "icon": (saved(FRAMES[0], "ICO"), "no JPEG, PNG"),
    "PDF": (b"%PDF-1.4\n", "it is a PDF"),
    "animated GIF": (animation("GIF"), "3 frames"),
    "animated PNG": (animation("PNG"), "3 frames"),
    "animated WebP": (animation("WEBP"), "3 frames"),
    "TIFF of several pages": (animation("TIFF"), "3 pages"),
    "TIFF of floating-point numbers": (tiff(np.ones((4, 4), np.float32), 32, number_format=3), "floating-point"),
    "TIFF of 32-bit numbers": (tiff(np.ones((4, 4), np.int32), 32, number_format=2), "32 bits"),
    "TIFF of 16 bits with a sign": (tiff(np.ones((4, 4), np.int16), 16, number_format=2), "sign"),
    "TIFF of doubles": (tiff(np.ones((4, 4), np.float64), 64, number_format=3), "cannot be decoded"),
    "TIFF in L*a*b*": (saved(Image.new("LAB", (4, 4)), "TIFF"), "LAB"),
    "PNG of 900 megapixels": (png_header(30000, 30000) + chunk(b"IDAT", b""), "30,000 × 30,000"),
    "PNG of 2 ** 62 pixels": (png_header(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", b""), f"{(2**31 - 1) ** 2:,} pixels"),
    "PNG of no pixel": (png_header(0, 0) + chunk(b"IDAT", b""), "cannot be decoded"),
    "JPEG of 4,290 megapixels": (jpeg_claiming(65500, 65500), "4,290,250,000 pixels"),
    "JPEG of 600 megapixels": (jpeg_claiming(30000, 20000), "30,000 × 20,000"),
    "GIF of 4,294 megapixels": (gif_claiming(65535, 65535), "4,294,836,225 pixels"),
    "BMP of 10 gigapixels": (bmp_header(100_000, 100_000), "10,000,000,000 pixels"),
    "BMP that ends early": (bmp_header(3000, 3000), "cannot be decoded"),
    "TIFF that claims 18 terapixels": (tiff(NOISE[..., 0], size=(2**32 - 1, 4096)), "pixels"),
    "TIFF of 400 megapixels with 4 KB": (tiff(NOISE[..., 0], size=(20_000, 20_000)), "cannot be decoded"),
    "TIFF without directory": (b"II*\0\xff\xff\xff\xff", "cannot be decoded"),
    "PNG whose pixels are flipped": (flipped(png(NOISE, 8, RGB), 0.5), "cannot be decoded"),
    **{
        f"{kind} cut after {kept:.0%}": (saved(NOISE, kind)[: int(kept * len(saved(NOISE, kind)))], said)
        for kind, said in [
            *((kind, "cannot be decoded: it is cut short") for kind in ("JPEG", "PNG", "BMP", "TIFF")),
            ("WEBP", "cannot be decoded: it is broken, or cut short"),
            ("GIF", "cannot be decoded: it is "),
        ]
        for kept in (0.1, 0.5, 0.97)
    },
}


def refusal(path: Path) -> UserError:
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        open_image(path)
    assert time.process_time() - start < 2
    error = caught.value
    assert str(path) in error.problem
    assert len(error.problem) < len(str(path)) + 300
    assert "\n" not in error.problem
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return error


@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_whole_photo_is_refused_by_name(tmp_path: Path, name: str) -> None:
    data, said = CONTENTS[name]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    error = refusal(path)
    assert error.reference == "image-unreadable"
    assert said in error.problem
    assert error.where == ("image photo",)
    assert error.hint


def pipe(path: Path) -> None:
    os.mkfifo(path)


def ends_of_sockets(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        os.chdir(path.parent)  # the names of sockets are short
        door.bind(path.name)


def five_gigabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.write(saved(NOISE, "JPEG")[:300])
        file.truncate(5 << 30)


def four_terabytes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(4 << 40)


PLACES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "nothing": (lambda path: None, "image-missing", "is not there"),
    "a link to nothing": (lambda path: path.symlink_to("gone.jpg"), "image-missing", "link to nothing"),
    "a link to itself": (lambda path: path.symlink_to(path), "image-unreadable", "link to itself"),
    "a folder": (lambda path: path.mkdir(), "image-unreadable", "is a folder"),
    "a pipe": (pipe, "image-unreadable", "is a pipe"),
    "a link to a pipe": (
        lambda path: (os.mkfifo(path.with_suffix(".pipe")), path.symlink_to(path.with_suffix(".pipe"))),
        "image-unreadable",
        "is a pipe",
    ),
    "a socket": (ends_of_sockets, "image-unreadable", "is a socket"),
    "a device that never ends": (lambda path: path.symlink_to("/dev/zero"), "image-unreadable", "is a device"),
    "an empty device": (lambda path: path.symlink_to("/dev/null"), "image-unreadable", "is a device"),
    "5 GB of zeros behind a header": (five_gigabytes, "image-unreadable", "5,368,709,120 bytes"),
    "4 TB": (four_terabytes, "image-unreadable", "bytes"),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, reference, said = PLACES[name]
    path = tmp_path / "photo.jpg"
    make(path)
    error = refusal(path)
    assert error.reference == reference
    assert said in error.problem


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        pytest.param("a" * 300 + ".jpg", "image-unreadable", id="name of 304 characters"),
        pytest.param("file.txt/photo.jpg", "image-unreadable", id="below a file"),
        pytest.param("nul\0.jpg", "image-missing", id="NUL in the name"),
    ],
)
def test_a_name_that_can_be_no_file_is_refused(tmp_path: Path, name: str, reference: str) -> None:
    (tmp_path / "file.txt").write_text("text")
    assert refusal(tmp_path / name).reference == reference


def test_a_header_is_enough_to_refuse_a_photo_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(CONTENTS["PNG of 900 megapixels"][0])
    assert "30,000 × 30,000" in refusal(tmp_path / "bomb.png").problem


def test_a_photo_of_144_megapixels_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "large.png")
    with decode.opened(tmp_path / "large.png", "image") as file:
        file.load()
        file.crop((0, 0, 12_000, 11_000))  # Pillow looks at the size of crops as well


def test_photos_that_end_early_are_never_filled_up() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


PICTURES = [saved(NOISE[:8, :9], kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")]
PICTURES += [animation("GIF"), tiff(NOISE[..., 0], 16), saved(NOISE[:8, :9], "TIFF", compression="tiff_lzw")]
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4)


@settings(
    deadline=None, max_examples=200, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(picture=st.sampled_from(PICTURES), changes=CHANGES, kept=st.floats(0, 1) | st.just(1.0))
def test_whatever_happens_to_its_bytes_a_photo_is_read_or_refused(
    tmp_path: Path, picture: bytes, changes: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(picture)
    for place, value in changes:
        data[int(place * min(len(data), 200))] = value  # headers are what can lie
    path = tmp_path / "photo"
    path.write_bytes(bytes(data[: int(kept * len(data))]))
    try:
        photo = open_image(path)
    except UserError as error:
        problem = error.problem
    else:
        problem = "" if photo.mode == "RGB" else photo.mode
    assert not problem or str(path) in problem
