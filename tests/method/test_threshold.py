"""The threshold of a photo against its definition, tried one by one; what it divides, and what it leaves undivided."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.colour import srgb_to_lab
from puzzlecam_cli.method.threshold import BINS, CELL, UNDIVIDED, background_of, dividing_threshold


def by_definition(scores: Tensor, image: Tensor) -> float:
    """Each threshold in turn, pair of cells by pair of cells."""
    best, pixels = scores.amax(dim=0).double().numpy(), image.double().numpy() / 255
    cell = min(12, max(1, min(best.shape) // 2))
    step = max(1, cell // 3)
    rows, columns = ((side - cell) // step + 1 for side in best.shape)
    places = {
        (y, x): np.s_[y * step : y * step + cell, x * step : x * step + cell] for y, x in np.ndindex(rows, columns)
    }
    means = {place: float(best[cut].mean()) for place, cut in places.items()}
    colours = {place: srgb_to_lab(torch.tensor(pixels[cut].mean(axis=(0, 1)))) for place, cut in places.items()}
    apart = cell // step
    pairs = [(at, to) for at in places for to in ((at[0] + apart, at[1]), (at[0], at[1] + apart)) if to in places]
    contrasts = [round(math.dist(colours[at].tolist(), colours[to].tolist()), 9) for at, to in pairs]
    ranks = {contrast: sum(other <= contrast for other in contrasts) for contrast in contrasts}

    def odds(score: float) -> float:
        return math.log((score + 0.01) / (1.01 - score))

    sums = []
    for number in range(1, BINS):
        total = 0.0
        for (at, to), contrast in zip(pairs, contrasts, strict=True):
            low, high = sorted((means[at], means[to]))
            if low <= number / BINS < high:
                total += ranks[contrast] * (odds(high) - odds(low))
        sums.append(total)
    return (int(np.argmax(sums)) + 1) / BINS


def scores_of(kind: str, seed: int, size: tuple[int, int] = (13, 17)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(2, *size, generator=generator)
    if kind == "small object":
        noise = noise * 0.3
        noise[1, size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] += 0.6
    return noise**3 if kind == "skewed" else noise


def photo_of(size: tuple[int, int], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(100 + seed)
    return torch.randint(256, (*size, 3), generator=generator, dtype=torch.uint8)


def plain(scores: Tensor) -> Tensor:
    """A photo of one colour: its edges say nothing, as all are equal."""
    return torch.full((*scores.shape[1:], 3), 90, dtype=torch.uint8)


@pytest.mark.parametrize("kind", ["even", "skewed", "small object"])
@pytest.mark.parametrize("size", [(13, 17), (36, 52), (53, 38)])
def test_it_is_the_best_threshold_by_definition(kind: str, size: tuple[int, int]) -> None:
    for seed in range(3):
        scores, image = scores_of(kind, seed, size), photo_of(size, seed)
        assert dividing_threshold(scores, image) == by_definition(scores, image)


@pytest.mark.parametrize("side", [2, 3, 10, 20, 38])
@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.0, 1.0), (0.6, 0.9), (0.05, 0.3)])
def test_two_levels_are_divided_whatever_their_areas(side: int, levels: tuple[float, float]) -> None:
    scores = torch.full((1, 40 * CELL, 40 * CELL), levels[0])
    scores[0, : side * CELL, : side * CELL] = levels[1]
    assert torch.equal(scores > dividing_threshold(scores, plain(scores)), scores == levels[1])


def test_a_steep_outline_wins_over_a_slope() -> None:
    """Scores fall slowly within the object and within the background, and at once between them."""
    slope = torch.cat([torch.linspace(0.05, 0.35, 300), torch.linspace(0.65, 0.95, 200)])
    scores = slope.expand(1, 400, 500)
    assert 0.35 <= dividing_threshold(scores, plain(scores)) < 0.65


def test_a_broad_map_of_high_scores_is_not_cut_at_its_faint_edge() -> None:
    """Of two outlines of one length the one along which the object grows more beside the background."""
    scores = torch.full((1, 120, 240), 0.5)  # as much as the background
    scores[:, :, 60:] = 0.8  # four times as much
    scores[:, :, 180:] = 0.95  # nineteen times as much
    assert 0.8 <= dividing_threshold(scores, plain(scores)) < 0.95


@pytest.mark.parametrize(("edge", "least", "most"), [(60, 0.2, 0.5), (180, 0.5, 0.8)])
@pytest.mark.parametrize("contrast", [3, 100])
def test_of_outlines_that_are_as_steep_the_one_along_an_edge_of_the_photo_wins(
    edge: int, least: float, most: float, contrast: int
) -> None:
    scores = torch.full((1, 120, 240), 0.2)
    scores[:, :, 60:] = 0.5
    scores[:, :, 180:] = 0.8
    image = plain(scores)
    image[:, edge:] += contrast
    assert least <= dividing_threshold(scores, image) < most


def test_two_tags_are_cut_by_the_better_of_their_maps() -> None:
    one, other = scores_of("skewed", 4)
    image = photo_of((13, 17))
    together = torch.maximum(one, other)[None]
    assert dividing_threshold(torch.stack([one, other]), image) == dividing_threshold(together, image)


def test_a_photo_that_is_turned_or_mirrored_has_the_same_threshold() -> None:
    scores, image = scores_of("skewed", 5, (60, 44)), photo_of((60, 44))
    threshold = dividing_threshold(scores, image)
    assert dividing_threshold(scores.flip(2), image.flip(1)) == threshold
    assert dividing_threshold(scores.mT.flip(1), image.transpose(0, 1).flip(0)) == threshold


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 4), (3, 5, 4)])
def test_flat_maps_are_background_or_objects_as_they_are_low_or_high(level: float, shape: tuple[int, ...]) -> None:
    scores = torch.full(shape, level)
    assert dividing_threshold(scores, plain(scores)) == UNDIVIDED == 0.5


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 1), (2, 1, 2)])
def test_two_pixels_are_divided(shape: tuple[int, ...]) -> None:
    scores = torch.tensor([0.25, 1.0]).expand(shape[0], 2).reshape(shape)
    assert 0.25 <= dividing_threshold(scores, plain(scores)) < 1


@pytest.mark.parametrize("shape", [(0, 5, 4), (0, 1, 1)])
def test_a_photo_without_tags_has_a_threshold_too(shape: tuple[int, ...]) -> None:
    assert dividing_threshold(torch.zeros(shape), plain(torch.zeros(shape))) == UNDIVIDED


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    scores = scores_of("even", 0)
    scores[:, 0, 0] = value
    with pytest.raises(ValueError, match="finite"):
        dividing_threshold(scores, plain(scores))


def test_the_photo_of_another_is_refused() -> None:
    with pytest.raises(ValueError, match="not that of"):
        dividing_threshold(scores_of("even", 0, (13, 17)), photo_of((17, 13)))


def test_a_number_is_the_threshold_of_every_photo() -> None:
    scores = scores_of("even", 0)
    image = photo_of((13, 17))
    assert background_of(scores, 0.35, lambda: pytest.fail("the photo was read")) == 0.35
    assert background_of(scores, "auto", lambda: image) == dividing_threshold(scores, image) != 0.35
