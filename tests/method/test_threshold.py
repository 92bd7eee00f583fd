"""The threshold of a photo against its definition, tried bin by bin; what it divides, and what it leaves undivided."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.threshold import BINS, SHARPNESS, UNDIVIDED, background_of, valley_threshold


def by_definition(scores: Tensor) -> float:
    """Each bin's centre in turn, with the variance that is left inside the groups taken from the whole."""
    best = scores.amax(dim=0).double().numpy().ravel()
    counts = [0] * BINS
    for value in best:
        counts[min(int(value * BINS), BINS - 1)] += 1
    weights = [math.log(1 + SHARPNESS * count * BINS / best.size) for count in counts]
    centres = [(number + 0.5) / BINS for number in range(BINS)]

    def spread(first: int, end: int) -> float:
        if not sum(weights[first:end]):
            return 0.0
        mean = np.average(centres[first:end], weights=weights[first:end])
        return float(np.dot(weights[first:end], (np.array(centres[first:end]) - mean) ** 2))

    qualities = []
    for number in range(BINS):
        between = spread(0, BINS) - spread(0, number + 1) - spread(number + 1, BINS)
        qualities.append(between * (1 - counts[number] / max(counts)))
    return centres[int(np.argmax(np.round(qualities, 9)))]


def scores_of(kind: str, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(2, 17, 23, generator=generator)
    if kind == "ties":
        return (noise * 8).round() / 8
    if kind == "small object":
        noise = noise * 0.3
        noise[1, 3:6, 4:8] += 0.6
    return noise**3 if kind == "skewed" else noise


@pytest.mark.parametrize("kind", ["even", "skewed", "ties", "small object"])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_best_bin_by_definition(kind: str, seed: int) -> None:
    scores = scores_of(kind, seed)
    assert valley_threshold(scores) == by_definition(scores)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.0, 1.0), (0.6, 0.9), (0.05, 0.3)])
def test_two_levels_are_divided_whatever_their_areas(share: float, levels: tuple[float, float]) -> None:
    pixels = torch.full((10_000,), levels[0])
    pixels[: round(share * len(pixels))] = levels[1]
    assert levels[0] < valley_threshold(pixels.reshape(1, 100, 100)) < levels[1]


def test_between_two_broad_groups_it_lies_in_the_valley() -> None:
    generator = np.random.default_rng(0)
    groups = generator.normal(0.25, 0.06, 9_000), generator.normal(0.75, 0.06, 1_000)
    scores = torch.from_numpy(np.concatenate(groups).clip(0, 1)).reshape(1, 100, 100)
    assert 0.45 < valley_threshold(scores) < 0.6


def test_two_tags_are_cut_by_the_better_of_their_maps() -> None:
    one, other = scores_of("skewed", 4)
    assert valley_threshold(torch.stack([one, other])) == valley_threshold(torch.maximum(one, other)[None])


def test_a_photo_shown_larger_has_the_same_threshold() -> None:
    scores = scores_of("skewed", 5)
    larger = scores.repeat_interleave(3, dim=1).repeat_interleave(2, dim=2)
    assert valley_threshold(larger) == valley_threshold(scores)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 4), (3, 5, 4)])
def test_flat_maps_are_background_or_objects_as_they_are_low_or_high(level: float, shape: tuple[int, ...]) -> None:
    assert valley_threshold(torch.full(shape, level)) == UNDIVIDED == 0.5


@pytest.mark.parametrize("shape", [(0, 5, 4), (0, 1, 1)])
def test_a_photo_without_tags_has_a_threshold_too(shape: tuple[int, ...]) -> None:
    assert valley_threshold(torch.zeros(shape)) == UNDIVIDED


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    scores = scores_of("even", 0)
    scores[:, 0, 0] = value
    with pytest.raises(ValueError, match="finite"):
        valley_threshold(scores)


def test_a_number_is_the_threshold_of_every_photo() -> None:
    scores = scores_of("even", 0)
    assert background_of(scores, 0.35) == 0.35
    assert background_of(scores, "auto") == valley_threshold(scores) != 0.35
