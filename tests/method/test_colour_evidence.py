"""What the colours of a photo say, against the definition, cell by cell, and on photos where the answer is known."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.colour import srgb_to_lab
from puzzlecam_cli.method.colour_evidence import BINS, CELL, FLOOR, NEAR, REACH, SHARPNESS, with_colours

RED, GREEN, BLUE = (200, 30, 40), (40, 160, 60), (40, 60, 180)


def painted(labels: np.ndarray, *colours: tuple[int, int, int]) -> Tensor:
    """(H, W) numbers of colours → (H, W, 3) uint8, a little noisy."""
    noise = np.random.default_rng(0).integers(-6, 7, (*labels.shape, 3))
    return torch.from_numpy((np.array(colours)[labels] + noise).clip(0, 255).astype(np.uint8))


def disc(radius: float, centre: tuple[float, float] = (48, 48), side: int = 96) -> np.ndarray:
    """1 inside, 0 outside."""
    y, x = np.mgrid[:side, :side] + 0.5
    return (np.hypot(y - centre[0], x - centre[1]) < radius).astype(int)


def hill(width: float, centre: tuple[float, float] = (48, 48), side: int = 96) -> Tensor:
    """(1, H, W) scores that fall from 0.95 at the centre to one half at `width`."""
    y, x = np.mgrid[:side, :side] + 0.5
    return torch.from_numpy(0.95 / (1 + 0.9 * (np.hypot(y - centre[0], x - centre[1]) / width) ** 4))[None].float()


def iou(found: Tensor, truth: np.ndarray) -> float:
    a, b = found.numpy(), truth.astype(bool)
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("width", [22, 38], ids=["too small", "too large"])
def test_an_object_ends_where_its_colours_end(width: float) -> None:
    truth, scores = disc(30), hill(width)
    found = with_colours(scores, painted(truth, GREEN, RED), 0.5, 1.0)
    assert iou(scores[0] > 0.5, truth) < 0.65
    assert iou(found[0] > 0.5, truth) > 0.8


@pytest.mark.parametrize("side", [400, 401, 402, 403])
@pytest.mark.parametrize("is_wide", [True, False])
def test_it_ends_there_as_well_where_cells_reach_beyond_the_photo(side: int, is_wide: bool) -> None:
    edge = 380
    across = (np.arange(side) < edge).astype(int)[None].repeat(24, 0)
    scores = ((edge - 8 - torch.arange(side)) / 8).sigmoid()[None, None].repeat(1, 24, 1)
    image = painted(across, GREEN, RED)
    if not is_wide:
        scores, image = scores.transpose(1, 2), image.transpose(0, 1)
    found = with_colours(scores, image, 0.5, 1.0)[0] > 0.5
    ends = found.sum(dim=1 if is_wide else 0)
    assert (ends - edge).abs().max() <= CELL / 2


def test_each_tag_has_colours_of_its_own() -> None:
    left, right = (48, 26), (48, 70)
    truth = disc(18, left) + 2 * disc(18, right)
    scores = torch.cat([hill(13, left), hill(13, right)])
    found = with_colours(scores, painted(truth, GREEN, RED, BLUE), 0.5, 1.0)
    for k in (0, 1):
        assert iou(scores[k] > 0.5, truth == k + 1) < 0.6
        assert iou(found[k] > 0.5, truth == k + 1) > 0.9


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_where_all_has_one_colour_it_says_nothing(threshold: float) -> None:
    scores = hill(20)
    flat = torch.full((96, 96, 3), 90, dtype=torch.uint8)
    torch.testing.assert_close(with_colours(scores, flat, threshold, 1.0), scores.clamp(NEAR, 1 - NEAR))


@pytest.mark.parametrize("threshold", [0.0, 0.004, 0.5, 0.996, 1.0])
def test_without_colours_to_tell_by_no_pixel_crosses_the_threshold(threshold: float) -> None:
    scores = torch.tensor([0.0, 0.002, 0.006, 0.4, 0.6, 0.994, 0.998, 1.0]).repeat(1, 8, 1)
    flat = torch.full((8, 8, 3), 90, dtype=torch.uint8)
    found = with_colours(scores, flat, threshold, 1.0)
    assert torch.equal(found > threshold, scores > threshold)


def test_a_weight_of_0_changes_no_bit() -> None:
    scores = torch.rand(2, 20, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(with_colours(scores, torch.zeros(20, 30, 3, dtype=torch.uint8), 0.5, 0.0), scores)


def test_a_photo_that_is_mirrored_has_mirrored_scores() -> None:
    truth, scores = disc(20, (40, 30)), hill(14, (42, 28))
    image = painted(truth, GREEN, RED)
    mirrored = with_colours(scores.flip(2), image.flip(1), 0.4, 1.0)
    torch.testing.assert_close(mirrored.flip(2), with_colours(scores, image, 0.4, 1.0))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 5), (7, 9)])
@pytest.mark.parametrize("maps", [0, 1, 3])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_scores_stay_scores_in_photos_of_any_size(size: tuple[int, int], maps: int, threshold: float) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.rand(maps, *size, generator=generator).round(decimals=1)  # with zeros and ones
    image = torch.randint(256, (*size, 3), generator=generator, dtype=torch.uint8)
    found = with_colours(scores, image, threshold, 1.0)
    assert found.shape == scores.shape
    assert found.dtype == scores.dtype
    assert ((found >= 0) & (found <= 1)).all()


def spread(count: dict[tuple[int, ...], float]) -> dict[tuple[int, ...], float]:
    """Each bin's count in equal parts over it and its 26 neighbours."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for (where, value), step in product(count.items(), product((-1, 0, 1), repeat=3)):
        near = tuple(b + s for b, s in zip(where, step, strict=True))
        if all(0 <= b < BINS for b in near):
            found[near] += value / 27
    return found


