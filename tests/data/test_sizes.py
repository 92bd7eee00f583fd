"""At which size a photo is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from puzzlecam_cli.data.loaders import Loading, ScaledPhotos, photo_loader
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.sizes import size_at, size_within
from puzzlecam_cli.engine.refine import pixels_within


@pytest.mark.parametrize(
    ("size", "side", "at", "within"),
    [
        ((4000, 6000), 400, (267, 400), (267, 400)),
        ((6000, 4000), 400, (400, 267), (400, 267)),
        ((16, 16), 64, (64, 64), (16, 16)),
        ((400, 16), 800, (800, 32), (400, 16)),
        ((1, 10_000), 100, (1, 100), (1, 100)),
        ((240, 320), 320, (240, 320), (240, 320)),
        ((240, 320), None, (240, 320), (240, 320)),
    ],
)
def test_the_longer_side_gets_a_length(
    size: tuple[int, int], side: int | None, at: tuple[int, int], within: tuple[int, int]
) -> None:
    assert size_at(size, side) == at
    assert size_within(size, side) == within


side = st.integers(1, 9000)


@given(size=st.tuples(side, side), length=st.integers(16, 8192))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_any_photo_keeps_its_proportions_and_a_pixel_at_least(size: tuple[int, int], length: int) -> None:
    height, width = size_at(size, length)
    assert max(height, width) == length
    assert min(height, width) >= 1
    assert abs(height - size[0] * length / max(size)) <= 1
    assert abs(width - size[1] * length / max(size)) <= 1
    assert size_at((height, width), length) == (height, width)


def test_whole_photos_of_many_sizes_are_seen_at_one(tmp_path: Path) -> None:
    sizes = [(10, 20), (300, 200), (40, 40)]
    photos = []
    for number, (height, width) in enumerate(sizes):
        Image.new("RGB", (width, height), (10 * number,) * 3).save(tmp_path / f"{number}.png")
        photos.append(Photo(str(number), tmp_path / f"{number}.png"))
    views = ScaledPhotos(photos, (0.5, 1.0), (0.0,) * 3, (1.0,) * 3, longer_side=40)
    for (index, image, (half, whole)), size in zip(photo_loader(views, Loading()), sizes, strict=True):
        assert image.shape == (*size, 3)
        assert tuple(whole.shape[1:]) == size_at(size, 40)
        assert max(half.shape) == 20
        torch.testing.assert_close(whole, torch.full_like(whole, index * 10 / 255))


def test_only_larger_photos_are_shrunk_for_the_crf() -> None:
    photo = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6).repeat(3).reshape(4, 6, 3))
    assert np.array_equal(pixels_within(photo, 6), np.asarray(photo))
    assert np.array_equal(pixels_within(photo, None), np.asarray(photo))
    assert pixels_within(photo, 3)[:, :, 0].tolist() == [[4, 6, 8], [16, 18, 20]]  # means of 2 × 2, rounded up
