"""Training views: repeatable, aligned with their masks, padded and cropped as the authors do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from torch import Tensor

from puzzlecam_cli.data.transforms import generator_for, normalize, random_view, resized
from tests.benchmarks.scenes import photo

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def numbered(height: int, width: int) -> tuple[Image.Image, NDArray[np.uint8]]:
    """A picture whose red is the row, green the column, and blue the value of the mask, 0 to 3 in quarters."""
    rows, columns = np.mgrid[:height, :width]
    mask = ((rows >= height // 2) * 2 + (columns >= width // 2)).astype(np.uint8)
    picture = np.stack([rows, columns, 50 * mask], axis=2).astype(np.uint8)
    return Image.fromarray(picture), mask


def view(
    size: tuple[int, int],
    crop: int,
    *,
    longer: int | None = None,
    key: tuple[int, int, int] = (0, 0, 0),
    **changes: Any,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(pixels 0..255, mask) of a view of a numbered picture; without `longer` it is not resized."""
    image, mask = numbered(*size)
    longer = longer or max(size)
    settings: dict[str, Any] = {"resize": (longer, longer), "crop": crop, "mean": (0, 0, 0), "std": (1, 1, 1)} | changes
    pixels, labels = random_view(image, mask, generator_for(*key), **settings)
    assert labels is not None
    assert pixels.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert pixels.shape == (3, crop, crop)
    assert labels.shape == (crop, crop)
    return (pixels * 255).round().long().permute(1, 2, 0).numpy(), labels.numpy()


def test_normalisation_is_that_of_imagenet():
    image = np.array([[[0, 128, 255], [1, 2, 3]]], np.uint8)
    expected = (image / 255 - np.array(MEAN)) / np.array(STD)
    found = normalize(image.copy(), MEAN, STD)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(("scale", "size"), [(0.5, (31, 20)), (1.0, (61, 40)), (2.0, (122, 80)), (0.001, (1, 1))])
def test_scaled_sides_are_rounded_and_never_vanish(scale, size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 61, 3), dtype=np.uint8))
    made = resized(image, scale)
    # 30.5 may go either way: Python and the authors round half to even
    assert abs(made.shape[1] - size[0]) <= (scale == 0.5)
    assert made.shape[0] == size[1]


def off_pillow(pixels: NDArray[np.uint8], scale: float, *, width_first: bool = False) -> NDArray[np.int64]:
    """How many grey levels a resized photo is off Pillow's, in one call or in two."""
    image = Image.fromarray(pixels)
    made = resized(image, scale)
    if width_first:
        image = image.resize((made.shape[1], image.height), Image.Resampling.BICUBIC)
    expected = image.resize(made.shape[1::-1], Image.Resampling.BICUBIC)
    return np.abs(made.astype(int) - np.asarray(expected))