def by_definition(scores: np.ndarray, image: np.ndarray, threshold: float, weight: float) -> np.ndarray:
    """The same of photos whose cells are whole, and the same in each: one pixel of each."""
    scores, image = scores[:, ::CELL, ::CELL].astype(np.float64), image[::CELL, ::CELL]
    lab = srgb_to_lab(torch.from_numpy(image).movedim(2, 0).double() / 255).movedim(0, 2).numpy()
    odds = [np.ones(image.shape[:2])]
    odds += [(s := each.clip(NEAR, 1 - NEAR)) / (1 - s) * (1 - threshold) / threshold for each in scores]
    sharp = np.stack(odds) ** SHARPNESS
    shares = sharp / sharp.sum(axis=0)
    places = np.stack([lab[..., 0] / 100, *((lab[..., i] + REACH) / (2 * REACH) for i in (1, 2))], axis=-1)
    bins = (places * BINS).astype(int).clip(0, BINS - 1)
    densities = []
    for share in shares:
        count: dict[tuple[int, ...], float] = defaultdict(float)
        for where in product(*map(range, share.shape)):
            count[tuple(map(int, bins[where]))] += share[where]
        count = spread(spread(count))
        whole = sum(count.values())
        densities.append(defaultdict(float, {where: value / whole for where, value in count.items()}))
    seen = {where for density in densities for where in density}
    floor = FLOOR * max(sum(density[where] for density in densities) / len(densities) for where in seen)
    found = np.empty_like(scores)
    for k, *where in product(range(len(scores)), *map(range, image.shape[:2])):
        colour = tuple(map(int, bins[tuple(where)]))
        ratio = (densities[k + 1][colour] + floor) / (densities[0][colour] + floor)
        logs = log(odds[k + 1][tuple(where)]) + weight * log(ratio) + log(threshold / (1 - threshold))
        found[(k, *where)] = 1 / (1 + np.exp(-logs))
    return found


@pytest.mark.parametrize(("threshold", "weight"), [(0.5, 1.0), (0.3, 1.0), (0.6, 0.5)])
def test_it_is_bayes_rule_with_the_colours_of_both_sides_by_definition(threshold: float, weight: float) -> None:
    generator = np.random.default_rng(2)
    coarse = generator.random((2, 6, 8), dtype=np.float32)
    colours = np.array([RED, GREEN, BLUE])[generator.integers(3, size=(6, 8))] + generator.integers(-9, 10, (6, 8, 3))
    blocks = np.ones((CELL, CELL))
    scores, image = np.kron(coarse, blocks).astype(np.float32), np.kron(colours, blocks[..., None]).astype(np.uint8)
    found = with_colours(torch.from_numpy(scores), torch.from_numpy(image), threshold, weight).numpy()
    told = by_definition(scores, image, threshold, weight)

    def logs(share: np.ndarray) -> np.ndarray:
        return np.log(share / (1 - share))

    # what is said is interpolated between cells: in the corners of the photo it is the cell's own
    for y, x in product((0, -1), repeat=2):
        np.testing.assert_allclose(logs(found[:, y, x]), logs(told[:, y, x]), rtol=1e-4, atol=1e-4)
