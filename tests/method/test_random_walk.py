"""The random walk against powers of the dense transition matrix, built pair by pair in float64."""

from __future__ import annotations

from math import comb, hypot

import numpy as np
import pytest
import torch
from numpy.polynomial.chebyshev import chebval, poly2cheb
from numpy.typing import NDArray
from torch import Tensor

from puzzlecam_cli.method.chain_power import TOLERANCE, chebyshev_weights
from puzzlecam_cli.method.random_walk import random_walk

Array = NDArray[np.float64]


def dense_affinity(edges: Array, radius: int, beta: float) -> Array:
    """(H, W) → (HW, HW): (1 − the highest edge within 1 of the segment)^β for near cells, else 0."""
    height, width = edges.shape
    cells = [(y, x) for y in range(height) for x in range(width)]
    matrix = np.eye(len(cells))
    paths: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i, (y, x) in enumerate(cells):
        for j, (v, u) in enumerate(cells):
            end = (v - y, u - x)
            length = hypot(*end)
            if not 0 < length < radius:
                continue
            if end not in paths:
                box = [
                    (a, b)
                    for a in range(min(0, end[0]), max(0, end[0]) + 1)
                    for b in range(min(0, end[1]), max(0, end[1]) + 1)
                ]
                paths[end] = [(a, b) for a, b in box if abs(a * end[1] - b * end[0]) / length < 1 - 1e-9]
            matrix[i, j] = (1 - max(edges[y + a, x + b] for a, b in paths[end])) ** beta
    return matrix


def dense_walk(scores: Array, edges: Array, radius: int, beta: float, log2_steps: int) -> Array:
    affinity = dense_affinity(edges, radius, beta)
    transition = affinity / affinity.sum(axis=0)  # columns sum up to 1
    start = (scores * (1 - edges)).reshape(len(scores), -1)
    return (start @ np.linalg.matrix_power(transition, 2**log2_steps)).reshape(scores.shape)


