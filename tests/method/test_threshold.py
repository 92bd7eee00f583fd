"""Otsu's threshold against the definition, tried at every score; what it leaves undivided."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.threshold import UNDIVIDED, background_of, otsu_threshold


def within(values: np.ndarray, threshold: float) -> float:
    """The variance that is left inside the two groups, weighed by their sizes: the least where that between is most."""
    groups = values[values <= threshold], values[values > threshold]
    return sum(len(group) * float(group.var()) for group in groups if len(group))


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
def test_no_score_divides_the_pixels_better(kind: str, seed: int) -> None:
    scores = scores_of(kind, seed)
    values = scores.amax(dim=0).double().numpy().ravel()
    tried = np.unique(values)[:-1]
    left = np.array([within(values, threshold) for threshold in tried])
    assert otsu_threshold(scores) == tried[left.argmin()]


def test_a_plain_object_is_what_is_above() -> None:
    scores = torch.full((1, 6, 6), 0.1)
    scores[0, 2:4, 1:5] = 0.9
    scores[0, 0, 0] = 0.2
    assert torch.equal(scores[0] > otsu_threshold(scores), scores[0] == 0.9)


def test_two_tags_are_divided_by_the_better_of_their_maps() -> None:
    one, other = scores_of("skewed", 4)
    assert otsu_threshold(torch.stack([one, other])) == otsu_threshold(torch.maximum(one, other)[None])


def test_the_same_pixels_are_above_whatever_the_maps_were_divided_by() -> None:
    scores = scores_of("skewed", 5)
    above = scores > otsu_threshold(scores)
    assert torch.equal(scores * 0.5 > otsu_threshold(scores * 0.5), above)
    assert 0 < int(above.sum()) < above.numel()


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 4), (3, 5, 4)])
def test_flat_maps_get_half_of_the_maximum_s_scale(level: float, shape: tuple[int, ...]) -> None:
    """All is background, or all is an object, as the one score there is is low or high."""
    assert otsu_threshold(torch.full(shape, level)) == UNDIVIDED


@pytest.mark.parametrize("shape", [(0, 5, 4), (0, 1, 1)])
def test_a_photo_without_tags_has_a_threshold_too(shape: tuple[int, ...]) -> None:
    assert otsu_threshold(torch.zeros(shape)) == UNDIVIDED


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    scores = scores_of("even", 0)
    scores[0, 0, 0] = value
    scores[1, 0, 0] = value
    with pytest.raises(ValueError, match="finite"):
        otsu_threshold(scores)


def test_a_number_is_the_threshold_of_every_photo() -> None:
    scores = scores_of("even", 0)
    assert background_of(scores, 0.35) == 0.35
    assert background_of(scores, "auto") == otsu_threshold(scores)
