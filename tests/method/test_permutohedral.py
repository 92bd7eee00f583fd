"""Filtering on the permutohedral lattice against the paper's own construction, corner by corner in float64."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method import permutohedral
from puzzlecam_cli.method.permutohedral import Lattice

Corner = tuple[int, ...]


def corners_of(point: list[float]) -> Iterator[tuple[Corner, float]]:
    """The corners of the simplex around a point and its weights there, as section 3.1 of the paper finds them."""
    d = len(point)
    # onto the plane of coordinates that sum up to 0, where blurs of 1/4, 1/2, 1/4 have a variance of 2/3 (d + 1)²
    scaled = [x * sqrt(2 / 3) * (d + 1) / sqrt((i + 1) * (i + 2)) for i, x in enumerate(point)]
    lifted = [sum(scaled[i:]) - (i * scaled[i - 1] if i else 0) for i in range(d + 1)]
    # the nearest corner of remainder 0: round each, then mend the sum by those that were rounded most
    nearest = [round(x / (d + 1)) * (d + 1) for x in lifted]
    by_rest = sorted(range(d + 1), key=lambda i: lifted[i] - nearest[i])
    while sum(nearest) > 0:
        nearest[by_rest[0]] -= d + 1
        by_rest = sorted(range(d + 1), key=lambda i: lifted[i] - nearest[i])
    while sum(nearest) < 0:
        nearest[by_rest[-1]] += d + 1
        by_rest = sorted(range(d + 1), key=lambda i: lifted[i] - nearest[i])
    rests = sorted(((lifted[i] - nearest[i]) / (d + 1) for i in range(d + 1)), reverse=True)
    order = by_rest[::-1]
    # the corner of remainder k adds k to all and takes d + 1 from the k of the least rest
    weights = [1 + rests[-1] - rests[0], *(rests[d - k] - rests[d + 1 - k] for k in range(1, d + 1))]
    for k, weight in enumerate(weights):
        corner = [x + k for x in nearest]
        for axis in order[d + 1 - k :]:
            corner[axis] -= d + 1
        yield tuple(corner), weight


def filtered(points: Tensor, values: Tensor) -> Tensor:
    """Splat, blur direction by direction among the corners that points have, slice."""
    d = points.shape[1]
    around = [list(corners_of(point)) for point in points.double().tolist()]
    held: dict[Corner, np.ndarray] = defaultdict(lambda: np.zeros(values.shape[1]))
    for found, value in zip(around, values.double().numpy(), strict=True):
        for corner, weight in found:
            held[corner] = held[corner] + weight * value
    for axis in range(d + 1):
        step = tuple(1 - (d + 1) * (i == axis) for i in range(d + 1))
        old = dict(held)
        for corner in old:
            beside = [tuple(np.add(corner, sign * np.array(step)).tolist()) for sign in (1, -1)]
            held[corner] = old[corner] + sum(old.get(c, np.zeros(values.shape[1])) for c in beside) / 2
    sliced = [sum(weight * held[corner] for corner, weight in found) / (1 + 2.0**-d) for found in around]
    return torch.from_numpy(np.array(sliced))


def scattered(width: int, count: int = 120, spread: float = 2.0, seed: int = 0) -> Tensor:
    return spread * torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def some_values(count: int, columns: int = 3) -> Tensor:
    return torch.rand(count, columns, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("spread", [0.5, 6.0])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_it_is_the_lattice_of_the_paper(width: int, spread: float) -> None:
    points, values = scattered(width, spread=spread), some_values(120)
    found = Lattice(points).filter(values)
    torch.testing.assert_close(found.double(), filtered(points, values), rtol=2e-4, atol=2e-5)


def test_the_end_of_a_row_of_corners_is_not_beside_the_start_of_the_next() -> None:
    """Points that fill a box where the lattice is Z^2, so that rows begin and end at its sides."""
    first, second = 3.9 * torch.rand(2, 300, generator=torch.Generator().manual_seed(0))
    points = torch.stack([first / 2 * sqrt(3), second - first / 2], dim=1)
    values = some_values(300)
    torch.testing.assert_close(Lattice(points).filter(values).double(), filtered(points, values), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("width", [2, 5])
def test_it_comes_near_to_gaussian_sums(width: int) -> None:
    """Where points are dense, so that no corner is missing."""
    points, values = scattered(width, 3000, 0.8), some_values(3000)
    exact = torch.exp(-torch.cdist(points, points).square() / 2) @ values
    found = Lattice(points).filter(values)
    ratio = found / exact
    assert (ratio / ratio.mean() - 1).abs().mean() < 0.15


def test_points_far_apart_keep_their_own_values_only() -> None:
    points, values = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 50.0]]), some_values(3)
    found = Lattice(points).filter(values)
    for number in range(3):
        alone = Lattice(points[number : number + 1]).filter(values[number : number + 1])
        torch.testing.assert_close(found[number : number + 1], alone)


@pytest.mark.parametrize("part", [1, 50, 120])
def test_points_of_several_photos_do_not_see_each_other(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(permutohedral, "PART", part)
    points, values = scattered(3), some_values(120)
    photo = torch.arange(120) % 3
    found = Lattice(points, photo).filter(values)
    for number in range(3):
        alone = Lattice(points[photo == number]).filter(values[photo == number])
        torch.testing.assert_close(found[photo == number], alone)


@pytest.mark.parametrize("part", [1, 7, 60, 119])
def test_sorting_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    points, values = scattered(5), some_values(120)
    whole = Lattice(points)
    whole.normalise(3)
    monkeypatch.setattr(permutohedral, "PART", part)
    parts = Lattice(points)
    parts.normalise(3)
    torch.testing.assert_close(parts.filter(values), whole.filter(values))


@pytest.mark.parametrize("piece", [1, 2, 32])
@pytest.mark.parametrize("part", [50, 500])
def test_summing_up_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch, part: int, piece: int) -> None:
    """As a GPU does it; of corners with one point and with more than a piece."""
    points, values = torch.cat([scattered(3), 0.01 * scattered(3, 200)]), some_values(320)
    whole = Lattice(points)
    whole.normalise(3)
    monkeypatch.setattr(permutohedral, "PART", part)
    monkeypatch.setattr(permutohedral, "IN_PIECES", ("cpu",))
    monkeypatch.setattr(permutohedral, "PIECE", piece)
    pieces = Lattice(points)
    pieces.normalise(3)
    assert all(splat.pieces is not None for splat in pieces._splats)
    torch.testing.assert_close(pieces.filter(values), whole.filter(values))


def test_many_deviations_take_wider_numbers() -> None:
    """Beyond 2^31 cells: what is far away changes nothing."""
    points, values = scattered(5), some_values(122)
    far = torch.full((1, 5), 300.0)
    found = Lattice(torch.cat([points, far, -far])).filter(values)
    torch.testing.assert_close(found[:120], Lattice(points).filter(values[:120]), rtol=1e-2, atol=1e-3)


def test_each_column_is_filtered_alone() -> None:
    lattice, values = Lattice(scattered(5)), some_values(120, 21)
    found = lattice.filter(values)
    for column in (0, 20):
        torch.testing.assert_close(found[:, column : column + 1], lattice.filter(values[:, column : column + 1]))


def test_normalised_sums_are_divided_on_both_sides() -> None:
    lattice, values = Lattice(scattered(3)), some_values(120)
    root = lattice.filter(torch.ones(120, 1)).sqrt()
    expected = 4 * lattice.filter(values / root) / root
    lattice.normalise(4)
    torch.testing.assert_close(lattice.filter(values), expected)


@pytest.mark.parametrize("far", [3e7, 1e30, float("inf"), float("nan")])
def test_points_that_cannot_be_told_apart_are_refused(far: float) -> None:
    with pytest.raises(ValueError, match="deviation"):
        Lattice(torch.tensor([[0.0, 0.0], [1.0, far]]))


def test_more_cells_than_there_are_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="deviation"):
        Lattice(torch.eye(5) * 1e5)


@pytest.mark.parametrize("seed", range(3))
def test_the_number_of_threads_changes_nothing(seed: int) -> None:
    points, values = scattered(5, 20_000, seed=seed), some_values(20_000)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            lattice = Lattice(points)
            lattice.normalise(1)
            found.append(lattice.filter(values))
    finally:
        torch.set_num_threads(before)
    for first, second in pairwise(found):
        assert torch.equal(first, second)