@pytest.mark.parametrize("scale", [0.03, 0.25, 0.5, 0.64, 0.9, 0.999, 1.0, 1.1, 1.28, 1.5, 2.0, 3.3])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (37, 61), (131, 100), (333, 500)])
def test_a_resized_photo_is_one_grey_level_off_pillows_at_most(size, scale):
    """Even noise and hard edges, which are the worst that can be; for antialiasing Pillow is known."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for pixels in (noise, (noise // 128 * 255).astype(np.uint8)):
        assert off_pillow(pixels, scale).max() <= (scale != 1.0)


@pytest.mark.parametrize("scale", [0.03, 0.15, 0.3, 0.5, 0.77, 0.9, 1.3])
@pytest.mark.parametrize("size", [(500, 333), (430, 200), (600, 200), (1200, 20), (900, 9), (700, 1), (20, 1200)])
def test_a_tall_photo_is_made_width_first_as_any_other(size, scale):
    """Pillow 13 makes the height of tall photos first, which differs by up to 30 levels; older ones do not."""
    noise = np.random.default_rng(0).integers(0, 2, (*size, 3), dtype=np.uint8) * 255
    assert off_pillow(noise, scale, width_first=True).max() <= 1


@pytest.mark.parametrize("scale", [0.7, 1.06])
def test_a_resized_photo_is_mostly_pillows(scale):
    assert off_pillow(photo(375, 500)[0], scale).mean() < 0.01


def test_the_same_key_gives_the_same_view():
    one, other = (view((60, 90), 32, key=(3, 1, 7), resize=(40, 120)) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("key", [(4, 1, 7), (3, 2, 7), (3, 1, 8)], ids=["seed", "epoch", "index"])
def test_another_seed_epoch_or_photo_gives_another_view(key):
    one, other = (view((60, 90), 32, key=k, resize=(40, 120))[0] for k in ((3, 1, 7), key))
    assert (one != other).any()


def test_the_state_of_other_random_generators_does_not_matter():
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)
        made.append(view((60, 90), 32)[0])
    np.testing.assert_array_equal(*made)


@pytest.mark.parametrize("size", [(20, 30), (30, 20), (32, 12), (5, 5)])
def test_a_smaller_photo_lies_whole_on_a_canvas_of_0_and_255(size):
    corners = set()
    for index in range(20):
        pixels, labels = view(size, 32, key=(0, 0, index))
        inside = labels != 255
        rows, columns = np.nonzero(inside)
        top, left = rows.min(), columns.min()
        corners.add((top, left))
        assert inside.sum() == size[0] * size[1]
        assert inside[top : top + size[0], left : left + size[1]].all()
        assert not pixels[~inside].any()
        shown = pixels[top : top + size[0], left : left + size[1]]
        straight = np.asarray(numbered(*size)[0])
        assert any(np.array_equal(shown, p) for p in (straight, straight[:, ::-1]))
    assert len(corners) > 10 or size == (32, 12), "always at the same place"


def test_the_canvas_is_the_mean_colour():
    image, _ = numbered(20, 20)
    pixels, _ = random_view(image, None, generator_for(0, 0, 0), resize=(20, 20), crop=32, mean=MEAN, std=STD)
    assert int((pixels == 0).all(dim=0).sum()) == 32 * 32 - 20 * 20


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (33, 32), (32, 32)])
def test_a_larger_photo_is_cropped_to_a_window_of_it(size):
    corners, mirrored = set(), set()
    for index in range(20):
        pixels, labels = view(size, 32, key=(0, 0, index))
        assert 255 not in labels
        rows, columns = pixels[:, :, 0], pixels[:, :, 1]
        step = columns[0, 1] - columns[0, 0]
        mirrored.add(int(step))
        corners.add((rows[0, 0], columns[:, ::step][0, 0]))
        assert (np.diff(rows, axis=0) == 1).all()
        assert (np.diff(rows, axis=1) == 0).all()
        assert (np.diff(columns, axis=1) == step).all()
    assert mirrored == {-1, 1}
    assert len(corners) >= min(10, (size[0] - 31) * (size[1] - 31))


@pytest.mark.parametrize("size", [(60, 90), (20, 30), (20, 90), (90, 20)])
def test_the_mask_goes_where_the_photo_goes(size):
    for index in range(10):
        pixels, labels = view(size, 32, key=(0, 0, index))
        inside = labels != 255
        np.testing.assert_array_equal(pixels[:, :, 2][inside], 50 * labels[inside])
        rows, columns = pixels[:, :, 0][inside], pixels[:, :, 1][inside]
        np.testing.assert_array_equal(labels[inside], numbered(*size)[1][rows, columns])


@pytest.mark.parametrize("side", ["longer", "shorter"])
@pytest.mark.parametrize("crop", [64, 200])
def test_a_view_is_cut_from_what_pillow_makes_and_its_mask_exactly(crop, side):
    """The draws by hand: the length, the mirror, the place by rows, the place by columns."""
    pixels, mask = photo(120, 161)
    for index in range(8):
        draw = generator_for(5, 1, index)
        scale = int(draw.integers(70, 181)) / (161 if side == "longer" else 120)
        size = (round(161 * scale), round(120 * scale))
        turn = -1 if draw.random() < 0.5 else 1
        shown = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))[:, ::turn]
        labels = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))[:, ::turn]
        gaps = [max(0, crop - length) for length in shown.shape[:2]]
        top, left = (int(draw.integers(0, abs(length - crop) + 1)) for length in shown.shape[:2])
        sides = [(place, gap - place) if gap else (0, 0) for place, gap in zip((top, left), gaps, strict=True)]
        cut = (slice(0 if gaps[0] else top, None), slice(0 if gaps[1] else left, None))
        settings: dict[str, Any] = {"resize": (70, 180), "crop": crop, "mean": (0, 0, 0), "std": (1, 1, 1)}
        made, found = random_view(
            Image.fromarray(pixels), mask, generator_for(5, 1, index), resize_side=side, **settings
        )
        assert found is not None
        padded = np.pad(labels[cut], sides, constant_values=255)[:crop, :crop]
        np.testing.assert_array_equal(found.numpy(), padded)
        expected = np.pad(shown[cut], [*sides, (0, 0)])[:crop, :crop]
        np.testing.assert_allclose(made.permute(1, 2, 0).numpy() * 255, expected, rtol=0, atol=1 + 1e-3)


@pytest.mark.parametrize("longer", [50, 97, 200])
def test_the_mask_is_resized_with_the_photo(longer):
    """Away from the edges of the quarters, where bicubic pixels mix, both agree."""
    for index in range(5):
        pixels, labels = view((60, 90), 64, longer=longer, key=(0, 0, index))
        highest, lowest = (f(labels, 3, mode="constant", cval=255) for f in (maximum_filter, minimum_filter))
        within = (highest == lowest) & (labels != 255)
        assert within.sum() > 0.8 * (labels != 255).sum()
        assert np.abs(pixels[:, :, 2] - 50 * labels)[within].max() < 25
        assert set(np.unique(labels)) <= {0, 1, 2, 3, 255}, "masks are not interpolated"


@pytest.mark.parametrize("size", [(60, 90), (90, 60)])
@pytest.mark.parametrize("side", ["longer", "shorter"])
def test_the_side_that_is_asked_for_is_drawn_from_the_whole_range(size, side):
    seen = set()
    for index in range(60):
        _, labels = view(size, 64, resize=(20, 24), resize_side=side, key=(0, 0, index))
        rows, columns = (int((labels != 255).any(axis=axis).sum()) for axis in (1, 0))
        longer, shorter = (columns, rows) if size[1] > size[0] else (rows, columns)
        drawn, other, ratio = (longer, shorter, 2 / 3) if side == "longer" else (shorter, longer, 3 / 2)
        assert abs(other - drawn * ratio) <= 0.5
        seen.add(drawn)
    assert seen == set(range(20, 25))


@pytest.mark.parametrize(("side", "crop"), [("longer", 64), ("shorter", 96)])
def test_a_drawn_side_gets_the_length_of_the_crop_and_the_other_what_follows(side, crop):
    """A 2:1 photo whose longer side becomes 64 is 32 high, whose shorter side becomes 64 is 128 wide: cropped."""
    _, labels = view((40, 80), crop, longer=64, resize_side=side)
    rows, columns = (int((labels != 255).any(axis=axis).sum()) for axis in (1, 0))
    assert (rows, columns) == ((32, 64) if side == "longer" else (64, 96))


def test_the_longer_side_is_drawn_unless_said_otherwise():
    one, other = view((60, 90), 32, longer=40), view((60, 90), 32, longer=40, resize_side="longer")
    np.testing.assert_array_equal(one[0], other[0])


def test_half_of_the_views_are_mirrored():
    views = [view((32, 32), 32, key=(0, 0, index))[0] for index in range(400)]
    straight = sum(int(v[0, 0, 1] == 0) for v in views)
    assert 160 < straight < 240  # four standard deviations


def test_without_a_mask_the_view_is_the_same():
    image, mask = numbered(60, 90)
    settings: dict[str, Any] = {"resize": (40, 120), "crop": 32, "mean": MEAN, "std": STD}
    made: list[tuple[Tensor, Tensor | None]] = [
        random_view(image, given, generator_for(1, 2, 3), **settings) for given in (mask, None)
    ]
    assert torch.equal(made[0][0], made[1][0])
    assert made[1][1] is None


def test_a_mask_of_another_size_than_the_photo_is_refused():
    image, mask = numbered(60, 90)
    with pytest.raises(ValueError, match=r"the mask is \(90, 60\), the photo \(60, 90\)"):
        random_view(image, mask.T, generator_for(0, 0, 0), resize=(90, 90), crop=32, mean=MEAN, std=STD)
