"""Masks as a way in: what a stored number or a colour means, at every depth and in every order of a palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from puzzlecam_cli.data.pixels.colours import VOC_PALETTE
from puzzlecam_cli.data.pixels.mask_file import MaskFile
from tests.pictures import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, png, saved, tiff

VOC = np.array(VOC_PALETTE).reshape(256, 3)
# 20 classes and void in patches, the first pixel not background
CLASSES = np.arange(21).repeat(3).reshape(7, 9)[::-1]
LABELS = np.where(np.eye(7, 9, 2, dtype=bool), 255, CLASSES)
FEW = CLASSES % 4  # 0..3
TWO = CLASSES % 2
ORDER = np.random.default_rng(0).permutation(256)  # what stands at an index of a shuffled palette
PLACE = np.argsort(ORDER)  # where a label stands in it
CITY = np.array([[0, 0, 0], [244, 35, 232], [70, 70, 70], [128, 64, 128]])  # background and three classes, not VOC's
CITY_COLOURS = tuple(map(tuple, CITY.tolist()))
BLACK_WHITE = np.array([[0, 0, 0], [255, 255, 255]])
GREY_RAMP = np.arange(256)[:, None].repeat(3, axis=1)


def alpha(colours: np.ndarray, value: int = 255) -> np.ndarray:
    return np.concatenate([colours, np.full((*colours.shape[:2], 1), value)], axis=2)


def with_palette(indices: np.ndarray, palette: np.ndarray) -> Image.Image:
    picture = Image.fromarray(indices.astype(np.uint8))
    picture.putpalette(palette.astype(np.uint8).tobytes())
    return picture


def optimised(labels: np.ndarray, bits: int) -> bytes:
    """As zopfli does: the colours in the order in which they appear, what is not used dropped."""
    _, first, which = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return png(np.argsort(order)[which], bits, PALETTE, palette=VOC[labels.ravel()[np.sort(first)]])


TURNED = [(0x0112, 3, 1, 6)]
VOID_BORDER = np.where(LABELS == 255, 255, FEW)

# suffix, contents, what MaskFile is told, what is read
READ: dict[str, tuple[str, bytes, dict[str, Any], np.ndarray]] = {
    "grey of 1 bit": ("png", png(TWO, 1), {}, TWO),
    "grey of 1 bit, one class": ("png", png(TWO, 1), {"num_classes": 1}, TWO),
    "grey of 1 bit, white is the class": ("png", png(TWO, 1), {"num_classes": 1, "white": "class"}, TWO),
    "grey of 2 bits": ("png", png(FEW, 2), {}, FEW),
    "grey of 4 bits": ("png", png(CLASSES % 16, 4), {}, CLASSES % 16),
    "grey of 8 bits": ("png", png(LABELS), {}, LABELS),
    "grey of 16 bits": ("png", png(LABELS, 16), {}, LABELS),
    "grey of 16 bits, void 65535": ("png", png(np.where(LABELS == 255, 65535, LABELS), 16), {}, LABELS),
    "254 classes": ("png", png(np.arange(256).reshape(16, 16)), {"num_classes": 254}, np.arange(256).reshape(16, 16)),
    "254 classes in VOC's colours": (
        "png",
        png(VOC.reshape(16, 16, 3), 8, RGB),
        {"num_classes": 254},
        np.arange(256).reshape(16, 16),
    ),
    "0 and 255, white is void": ("png", png(TWO * 255), {"num_classes": 1}, TWO * 255),
    "0 and 255, white is the class": ("png", png(TWO * 255), {"num_classes": 1, "white": "class"}, TWO),
    "0, 1 and 255, white is the class": (
        "png",
        png([[0, 1, 255]]),
        {"num_classes": 1, "white": "class"},
        np.array([[0, 1, 1]]),
    ),
    "0 and 65535, white is the class": ("png", png(TWO * 65535, 16), {"num_classes": 1, "white": "class"}, TWO),
    "only 255": ("png", png(TWO | 255), {}, TWO | 255),
    "black and white in colours, void": ("png", png(BLACK_WHITE[TWO], 8, RGB), {"num_classes": 1}, TWO * 255),
    "black and white in colours, the class": (
        "png",
        png(BLACK_WHITE[TWO], 8, RGB),
        {"num_classes": 1, "white": "class"},
        TWO,
    ),
    "black and white palette, the class": (
        "png",
        png(TWO, 1, PALETTE, palette=BLACK_WHITE),
        {"num_classes": 1, "white": "class"},
        TWO,
    ),
    "white and black palette, the class": (
        "png",
        png(TWO, 1, PALETTE, palette=BLACK_WHITE[::-1]),
        {"num_classes": 1, "white": "class"},
        1 - TWO,
    ),
    "VOC's palette": ("png", png(LABELS, 8, PALETTE, palette=VOC), {}, LABELS),
    "VOC's palette, void drawn, white is the class": (
        "png",
        png(TWO * 255, 8, PALETTE, palette=VOC),
        {"num_classes": 1, "white": "class"},
        TWO * 255,
    ),
    "VOC's palette of 4 bits": ("png", png(CLASSES % 16, 4, PALETTE, palette=VOC[:16]), {}, CLASSES % 16),
    "VOC's palette of 2 bits": ("png", png(FEW, 2, PALETTE, palette=VOC[:4]), {}, FEW),
    "VOC's palette of 1 bit": ("png", png(TWO, 1, PALETTE, palette=VOC[:2]), {}, TWO),
    "VOC's colours and black up to 256": (
        "png",
        png(CLASSES, 8, PALETTE, palette=np.where(np.arange(256)[:, None] < 21, VOC, 0)),
        {},
        CLASSES,
    ),
    "VOC's colours, white for void": (
        "png",
        png(LABELS, 8, PALETTE, palette=np.where(np.arange(256)[:, None] < 255, VOC, 255)),
        {},
        LABELS,
    ),
    "VOC's palette shuffled": ("png", png(PLACE[LABELS], 8, PALETTE, palette=VOC[ORDER]), {}, LABELS),
    "VOC's palette in the order of appearance": ("png", optimised(LABELS, 8), {}, LABELS),
    "VOC's palette in the order of appearance, 4 bits": ("png", optimised(CLASSES % 16, 4), {}, CLASSES % 16),
    "VOC's palette in the order of appearance, 2 bits": ("png", optimised(FEW[::-1] ^ 2, 2), {}, FEW[::-1] ^ 2),
    "one class and void, dropped to 2 bits": (
        "png",
        optimised(np.where(FEW == 2, 255, 15), 2),
        {},
        np.where(FEW == 2, 255, 15),
    ),
    "only class 15, dropped to 1 bit": ("png", optimised(TWO * 0 + 15, 1), {}, TWO * 0 + 15),
    "only void, dropped to 1 bit": ("png", optimised(TWO | 255, 1), {}, TWO | 255),
    "VOC's palette with transparent background": (
        "png",
        png(LABELS, 8, PALETTE, palette=VOC, transparent=b"\0"),
        {},
        LABELS,
    ),
    "a palette of our own": ("png", png(FEW, 8, PALETTE, palette=CITY), {"num_classes": 3}, FEW),
    "a palette of our own with one of VOC's colours in use": (
        "png",
        png(TWO * 3, 8, PALETTE, palette=CITY[[0, 1, 2, 3]]),
        {"num_classes": 3},
        TWO * 3,
    ),
    "a palette of our own, some of VOC's colours at other indices": (
        "png",
        png(TWO, 8, PALETTE, palette=np.concatenate([VOC[[0, 9, 1, 3]], [[60, 40, 222]]])),
        {"num_classes": 11},
        TWO,
    ),
    "a palette in greys": ("png", png(LABELS, 8, PALETTE, palette=GREY_RAMP), {}, LABELS),
    "greys of a mask as a palette, the unused ones dropped": (
        "png",
        png([[0, 1], [2, 3]], 2, PALETTE, palette=GREY_RAMP[[0, 5, 15, 255]]),
        {},
        np.array([[0, 5], [15, 255]]),
    ),
    "greys of a mask as a palette, white the class": (
        "png",
        png([[0, 1], [2, 0]], 2, PALETTE, palette=GREY_RAMP[[255, 0, 1]]),
        {"num_classes": 1, "white": "class"},
        np.array([[1, 0], [1, 1]]),
    ),
    "a palette of greys to be seen": ("png", png(FEW, 2, PALETTE, palette=GREY_RAMP[[0, 85, 170, 255]]), {}, FEW),
    "a palette all black, one class everywhere": (
        "png",
        png(FEW * 0 + 1, 8, PALETTE, palette=VOC * 0),
        {},
        FEW * 0 + 1,
    ),
    "a palette all black": ("png", png(FEW, 8, PALETTE, palette=VOC * 0), {}, FEW),
    "VOC's colours that would be a class too many": (
        "png",
        png(TWO, 8, PALETTE, palette=VOC[[0, 2]]),
        {"num_classes": 1},
        TWO,
    ),
    "numbers too large, colours VOC's among others": (
        "png",
        png(TWO * 200, 8, PALETTE, palette=np.where(np.arange(256)[:, None] == 200, VOC[9], GREY_RAMP)),
        {},
        TWO * 9,
    ),
    "colours given, in another order": (
        "png",
        png(3 - FEW, 2, PALETTE, palette=CITY[::-1]),
        {"num_classes": 3, "colours": CITY_COLOURS},
        FEW,
    ),
    "colours given, in their order": (
        "png",
        png(FEW, 2, PALETTE, palette=CITY),
        {"num_classes": 3, "colours": CITY_COLOURS},
        FEW,
    ),
    "RGB in VOC's colours": ("png", png(VOC[LABELS], 8, RGB), {}, LABELS),
    "RGB in VOC's colours, white for void": (
        "png",
        png(np.where(LABELS[..., None] == 255, 255, VOC[LABELS]), 8, RGB),
        {},
        LABELS,
    ),
    "RGB in colours given": ("png", png(CITY[FEW], 8, RGB), {"num_classes": 3, "colours": CITY_COLOURS}, FEW),
    "RGB in colours given, VOC's void": (
        "png",
        png(np.where(LABELS[..., None] == 255, VOC[255], CITY[FEW]), 8, RGB),
        {"num_classes": 3, "colours": CITY_COLOURS},
        VOID_BORDER,
    ),
    "RGB, the background given as white": (
        "png",
        png(np.array([[255, 255, 255], [9, 9, 9]])[TWO], 8, RGB),
        {"num_classes": 1, "colours": ((255, 255, 255), (9, 9, 9))},
        TWO,
    ),
    "RGBA, opaque": ("png", png(alpha(VOC[LABELS]), 8, RGBA), {}, LABELS),
    "grey and alpha, opaque": ("png", png(alpha(LABELS[..., None]), 8, GREY_ALPHA), {}, LABELS),
    "one pixel": ("png", png([[3]]), {}, np.array([[3]])),
    "one pixel in colours": ("png", png(VOC[[[3]]], 8, RGB), {}, np.array([[3]])),
    "a column of 200 pixels of 1 bit": ("png", png(np.ones((200, 1)), 1), {}, np.ones((200, 1))),
    "called .PNG": ("PNG", png(LABELS), {}, LABELS),
    "BMP of numbers": ("bmp", saved(LABELS.astype(np.uint8), "BMP"), {}, LABELS),
    "BMP of 1 bit": ("bmp", saved(Image.fromarray((TWO * 255).astype(np.uint8)).convert("1"), "BMP"), {}, TWO),
    "BMP in VOC's palette": ("bmp", saved(with_palette(LABELS, VOC), "BMP"), {}, LABELS),
    "BMP in VOC's colours": ("bmp", saved(VOC[LABELS].astype(np.uint8), "BMP"), {}, LABELS),
    "GIF in VOC's palette": ("gif", saved(with_palette(LABELS, VOC), "GIF"), {}, LABELS),
    "GIF of greys": ("gif", saved(LABELS.astype(np.uint8), "GIF"), {}, LABELS),
    "TIFF of numbers": ("tif", tiff(LABELS), {}, LABELS),
    "TIFF of 4 bits": ("tif", tiff(CLASSES % 16, 4), {}, CLASSES % 16),
    "TIFF of 2 bits": ("tif", tiff(FEW, 2), {}, FEW),
    "TIFF of 1 bit": ("tif", tiff(TWO, 1), {}, TWO),
    "TIFF of 16 bits": ("tif", tiff(LABELS, 16), {}, LABELS),
    "TIFF of 16 bits, big-endian": ("tif", tiff(LABELS, 16, ">"), {}, LABELS),
    "TIFF of 32 bits": ("tif", tiff(LABELS, 32, number_format=2), {}, LABELS),
    "TIFF in VOC's palette": ("tif", saved(with_palette(LABELS, VOC), "TIFF"), {}, LABELS),
    "TIFF in VOC's colours, packed": (
        "tif",
        saved(VOC[LABELS].astype(np.uint8), "TIFF", compression="tiff_lzw"),
        {},
        LABELS,
    ),
    "TIFF that asks to be turned": ("tif", tiff(LABELS, more=TURNED), {}, LABELS),
    "PNG that asks to be turned": (
        "png",
        saved(LABELS.astype(np.uint8), "PNG", exif=b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
        {},
        LABELS,
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_mask_is_read_as_what_it_means(tmp_path: Path, name: str) -> None:
    suffix, data, told, expected = READ[name]
    path = tmp_path / f"mask.{suffix}"
    path.write_bytes(data)
    mask = MaskFile(path, **{"num_classes": 20} | told)
    labels = mask.read()
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected)


ENCODINGS = ["grey 1", "grey 2", "grey 4", "grey 8", "grey 16", "palette", "shuffled", "optimised", "RGB", "RGBA"]
MOST = {"grey 1": 1, "grey 2": 3, "grey 4": 15}


def written(labels: np.ndarray, encoding: str, seed: int) -> bytes:
    kind, _, bits = encoding.partition(" ")
    if kind == "grey":
        return png(labels, int(bits), GREY)
    if kind == "shuffled":
        order = np.random.default_rng(seed).permutation(256)
        return png(np.argsort(order)[labels], 8, PALETTE, palette=VOC[order])
    if kind == "optimised":
        return optimised(labels, 8)
    if kind == "palette":
        return png(labels, 8, PALETTE, palette=VOC)
    return png(VOC[labels] if kind == "RGB" else alpha(VOC[labels]), 8, RGB if kind == "RGB" else RGBA)


@settings(
    deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), encoding=st.sampled_from(ENCODINGS), classes=st.integers(1, 254), seed=st.integers(0, 99))
def test_any_labels_read_back_however_they_were_written(
    tmp_path: Path, data: st.DataObject, encoding: str, classes: int, seed: int
) -> None:
    void = [] if encoding in MOST else [255]
    values = st.sampled_from([*range(min(classes, MOST.get(encoding, 254)) + 1), *void])
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    labels = data.draw(arrays(np.uint8, shape, elements=values))
    (tmp_path / "mask.png").write_bytes(written(labels, encoding, seed))
    np.testing.assert_array_equal(MaskFile(tmp_path / "mask.png", classes).read(), labels)
