"""Masks whose numbers or colours could mean several things, or nothing: refused by name, with what was found."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from puzzlecam_cli.data.pixels.colours import VOC_PALETTE
from puzzlecam_cli.data.pixels.mask_file import MaskFile, read_labels
from puzzlecam_cli.errors import UserError
from tests.pictures import GREY_ALPHA, PALETTE, RGB, RGBA, chunk, png, png_header, saved, tiff

VOC = np.array(VOC_PALETTE).reshape(256, 3)
LABELS = np.arange(16).reshape(4, 4)
COLOURS = VOC[LABELS].astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def alpha(values: np.ndarray, of_first: int) -> np.ndarray:
    opaque = np.full((*values.shape[:2], 1), 255)
    opaque[0, 0] = of_first
    return np.concatenate([values, opaque], axis=2)


def painted(colour: tuple[int, int, int]) -> np.ndarray:
    colours = COLOURS.copy()
    colours[1, 1] = colour
    return colours


def frames(kind: str) -> bytes:
    first, *rest = [Image.fromarray((LABELS + step).astype(np.uint8)) for step in range(3)]
    return saved(first, kind, save_all=True, append_images=rest)


WRONG, UNREADABLE = "mask-invalid", "mask-unreadable"
CITY = ((0, 0, 0), (244, 35, 232))

# contents, what MaskFile is told, the reference, what the message says
REFUSED: dict[str, tuple[bytes, dict[str, Any], str, str]] = {
    "class 21 of 20": (png([[0, 21]]), {}, WRONG, "class 21"),
    "classes 21 and 30 of 20": (png([[30, 21]]), {}, WRONG, "class 21 and 1 more"),
    "class 2 of 1": (png([[0, 2, 255]]), {"num_classes": 1}, WRONG, "there are 1 class "),
    "class 254 of 20": (png([[254]]), {}, WRONG, "class 254"),
    "class 3 of 2, in 2 bits": (png(LABELS % 4, 2), {"num_classes": 2}, WRONG, "class 3"),
    "class 15 of 2, in 4 bits": (png(LABELS, 4), {"num_classes": 2}, WRONG, "class 3 and 12 more"),
    "16 bits: class 256": (png([[256]], 16), {"num_classes": 254}, WRONG, "class 256"),
    "16 bits: 8 bits spread (257)": (png([[257]], 16), {"num_classes": 254}, WRONG, "class 257"),
    "16 bits: class 65534": (png([[65534]], 16), {}, WRONG, "class 65534"),
    "32 bits: class -1": (tiff([[-1]], 32, number_format=2), {}, WRONG, "class -1"),
    "32 bits: class 65535": (tiff([[65535]], 32, number_format=2), {}, WRONG, "class 65535"),
    "128 as a class of one, white the class": (
        png([[0, 128, 255]]),
        {"num_classes": 1, "white": "class"},
        WRONG,
        "128",
    ),
    "palette: number 100 in greys": (
        png([[100]], 8, PALETTE, palette=VOC * 0 + np.arange(256)[:, None]),
        {},
        WRONG,
        "class 100",
    ),
    "palette: a number without a colour": (png([[0, 40]], 8, PALETTE, palette=VOC[:2]), {}, WRONG, "class 40"),
    "RGB: class 21 of 20": (png(painted(tuple(VOC[21])), 8, RGB), {}, WRONG, "class 21"),
    "RGB: one strange colour": (png(painted((1, 2, 3)), 8, RGB), {}, WRONG, "(1, 2, 3)"),
    "RGB: a photo": (png(NOISE, 8, RGB), {}, WRONG, "more"),
    "RGB: nearly VOC's": (png(painted((127, 0, 0)), 8, RGB), {}, WRONG, "(127, 0, 0)"),
    "RGB: numbers in three channels": (png(np.repeat(LABELS[..., None], 3, 2), 8, RGB), {}, WRONG, "(1, 1, 1)"),
    "RGB: VOC's colours, others given": (png(COLOURS, 8, RGB), {"colours": CITY}, WRONG, "of the colours given"),
    "RGB: white, others given": (png([[[255, 255, 255]]], 8, RGB), {"colours": CITY}, WRONG, "(255, 255, 255)"),
    "RGBA: transparent in places": (png(alpha(COLOURS, 0), 8, RGBA), {}, WRONG, "transparent"),
    "RGBA: nearly opaque": (png(alpha(COLOURS, 254), 8, RGBA), {}, WRONG, "transparent"),
    "grey and alpha: transparent in places": (
        png(alpha(LABELS[..., None], 9), 8, GREY_ALPHA),
        {},
        WRONG,
        "transparent",
    ),
    "RGB of 16 bits": (png(COLOURS.astype(int) * 257, 16, RGB), {}, UNREADABLE, "16 bits"),
    "RGBA of 16 bits": (png(alpha(COLOURS, 255) * 257, 16, RGBA), {}, UNREADABLE, "16 bits"),
    "grey and alpha of 16 bits": (png(alpha(LABELS[..., None], 255), 16, GREY_ALPHA), {}, UNREADABLE, "16 bits"),
    "JPEG of numbers": (saved(LABELS.astype(np.uint8), "JPEG"), {}, UNREADABLE, "JPEG"),
    "JPEG of colours": (saved(COLOURS, "JPEG"), {}, UNREADABLE, "JPEG"),
    "a phone's JPEG": (
        saved(COLOURS, "MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))]),
        {},
        UNREADABLE,
        "MPO",
    ),
    "WebP": (saved(COLOURS, "WEBP", lossless=True), {}, UNREADABLE, "WEBP"),
    "TIFF with JPEG inside": (saved(NOISE, "TIFF", compression="jpeg"), {}, UNREADABLE, "TIFF"),
    "TIFF that counts from white": (tiff(LABELS, counts_from=0), {}, UNREADABLE, "counts from white"),
    "TIFF of 1 bit that counts from white": (tiff(LABELS % 2, 1, counts_from=0), {}, UNREADABLE, "counts from white"),
    "TIFF of floating-point numbers": (tiff(LABELS, 32, number_format=3), {}, UNREADABLE, "floating-point"),
    "TIFF in CMYK": (saved(Image.new("CMYK", (4, 4)), "TIFF"), {}, UNREADABLE, "CMYK"),
    "animated GIF": (frames("GIF"), {}, UNREADABLE, "3 frames"),
    "animated PNG": (frames("PNG"), {}, UNREADABLE, "3 frames"),
    "TIFF of three pages": (frames("TIFF"), {}, UNREADABLE, "3 pages"),
    "no bytes": (b"", {}, UNREADABLE, "0 bytes"),
    "text": (b"0 0 1 1\n", {}, UNREADABLE, "no PNG, BMP, TIFF or GIF that"),
    "NumPy's file": (b"\x93NUMPY\x01\0v\0{'descr': '|u1'}", {}, UNREADABLE, "cannot be decoded"),
    "cut PNG": (png(NOISE, 8, RGB)[:6000], {}, UNREADABLE, "cannot be decoded"),
    "cut grey PNG": (png(NOISE[..., 0])[:2000], {}, UNREADABLE, "cannot be decoded"),
    "PNG of 900 megapixels": (png_header(30000, 30000) + chunk(b"IDAT", b""), {}, UNREADABLE, "30,000 × 30,000"),
    "PNG of 2 ** 62 pixels": (png_header(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", b""), {}, UNREADABLE, "pixels"),
}


def refusal(mask: MaskFile) -> UserError:
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        mask.read()
    assert time.process_time() - start < 2
    error = caught.value
    assert str(mask.path) in error.problem
    assert error.hint
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return error


@pytest.mark.parametrize("name", REFUSED)
def test_a_mask_without_a_sure_meaning_is_refused_by_name(tmp_path: Path, name: str) -> None:
    data, told, reference, said = REFUSED[name]
    path = tmp_path / "mask.png"
    path.write_bytes(data)
    error = refusal(MaskFile(path, **{"num_classes": 20} | told))
    assert error.reference == reference
    assert said in error.problem
    assert len(error.problem) < len(str(path)) + 250


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "mask-missing"),
    "a link to nothing": (lambda path: path.symlink_to("gone.png"), "mask-missing"),
    "a link to itself": (lambda path: path.symlink_to(path), "mask-unreadable"),
    "a folder": (lambda path: path.mkdir(), "mask-unreadable"),
    "a pipe": (os.mkfifo, "mask-unreadable"),
    "a device that never ends": (lambda path: path.symlink_to("/dev/zero"), "mask-unreadable"),
}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, name: str) -> None:
    make, reference = PLACES[name]
    make(tmp_path / "mask.png")
    assert refusal(MaskFile(tmp_path / "mask.png", 20)).reference == reference
    with pytest.raises(UserError, match=reference.replace("mask", "artifact")):
        read_labels(tmp_path / "mask.png")


def test_white_is_no_class_among_several() -> None:
    with pytest.raises(ValueError, match="one class"):
        MaskFile(Path("mask.png"), 2, white="class")


@pytest.mark.parametrize("shuffled", [False, True])
def test_our_own_labels_are_their_stored_numbers(tmp_path: Path, shuffled: bool) -> None:
    (tmp_path / "a.png").write_bytes(png(LABELS, 8, PALETTE, palette=VOC[::-1] if shuffled else VOC))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(COLOURS, 8, RGB), id="RGB"),
        pytest.param(png(LABELS, 4), id="grey of 4 bits"),
        pytest.param(png(LABELS, 16), id="grey of 16 bits"),
        pytest.param(png(LABELS, 4, PALETTE, palette=VOC[:16]), id="palette of 4 bits"),
        pytest.param(saved(LABELS.astype(np.uint8), "JPEG"), id="JPEG"),
        pytest.param(saved(LABELS.astype(np.uint8), "BMP"), id="BMP"),
        pytest.param(png(NOISE[..., 0])[:2000], id="cut"),
        pytest.param(b"", id="no bytes"),
    ],
)
def test_labels_that_we_did_not_write_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UserError, match="artifact-unreadable") as caught:
        read_labels(tmp_path / "a.png")
    assert str(tmp_path / "a.png") in caught.value.problem


WHOLE = [png(LABELS, 8, PALETTE, palette=VOC), png(LABELS, 4), png(COLOURS, 8, RGB), tiff(LABELS, 16), frames("GIF")]
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4)


@settings(
    deadline=None, max_examples=200, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(whole=st.sampled_from(WHOLE), changes=CHANGES, kept=st.floats(0, 1) | st.just(1.0))
def test_whatever_happens_to_its_bytes_a_mask_holds_classes_or_is_refused(
    tmp_path: Path, whole: bytes, changes: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(whole)
    for place, value in changes:
        data[int(place * min(len(data), 200))] = value
    path = tmp_path / "mask.png"
    path.write_bytes(bytes(data[: int(kept * len(data))]))
    mask = MaskFile(path, 16)
    try:
        found = set(np.unique(mask.read()).tolist())
    except UserError as error:
        found, problem = set(), error.problem
        assert str(path) in problem
    assert found <= {*range(17), 255}