def case(height: int, width: int, maps: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(maps, height, width, generator=generator, dtype=torch.float64)
    edges = torch.rand(height, width, generator=generator, dtype=torch.float64) ** 4  # mostly low, some boundaries
    return scores, edges


def assert_equals_dense(scores: Tensor, edges: Tensor, radius: int = 5, beta: float = 10, log2_steps: int = 8) -> None:
    walked = random_walk(scores, edges, radius=radius, beta=beta, log2_steps=log2_steps, tolerance=0.0)
    expected = dense_walk(scores.numpy(), edges.numpy(), radius, beta, log2_steps)
    np.testing.assert_allclose(walked.numpy(), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("log2_steps", range(9))
def test_each_number_of_steps_equals_the_power_of_the_dense_matrix(log2_steps):
    assert_equals_dense(*case(9, 11), log2_steps=log2_steps)


@pytest.mark.parametrize(
    "size",
    [
        (5, 9),
        (7, 1),
        (13, 8),
        (1, 1),
        (1, 7),
        (2, 3),
        (4, 4),
    ],
)
def test_each_size_equals_the_power_of_the_dense_matrix(size):
    assert_equals_dense(*case(*size))


@pytest.mark.parametrize(("radius", "beta"), [(2, 10), (3, 1), (5, 0.5), (5, 64), (7, 10), (10, 10)])
def test_each_radius_and_exponent_equals_the_power_of_the_dense_matrix(radius, beta):
    assert_equals_dense(*case(8, 9), radius=radius, beta=beta, log2_steps=5)


NAMES = ["zeros", "ones", "checkerboard", "wall", "frame", "almost", "coin"]


def hostile(name: str) -> Tensor:
    edges = torch.zeros(8, 10, dtype=torch.float64)
    if name == "ones":
        edges += 1
    elif name == "checkerboard":
        edges[::2, ::2] = edges[1::2, 1::2] = 1
    elif name == "wall":
        edges[:, 4] = 1
    elif name == "frame":
        edges[[0, -1]] = 1
        edges[:, [0, -1]] = 1
    elif name == "almost":
        edges += 1 - 1e-12
        edges[3:5] = 1e-12
    elif name == "coin":
        edges = torch.randint(2, edges.shape, generator=torch.Generator().manual_seed(3)).double()
    return edges


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("log2_steps", [0, 8])
def test_hostile_edges_equal_the_power_of_the_dense_matrix(name, log2_steps):
    assert_equals_dense(case(8, 10)[0], hostile(name), log2_steps=log2_steps)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tolerance", [None, 1e3, 1e-1, 1e-2, 1e-4, 1e-6])
def test_no_cell_errs_by_more_than_the_tolerance(name, tolerance):
    """As a share of the highest walked score of each map, also where one cell has all of it, or a closed room."""
    edges, scores = hostile(name), case(8, 10, maps=4)[0]
    scores[1] = 0
    scores[1, 3, 4] = 1
    scores[2, :, 5:] = 0
    scores[3] *= 1e-6
    given = {} if tolerance is None else {"tolerance": tolerance}
    error = random_walk(scores, edges, **given).numpy() - dense_walk(scores.numpy(), edges.numpy(), 5, 10, 8)
    highest = dense_walk(scores.numpy(), edges.numpy(), 5, 10, 8).max(axis=(1, 2))
    assert (np.abs(error).max(axis=(1, 2)) <= (tolerance or TOLERANCE) * highest + 1e-15).all()


def test_a_tolerance_leaves_terms_out_that_are_seen():
    scores, edges = case(8, 10)
    exact = random_walk(scores, edges, tolerance=0.0)
    errors = [float((random_walk(scores, edges, tolerance=t) - exact).abs().max()) for t in (1e-6, 1e-3, 1.0)]
    assert 1e-13 < errors[0] < errors[1] < errors[2]


def test_photos_of_a_batch_walk_alone():
    cases = [case(8, 10, maps=3, seed=seed) for seed in range(3)]
    scores, edges = (torch.stack(parts) for parts in zip(*cases, strict=True))
    alone = torch.stack([random_walk(*one, tolerance=0.0) for one in cases])
    torch.testing.assert_close(random_walk(scores, edges, tolerance=0.0), alone, rtol=0, atol=1e-13)


@pytest.mark.parametrize("column", [0, 3, 9])
def test_nothing_passes_a_wall_one_cell_wide(column):
    edges = torch.zeros(8, 10)
    edges[:, column] = 1
    scores = torch.zeros(1, 8, 10)
    scores[:, :, :column] = 1
    walked = random_walk(scores, edges)[0]
    assert not walked[:, column:].any()
    torch.testing.assert_close(walked[:, :column], torch.ones(8, column))
    assert not random_walk(scores.transpose(1, 2), edges.T)[0][column:].any()


def test_without_walls_a_spot_spreads_over_the_whole_picture():
    scores = torch.zeros(1, 8, 10)
    scores[0, 0, 0] = 1
    assert float(random_walk(scores, torch.zeros(8, 10)).min()) > 0


@pytest.mark.parametrize("edge", [0.0, 0.3, 0.9, 1.0])
def test_columns_sum_to_1_so_that_constant_scores_stay(edge):
    scores = torch.tensor([2.0, 5.0])[:, None, None].expand(2, 7, 9)
    walked = random_walk(scores, torch.full((7, 9), edge))
    torch.testing.assert_close(walked, scores * (1 - edge))


def test_the_scores_weighted_by_their_cells_degrees_keep_their_sum():
    """A is symmetric, so the degrees d are stationary: Σ d_j·y_j = Σ d_i·x_i."""
    scores, edges = case(8, 10)
    degree = dense_affinity(edges.numpy(), 5, 10).sum(axis=0).reshape(8, 10)
    before = (scores.numpy() * (1 - edges.numpy()) * degree).sum(axis=(1, 2))
    after = (random_walk(scores, edges, tolerance=1e-6).numpy() * degree).sum(axis=(1, 2))
    np.testing.assert_allclose(after, before, rtol=1e-8)


def test_walked_scores_stay_between_the_lowest_and_the_highest():
    scores, edges = case(20, 30)
    start = scores * (1 - edges)
    walked = random_walk(scores, edges)
    assert float(walked.min()) >= float(start.min()) - 1e-9
    assert float(walked.max()) <= float(start.max()) + 1e-9


@pytest.mark.parametrize(("edge", "log2_steps"), [(0.0, 4), (0.3, 6), (0.3, 8)])
def test_scores_are_never_negative_even_where_many_terms_are_left_out(edge, log2_steps):
    scores = torch.zeros(1, 12, 30)
    scores[0, 6, 0] = 1
    walked = random_walk(scores, torch.full((12, 30), edge), log2_steps=log2_steps, tolerance=1e4)
    assert float(walked.min()) == 0


@pytest.mark.parametrize("axis", [-1, -2])
def test_a_mirrored_photo_gives_mirrored_scores(axis):
    scores, edges = case(9, 12)
    mirrored = random_walk(scores.flip(axis), edges.flip(axis), tolerance=0.0).flip(axis)
    torch.testing.assert_close(mirrored, random_walk(scores, edges, tolerance=0.0), rtol=0, atol=1e-10)


def test_each_map_walks_alone():
    scores, edges = case(9, 12, maps=3)
    alone = torch.cat([random_walk(scores[k : k + 1], edges) for k in range(3)])
    torch.testing.assert_close(random_walk(scores, edges), alone, rtol=0, atol=1e-13)


def test_the_type_of_the_scores_comes_back_and_the_input_stays_as_it_was():
    scores, edges = case(9, 12)
    exact = random_walk(scores, edges)
    for kind in (torch.float32, torch.float16):
        given = (scores.to(kind), edges.to(kind))
        walked = random_walk(*given)
        assert walked.dtype == kind
        torch.testing.assert_close(walked.double(), exact, rtol=0, atol=2e-2 if kind == torch.float16 else 1e-5)
        assert torch.equal(given[0], scores.to(kind))
        assert torch.equal(given[1], edges.to(kind))


def test_no_maps_walk_to_no_maps():
    assert random_walk(torch.zeros(0, 9, 12), torch.zeros(9, 12)).shape == (0, 9, 12)


def test_a_large_photo_needs_no_matrix_over_all_pairs():
    """150 × 200 cells: the dense matrix would take 7 GB, its power many minutes."""
    scores, edges = torch.ones(1, 150, 200), torch.full((150, 200), 0.25)
    torch.testing.assert_close(random_walk(scores, edges), torch.full((1, 150, 200), 0.75))


@pytest.mark.parametrize("power", [1, 2, 3, 8, 16, 31, 32])
def test_the_weights_are_the_chebyshev_series_of_a_power(power):
    monomial = [0.0] * power + [1.0]
    np.testing.assert_allclose(chebyshev_weights(power, 0.0), poly2cheb(monomial), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("power", [1, 2, 4, 64, 256, 65536])
def test_the_weights_give_the_power_at_every_point_and_sum_to_1(power):
    weights = chebyshev_weights(power, 0.0)
    points = np.array([-1, -0.999, -0.5, 0, 0.3, 0.9, 0.99, 0.9999, 1])
    np.testing.assert_allclose(chebval(points, weights), points**power, rtol=0, atol=1e-9)
    assert sum(weights) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-9, 1e-12])
def test_what_is_left_out_weighs_at_most_the_tolerance_and_not_one_term_more_could_go(tolerance):
    power = 256
    kept = len(chebyshev_weights(power, tolerance))
    exact = [comb(power, (power - k) // 2) / 2 ** (power - 1) if k % 2 == 0 else 0.0 for k in range(power + 1)]
    assert sum(exact[kept:]) <= tolerance < sum(exact[kept - 1 :])
    assert kept < 8 * power**0.5
