"""Photos of every kind become the colours they show; masks become class indices."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.photo_file import open_image
from puzzlecam_cli.errors import UserError

SHOWN = {
    "1": 255,
    "L": 90,
    "LA": (90, 20),
    "P": 3,
    "RGB": (10, 20, 30),
    "RGBA": (10, 20, 30, 0),
    "CMYK": (255, 55, 0, 0),
}


@pytest.mark.parametrize(
    ("mode", "suffix", "colour"),
    [
        ("1", "png", (255, 255, 255)),
        ("L", "jpg", (90, 90, 90)),
        ("L", "png", (90, 90, 90)),
        ("LA", "png", (90, 90, 90)),
        ("P", "png", (128, 128, 0)),
        ("P", "gif", (128, 128, 0)),
        ("RGB", "png", (10, 20, 30)),
        ("RGB", "bmp", (10, 20, 30)),
        ("RGB", "tif", (10, 20, 30)),
        ("RGBA", "png", (10, 20, 30)),
        ("CMYK", "jpg", (0, 200, 255)),
        ("CMYK", "tif", (0, 200, 255)),
    ],
)
def test_photos_of_every_mode_show_their_colours(tmp_path, mode, suffix, colour):
    picture = Image.new(mode, (5, 4), SHOWN[mode])
    if mode == "P":
        picture.putpalette(VOC_PALETTE)
    picture.save(tmp_path / f"photo.{suffix}", **({"quality": 100} if suffix == "jpg" else {}))
    photo = open_image(tmp_path / f"photo.{suffix}")
    assert (photo.mode, photo.size) == ("RGB", (5, 4))
    assert np.abs(np.asarray(photo).astype(int) - colour).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_photos_of_16_bits_become_rgb(tmp_path, suffix):
    Image.new("I;16", (5, 4)).save(tmp_path / f"photo.{suffix}")
    photo = open_image(tmp_path / f"photo.{suffix}")
    assert (photo.mode, photo.size) == ("RGB", (5, 4))


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


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("number", TURNS)
def test_a_photo_is_turned_as_its_camera_says(tmp_path, number, mode):
    exif = Image.Exif()
    exif[0x0112] = number
    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3)[: len(mode) + (mode == "L")], dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.png", exif=exif.tobytes())
    transposed, down, right = TURNS[number]
    expected = (picture.swapaxes(0, 1) if transposed else picture)[::down, ::right]
    photo = np.asarray(open_image(tmp_path / "photo.png"))
    np.testing.assert_array_equal(photo, expected if mode == "RGB" else np.repeat(expected[:, :, None], 3, axis=2))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_photo_that_ends_early_is_the_users_to_mend(tmp_path, suffix, kept):
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(UserError, match="image-unreadable") as caught:
        open_image(path)
    assert str(path) in caught.value.problem
    assert "image photo" in str(caught.value)


def test_a_photo_with_broken_exif_is_the_users_to_mend(tmp_path):
    # a big-endian TIFF block: one entry, Orientation (0x0112), given as text, not as a number
    tiff = b"MM\x00*\x00\x00\x00\x08" + b"\x00\x02" + b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    tiff += b"\x01\x1a\x00\x02\x00\x00\x00\x02A\x00\x00\x00" + b"\x00\x00\x00\x00"
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.jpg", exif=b"Exif\x00\x00" + tiff)
    with suppress(UserError):  # it may also be read: the pixels are fine
        open_image(tmp_path / "photo.jpg")


@pytest.mark.parametrize("mode", ["P", "L"])
def test_masks_are_read_as_indices(tmp_path, mode):
    values = np.array([[0, 1, 20], [255, 7, 0]], np.uint8)
    picture = Image.fromarray(values)
    if mode == "P":
        picture.putpalette(VOC_PALETTE)
    picture.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), values)


def test_the_palette_is_vocs():
    colours = [tuple(VOC_PALETTE[3 * label : 3 * label + 3]) for label in range(256)]
    assert colours[:4] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert (colours[15], colours[20], colours[255]) == ((192, 128, 128), (0, 64, 128), (224, 224, 192))
    assert len(set(colours)) == 256
