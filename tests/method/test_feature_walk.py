"""Walks along features, and walks of the background, against powers of dense matrices in float64."""

from __future__ import annotations

from functools import partial
from math import hypot

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from puzzlecam_cli.method.labels import winners
from puzzlecam_cli.method.random_walk import feature_walk, random_walk, walk_along, walk_with_background

Array = NDArray[np.float64]


def dense_walk(scores: Array, features: Array, radius: int, beta: float, log2_steps: int) -> Array:
    """(K, h, w) scores along (D, h, w) features: x · T^steps, T = A^β over its column sums, cell by cell."""
    height, width = features.shape[1:]
    cells = [(y, x) for y in range(height) for x in range(width)]
    affinity = np.zeros((len(cells), len(cells)))
    for i, (y, x) in enumerate(cells):
        for j, (v, u) in enumerate(cells):
            if hypot(v - y, u - x) < radius:
                affinity[i, j] = np.exp(-np.abs(features[:, y, x] - features[:, v, u]).mean()) ** beta
    transition = affinity / affinity.sum(axis=0)
    return (scores.reshape(len(scores), -1) @ np.linalg.matrix_power(transition, 2**log2_steps)).reshape(scores.shape)


def averaged(scores: Array) -> Array:
    """Means of 2 × 2 cells; what is left at the right and the bottom is averaged by itself."""
    count, height, width = scores.shape
    out = np.zeros((count, -(-height // 2), -(-width // 2)))
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            out[:, y, x] = scores[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(axis=(1, 2))
    return out


def doubled(scores: Array, height: int, width: int) -> Array:
    """Linear between the centres of cells, constant beyond the outer ones; cell y of the result is at (y − ½) / 2."""

    def along(values: Array, length: int) -> Array:
        at = (np.arange(length) - 0.5) / 2
        return np.apply_along_axis(lambda line: np.interp(at, np.arange(len(line)), line), -1, values)

    return along(along(scores, width).swapaxes(1, 2), height).swapaxes(1, 2)


def case(height: int, width: int, maps: int = 2, stride: int = 2) -> tuple[Tensor, Tensor]:
    """Scores, and features of two halves with some noise."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(maps, height, width, generator=generator, dtype=torch.float64)
    features = torch.rand(5, -(-height // stride), -(-width // stride), generator=generator, dtype=torch.float64)
    features[:, features.shape[1] // 2 :] += 0.5
    return scores, features


@pytest.mark.parametrize("log2_steps", [0, 1, 4, 8])
@pytest.mark.parametrize(("radius", "beta"), [(5, 8), (3, 1)])
def test_on_one_grid_the_walk_equals_the_power_of_the_dense_matrix(log2_steps, radius, beta):
    scores, features = case(7, 11, stride=1)
    options = {"radius": radius, "beta": beta, "log2_steps": log2_steps}
    walked = feature_walk(scores, features, stride=1, tolerance=0.0, **options)
    np.testing.assert_allclose(walked.numpy(), dense_walk(scores.numpy(), features.numpy(), **options), atol=1e-11)


@pytest.mark.parametrize("size", [(8, 12), (13, 19), (14, 9), (1, 1), (2, 7), (3, 20)])
def test_on_a_coarser_grid_scores_are_averaged_walked_and_interpolated(size):
    """The sides of a photo are any number of pixels: the last cells hold fewer scores."""
    scores, features = case(*size)
    walked = feature_walk(scores, features, tolerance=0.0)
    coarse = dense_walk(averaged(scores.numpy()), features.numpy(), 5, 8, 8)
    np.testing.assert_allclose(walked.numpy(), doubled(coarse, *size), rtol=0, atol=1e-11)


def test_constant_scores_stay_at_every_border():
    scores, features = case(13, 19)
    torch.testing.assert_close(feature_walk(torch.ones_like(scores), features), torch.ones_like(scores))


def test_nothing_passes_between_features_without_likeness():
    features = torch.zeros(3, 6, 8)
    features[:, :, 4:] = 1000
    scores = torch.zeros(1, 6, 8)
    scores[:, :, :4] = 1
    torch.testing.assert_close(feature_walk(scores, features, stride=1), scores)


def test_the_type_of_the_scores_comes_back():
    scores, features = case(9, 12)
    exact = feature_walk(scores, features)
    walked = feature_walk(scores.float(), features.float())
    assert walked.dtype == torch.float32
    torch.testing.assert_close(walked.double(), exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(5, 8), (8, 5), (4, 10)])
def test_scores_of_another_grid_than_the_affinities_are_refused(size):
    with pytest.raises(ValueError, match=r"affinities of \(5, 10\)"):
        walk_along(torch.zeros(1, 1, *size), torch.zeros(1, 4, 5, 10), radius=2, beta=1, log2_steps=0, tolerance=0)
    with pytest.raises(ValueError, match=r"affinities of \(5, 10\)"):
        feature_walk(torch.zeros(1, *size), torch.zeros(3, 5, 10), radius=2)


def test_photos_of_a_batch_walk_alone():
    scores, features = (torch.stack([x, x.flip(-1)]) for x in case(9, 12, maps=3))
    alone = torch.stack([feature_walk(*one, radius=3, tolerance=0.0) for one in zip(scores, features, strict=True)])
    torch.testing.assert_close(feature_walk(scores, features, radius=3, tolerance=0.0), alone, rtol=0, atol=1e-13)


OPTIONS = {"radius": 3, "beta": 4.0, "log2_steps": 3}


def test_with_background_each_score_is_its_share_of_itself_and_the_background():
    scores, features = case(6, 8, maps=3, stride=1)
    walk = partial(feature_walk, features=features, stride=1, **OPTIONS)
    shares = walk_with_background(scores, 2.0, walk)
    background = (1 - scores.numpy().max(axis=0, keepdims=True)) ** 2
    *objects, background = dense_walk(np.concatenate([scores.numpy(), background]), features.numpy(), 3, 4, 3)
    np.testing.assert_allclose(shares.numpy(), [score / (score + background) for score in objects], atol=1e-7)


@pytest.mark.parametrize("maps", [1, 2, 5])
@pytest.mark.parametrize("power", [1, 2, 16])
@pytest.mark.parametrize("kind", ["boundary", "feature"])
def test_shares_cut_at_one_half_are_the_argmax_over_classes_and_background(maps, power, kind):
    """AffinityNet's decision, though the background is not kept."""
    scores, features = case(16, 24, maps=maps, stride=1)
    scores = scores**2
    if kind == "boundary":
        walk = partial(random_walk, edges=features[0] / 2, **OPTIONS)
    else:
        walk = partial(feature_walk, features=features, stride=1, **OPTIONS)
    background = (1 - scores.amax(dim=0, keepdim=True)) ** power
    expected = walk(torch.cat([background, scores])).argmax(dim=0)
    assert torch.equal(winners(walk_with_background(scores, power, walk), 0.5), expected)
    if (maps, power) == (2, 2):
        assert 0 in expected, "nothing is background"
        assert expected.any(), "nothing is an object"


def test_where_nothing_walks_the_share_is_nothing():
    shares = walk_with_background(torch.tensor([[[0.0, 1.0]]]), 2.0, lambda scores: scores * 0)
    assert shares.tolist() == [[[0, 0]]]


def test_with_background_a_flat_picture_without_boundaries_is_not_flooded():
    """One sure cell among many that are surely background stays a small share everywhere."""
    scores, walk = torch.zeros(1, 20, 20), partial(random_walk, edges=torch.zeros(20, 20))
    scores[0, 10, 10] = 1
    assert walk_with_background(scores, 2.0, walk).max() < 0.05
    flooded = walk(scores)
    assert (flooded / flooded.max()).min() > 0.05
