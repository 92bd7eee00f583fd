"""Photos of phones: HEIC and AVIF are read where something can read them; where not, it is said what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image, features

from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.errors import UserError

pillow_heif = pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
HEAD = {"HEIF": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "AVIF": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"}


def picture(path: Path, *, orientation: int = 1, mode: str = "RGB") -> Path:
    """A picture of 40 × 24 pixels, red, the upper half blue."""
    pillow_heif.register_heif_opener()
    shown = Image.new(mode, (40, 24), (200, 30, 30, 255)[: len(mode)])
    shown.paste((30, 30, 200, 255)[: len(mode)], (0, 0, 40, 12))
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown.save(path, format="AVIF" if path.suffix == ".avif" else "HEIF", quality=95, exif=exif.tobytes())
    return path


@pytest.mark.parametrize("name", ["a.heic", "a.HEIF", "a.avif", "a.jpg"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_photo_of_a_phone_is_read(name: str, mode: str, tmp_path: Path) -> None:
    if name == "a.avif" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    read = open_image(picture(tmp_path / name, mode=mode))
    assert (read.mode, read.size) == ("RGB", (40, 24))
    upper, lower = read.getpixel((20, 3)), read.getpixel((20, 20))
    assert isinstance(upper, tuple)
    assert isinstance(lower, tuple)
    assert upper[2] > 150 > upper[0]
    assert lower[0] > 150 > lower[2]


@pytest.mark.parametrize("name", ["a.heic", "a.avif"])
def test_it_is_turned_once(name: str, tmp_path: Path) -> None:
    if name == "a.avif" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    read = open_image(picture(tmp_path / name, orientation=6))
    assert read.size == (24, 40)
    right = read.getpixel((20, 20))  # a quarter to the right brings what was above there
    assert isinstance(right, tuple)
    assert right[2] > 150 > right[0]


def test_of_several_pictures_the_first_is_read(tmp_path: Path) -> None:
    file = pillow_heif.from_pillow(Image.new("RGB", (40, 24), (200, 30, 30)))
    file.add_from_pillow(Image.new("RGB", (40, 24), (30, 30, 200)))
    file.save(tmp_path / "burst.heic")
    first = open_image(tmp_path / "burst.heic").getpixel((20, 12))
    assert isinstance(first, tuple)
    assert first[0] > 150 > first[2]


@pytest.mark.parametrize(("kind", "words"), [("HEIF", "it is HEIC, as phones write it, but broken"), ("AVIF", "AVIF")])
def test_a_broken_one_is_named(kind: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(HEAD[kind] + b"\0" * 99)
    with pytest.raises(UserError, match=words):
        open_image(tmp_path / "a.jpg")


def test_without_its_package_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture(tmp_path / "a.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UserError, match="needs a package: python -m pip install pillow-heif") as refused:
        open_image(path)
    assert str(path) in str(refused.value)


def test_without_avif_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.avif").write_bytes(HEAD["AVIF"] + b"\0" * 99)
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(UserError, match="python -m pip install --upgrade pillow"):
        open_image(tmp_path / "a.avif")
