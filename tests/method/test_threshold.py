"""The threshold of a photo against its definition, tried one by one; what it divides, and what it leaves undivided."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.threshold import BINS, SHARPNESS, UNDIVIDED, background_of, dividing_threshold


def by_definition(scores: Tensor) -> float:
    """Each threshold in turn: the spread of all less that inside the groups, times what the outline parts."""
    best = scores.amax(dim=0).double().numpy()
    height, width = best.shape
    counts = [0] * BINS
    for value in best.ravel():
        counts[max(math.ceil(value * BINS) - 1, 0)] += 1
    weights = np.array([math.log(1 + SHARPNESS * count * BINS / best.size) for count in counts])
    centres = np.arange(BINS) + 0.5

    def spread(first: int, end: int) -> float:
        group, at = weights[first:end], centres[first:end]
        return float(group @ (at - group @ at / group.sum()) ** 2) if group.any() else 0.0

    qualities = []
    for number in range(1, BINS):
        parted = 0.0
        for y in range(height):
            for x in range(width):
                for other in ((y + 1, x), (y, x + 1)):
                    if other[0] < height and other[1] < width:
                        low, high = sorted((best[y, x], best[other]))
                        parted += (high - low) * (low <= number / BINS < high)
        qualities.append((spread(0, BINS) - spread(0, number) - spread(number, BINS)) * parted)
    return (int(np.argmax(qualities)) + 1) / BINS


def scores_of(kind: str, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(2, 13, 17, generator=generator)
    if kind == "small object":
        noise = noise * 0.3
        noise[1, 3:6, 4:8] += 0.6
    return noise**3 if kind == "skewed" else noise


@pytest.mark.parametrize("kind", ["even", "skewed", "small object"])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_best_threshold_by_definition(kind: str, seed: int) -> None:
    scores = scores_of(kind, seed)
    assert dividing_threshold(scores) == by_definition(scores)


@pytest.mark.parametrize("side", [1, 3, 10, 50, 90, 99])
@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.0, 1.0), (0.6, 0.9), (0.05, 0.3)])
def test_two_levels_are_divided_whatever_their_areas(side: int, levels: tuple[float, float]) -> None:
    scores = torch.full((1, 100, 100), levels[0])
    scores[0, :side, :side] = levels[1]
    assert torch.equal(scores > dividing_threshold(scores), scores == levels[1])


def test_a_steep_outline_wins_over_a_slope() -> None:
    """Scores fall slowly within the object and within the background, and at once between them."""
    slope = torch.cat([torch.linspace(0.05, 0.35, 60), torch.linspace(0.65, 1, 40)])
    scores = slope.expand(1, 80, 100)
    assert 0.35 <= dividing_threshold(scores) < 0.65


def test_two_tags_are_cut_by_the_better_of_their_maps() -> None:
    one, other = scores_of("skewed", 4)
    assert dividing_threshold(torch.stack([one, other])) == dividing_threshold(torch.maximum(one, other)[None])


def test_a_photo_shown_larger_or_turned_has_the_same_threshold() -> None:
    scores = scores_of("skewed", 5)
    larger = scores.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)
    assert dividing_threshold(larger) == dividing_threshold(scores)
    assert dividing_threshold(scores.mT.flip(1)) == dividing_threshold(scores)


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
