"""The threshold of a photo against its definition, tried one by one; what it divides, and what it leaves undivided."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.threshold import BINS, CELL, UNDIVIDED, background_of, dividing_threshold


def by_definition(scores: Tensor) -> float:
    """Each threshold in turn: how many times more the object is than the background, on either side of the outline."""
    best = scores.amax(dim=0).double().numpy()
    cell = min(12, max(1, min(best.shape) // 2))
    step = max(1, cell // 3)
    rows, columns = ((side - cell) // step + 1 for side in best.shape)
    cells = np.array(
        [
            [best[y * step : y * step + cell, x * step : x * step + cell].mean() for x in range(columns)]
            for y in range(rows)
        ]
    )
    apart = cell // step
    sums = []
    for number in range(1, BINS):
        total = 0.0
        for y in range(rows):
            for x in range(columns):
                for other in ((y + apart, x), (y, x + apart)):
                    if other[0] < rows and other[1] < columns:
                        low, high = sorted((cells[y, x], cells[other]))
                        if low <= number / BINS < high:
                            total += math.log((high + 0.03) / (low + 0.03)) / 2 + math.log((1.03 - low) / (1.03 - high))
        sums.append(total)
    return (int(np.argmax(sums)) + 1) / BINS


def scores_of(kind: str, seed: int, size: tuple[int, int] = (13, 17)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(2, *size, generator=generator)
    if kind == "small object":
        noise = noise * 0.3
        noise[1, size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] += 0.6
    return noise**3 if kind == "skewed" else noise


@pytest.mark.parametrize("kind", ["even", "skewed", "small object"])
@pytest.mark.parametrize("size", [(13, 17), (36, 52), (53, 38)])
def test_it_is_the_best_threshold_by_definition(kind: str, size: tuple[int, int]) -> None:
    for seed in range(3):
        scores = scores_of(kind, seed, size)
        assert dividing_threshold(scores) == by_definition(scores)


@pytest.mark.parametrize("side", [2, 3, 10, 20, 38])
@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.0, 1.0), (0.6, 0.9), (0.05, 0.3)])
def test_two_levels_are_divided_whatever_their_areas(side: int, levels: tuple[float, float]) -> None:
    scores = torch.full((1, 40 * CELL, 40 * CELL), levels[0])
    scores[0, : side * CELL, : side * CELL] = levels[1]
    assert torch.equal(scores > dividing_threshold(scores), scores == levels[1])


def test_a_steep_outline_wins_over_a_slope() -> None:
    """Scores fall slowly within the object and within the background, and at once between them."""
    slope = torch.cat([torch.linspace(0.05, 0.35, 300), torch.linspace(0.65, 0.95, 200)])
    scores = slope.expand(1, 400, 500)
    assert 0.35 <= dividing_threshold(scores) < 0.65


def test_a_broad_map_of_high_scores_is_not_cut_at_its_faint_edge() -> None:
    """Of two outlines of one length the one along which the object grows more beside the background."""
    scores = torch.full((1, 120, 240), 0.5)  # as much as the background
    scores[:, :, 60:] = 0.8  # four times as much
    scores[:, :, 180:] = 0.95  # nineteen times as much
    assert 0.8 <= dividing_threshold(scores) < 0.95


def test_two_tags_are_cut_by_the_better_of_their_maps() -> None:
    one, other = scores_of("skewed", 4)
    assert dividing_threshold(torch.stack([one, other])) == dividing_threshold(torch.maximum(one, other)[None])


def test_a_photo_that_is_turned_or_mirrored_has_the_same_threshold() -> None:
    scores = scores_of("skewed", 5, (60, 44))
    assert dividing_threshold(scores.mT.flip(1)) == dividing_threshold(scores.flip(2)) == dividing_threshold(scores)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 4), (3, 5, 4)])
def test_flat_maps_are_background_or_objects_as_they_are_low_or_high(level: float, shape: tuple[int, ...]) -> None:
    assert dividing_threshold(torch.full(shape, level)) == UNDIVIDED == 0.5


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 1), (2, 1, 2)])
def test_two_pixels_are_divided(shape: tuple[int, ...]) -> None:
    scores = torch.tensor([0.25, 1.0]).expand(shape[0], 2).reshape(shape)
    assert 0.25 <= dividing_threshold(scores) < 1


@pytest.mark.parametrize("shape", [(0, 5, 4), (0, 1, 1)])
def test_a_photo_without_tags_has_a_threshold_too(shape: tuple[int, ...]) -> None:
    assert dividing_threshold(torch.zeros(shape)) == UNDIVIDED


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    scores = scores_of("even", 0)
    scores[:, 0, 0] = value
    with pytest.raises(ValueError, match="finite"):
        dividing_threshold(scores)


def test_a_number_is_the_threshold_of_every_photo() -> None:
    scores = scores_of("even", 0)
    assert background_of(scores, 0.35) == 0.35
    assert background_of(scores, "auto") == dividing_threshold(scores) != 0.35
