"""Affinities against geometry and slow loops over single pairs."""

from __future__ import annotations

from math import hypot, log

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.affinity import (
    affinity_labels,
    affinity_loss,
    edges_to_affinity,
    features_to_affinity,
)
from puzzlecam_cli.method.paths import neighbour_offsets, path_cells


def segment_distance(cell: tuple[int, int], end: tuple[int, int]) -> float:
    """From a cell's centre to the segment between (0, 0) and `end`."""
    along = (cell[0] * end[0] + cell[1] * end[1]) / (end[0] ** 2 + end[1] ** 2)
    along = min(max(along, 0.0), 1.0)
    return hypot(cell[0] - along * end[0], cell[1] - along * end[1])


def cells_near(end: tuple[int, int]) -> set[tuple[int, int]]:
    """The cells of the bounding box nearer than 1 to the segment, by brute force."""
    box = [(y, x) for y in range(-20, 21) for x in range(-20, 21)]
    inside = [c for c in box if all(min(0, e) <= v <= max(0, e) for v, e in zip(c, end, strict=True))]
    # cells at a distance of exactly 1 are out; the float distance may err by 1e-16
    return {c for c in inside if segment_distance(c, end) < 1 - 1e-9}


def sources(height: int, width: int, radius: int) -> list[tuple[int, int]]:
    """The cells whose neighbours in the lower half plane all lie inside the grid."""
    reach = radius - 1
    return [(y, x) for y in range(height - reach) for x in range(reach, width - reach)]


def slow_affinity(edges: Tensor, radius: int) -> Tensor:
    """(B, H, W) → (B, D, h, w), pair by pair; autograd goes through `max` over each path."""
    batch, height, width = edges.shape
    starts = sources(height, width, radius)
    paths = [torch.tensor([dy * width + dx for dy, dx in cells_near(o)]) for o in neighbour_offsets(radius)]
    values = [1 - image[path + y * width + x].max() for image in edges.flatten(1) for path in paths for y, x in starts]
    rows = len({y for y, _ in starts})
    return torch.stack(values).reshape(batch, len(neighbour_offsets(radius)), rows, -1)


def distinct_edges(*shape: int, seed: int = 0) -> Tensor:
    """Edges without ties: the gradient of each path is then unique."""
    count = int(np.prod(shape))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return ((order + 0.5) / count).double().reshape(shape)


@pytest.mark.parametrize(("radius", "count"), [(2, 4), (5, 34), (10, 152)])
def test_the_directions_are_those_of_the_authors(radius, count):
    assert len(neighbour_offsets(radius)) == count


@pytest.mark.parametrize("radius", [2, 3, 5, 10])
def test_every_pair_of_cells_closer_than_the_radius_has_one_direction(radius):
    reach = range(-radius, radius + 1)
    near = {(y, x) for y in reach for x in reach if 0 < hypot(y, x) < radius}
    offsets = neighbour_offsets(radius)
    assert len(set(offsets)) == len(offsets)
    assert not set(offsets) & {(-y, -x) for y, x in offsets}
    assert set(offsets) | {(-y, -x) for y, x in offsets} == near


@pytest.mark.parametrize("radius", [5, 10])
def test_paths_are_the_cells_near_the_segment(radius):
    for offset in neighbour_offsets(radius):
        cells = path_cells(offset)
        assert set(cells) == cells_near(offset), offset
        assert len(set(cells)) == len(cells)
        assert (cells[0], cells[-1]) == ((0, 0), offset)


def test_the_longest_path_of_radius_10_has_22_cells():
    assert max(len(path_cells(offset)) for offset in neighbour_offsets(10)) == 22


@pytest.mark.parametrize(("radius", "size"), [(2, (2, 3)), (3, (6, 8)), (5, (7, 12))])
def test_affinities_equal_a_loop_over_all_pairs(radius, size):
    edges = torch.rand(2, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = slow_affinity(edges, radius)
    torch.testing.assert_close(edges_to_affinity(edges, radius), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("radius", "size"), [(2, (3, 4)), (3, (6, 8)), (5, (6, 10))])
def test_gradients_equal_those_of_a_loop_over_all_pairs(radius, size):
    fast, slow = (distinct_edges(2, *size).requires_grad_() for _ in range(2))
    a, expected = edges_to_affinity(fast, radius), slow_affinity(slow, radius)
    weight = torch.randn(a.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (a * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(fast.grad, slow.grad, rtol=0, atol=1e-12)
    assert fast.grad.abs().sum() > 0


def test_gradients_agree_with_finite_differences():
    edges = distinct_edges(1, 5, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: edges_to_affinity(e, 3), edges, eps=1e-6, atol=1e-8)


def test_each_pair_passes_its_gradient_on_once_even_between_equal_edges():
    """With all edges equal, any cell of a path may take the gradient, but only one, as in max-pooling."""
    edges = torch.full((1, 9, 14), 0.25, dtype=torch.float64, requires_grad=True)
    a = edges_to_affinity(edges, 5)
    a.sum().backward()
    assert float(edges.grad.sum()) == -a.numel()
    # the first cell of every path is its source: 34 pairs start at each
    expected = torch.zeros(9, 14)
    expected[:5, 4:10] = -34
    assert torch.equal(edges.grad[0].float(), expected)


def pooled_affinity(edges: Tensor, radius: int) -> Tensor:
    """Each path gathered and max-pooled, as the authors do; pooling passes gradients to the first maximum."""
    batch, height, width = edges.shape
    starts = torch.tensor([y * width + x for y, x in sources(height, width, radius)])
    pooled = []
    for down, right in neighbour_offsets(radius):
        cells = sorted(cells_near((down, right)), key=lambda cell: (cell[0], abs(cell[1])))
        path = torch.tensor([y * width + x for y, x in cells])
        gathered = edges.flatten(1)[:, starts[:, None] + path]
        pooled.append(1 - torch.nn.functional.max_pool2d(gathered[:, None], (1, len(cells)))[:, 0, :, 0])
    return torch.stack(pooled, dim=1).reshape(batch, len(pooled), height - radius + 1, -1)


@pytest.mark.parametrize("radius", [2, 3, 5, 10])
@pytest.mark.parametrize("levels", [3, 1000])
def test_affinities_are_to_the_bit_those_of_pooled_paths_and_the_first_maximum_has_the_gradient(radius, levels):
    """With few levels most paths have several highest cells. Gradients are integers, so that sums are exact."""
    generator = torch.Generator().manual_seed(radius)
    edges = torch.randint(levels, (2, 2 * radius, 3 * radius), generator=generator) / 1001
    fast, slow = (edges.clone().requires_grad_() for _ in range(2))
    a, expected = edges_to_affinity(fast, radius), pooled_affinity(slow, radius)
    assert torch.equal(a, expected)
    weight = torch.randint(-4, 5, a.shape, generator=generator).float()
    a.backward(weight)
    expected.backward(weight)
    assert torch.equal(fast.grad, slow.grad)


def test_affinities_of_edges_keep_nothing_but_the_edges():
    kept: list[int] = []
    edges = torch.rand(2, 20, 20, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        edges_to_affinity(edges, 5)
    assert sum(kept) == edges.numel()


def test_one_boundary_cell_separates_exactly_the_pairs_whose_path_crosses_it():
    radius, wall = 5, (4, 7)
    edges = torch.zeros(1, 10, 15)
    edges[0, wall[0], wall[1]] = 1
    a = edges_to_affinity(edges, radius)
    for number, offset in enumerate(neighbour_offsets(radius)):
        crossing = {(wall[0] - y, wall[1] - x) for y, x in cells_near(offset)}
        for y, x in sources(10, 15, radius):
            assert float(a[0, number, y, x - radius + 1]) == (0 if (y, x) in crossing else 1)


@pytest.mark.parametrize("size", [(4, 9), (5, 8)])
@pytest.mark.parametrize(("affinity", "channels"), [(edges_to_affinity, ()), (features_to_affinity, (3,))])
def test_a_grid_without_a_source_is_refused(size, affinity, channels):
    with pytest.raises(ValueError, match=f"{size[0]}×{size[1]} grid is too small for radius 5"):
        affinity(torch.zeros(1, *channels, *size), 5)
    assert affinity(torch.zeros(1, *channels, 5, 9), 5).shape == (1, 34, 1, 1)


def slow_feature_affinity(features: Tensor, radius: int) -> Tensor:
    """(B, C, H, W) → (B, D, h, w), pair by pair; autograd goes through `abs`."""
    height, width = features.shape[-2:]
    starts, offsets = sources(height, width, radius), neighbour_offsets(radius)
    values = [
        torch.exp(-sum(abs(one - other) for one, other in zip(image[:, y, x], image[:, y + v, x + u], strict=True)) / c)
        for image in features
        for c in [len(image)]
        for v, u in offsets
        for y, x in starts
    ]
    return torch.stack(values).reshape(len(features), len(offsets), height - radius + 1, -1)


def some_features(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("radius", "size"), [(2, (2, 3)), (3, (5, 7)), (5, (6, 10))])
def test_affinities_of_features_and_their_gradients_equal_a_loop_over_all_pairs(radius, size):
    fast, slow = (some_features(2, 3, *size).requires_grad_() for _ in range(2))
    a, expected = features_to_affinity(fast, radius), slow_feature_affinity(slow, radius)
    torch.testing.assert_close(a, expected, rtol=0, atol=1e-12)
    weight = torch.randn(a.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (a * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(fast.grad, slow.grad, rtol=0, atol=1e-12)
    assert fast.grad.abs().min() < fast.grad.abs().max()


def test_gradients_of_features_agree_with_finite_differences():
    features = some_features(1, 2, 4, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: features_to_affinity(f, 3), features, eps=1e-6, atol=1e-8)


def test_equal_features_are_fully_alike_and_pass_no_gradient():
    features = torch.full((1, 4, 5, 9), 7.0, requires_grad=True)
    affinity = features_to_affinity(features, 5)
    affinity.sum().backward()
    assert (affinity == 1).all()
    assert not features.grad.any()


def test_features_keep_no_copy_of_themselves_for_each_neighbour():
    """34 copies of the differences would be kept by plain autograd; two tensors are."""
    kept: list[int] = []
    features = torch.randn(2, 16, 20, 20, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        affinity = features_to_affinity(features, 5)
    assert sum(kept) == features.numel() + affinity.numel()


@pytest.mark.parametrize("radius", [2, 4])
def test_labels_equal_a_loop_over_all_pairs(radius):
    values = torch.tensor([0, 0, 1, 2, 20, 255])
    labels = values[torch.randint(6, (2, 8, 11), generator=torch.Generator().manual_seed(0))]
    background, foreground, different = affinity_labels(labels, radius)
    offsets = neighbour_offsets(radius)
    assert background.shape == foreground.shape == different.shape
    assert background.shape == edges_to_affinity(labels.double(), radius).shape
    for b in range(2):
        for number, (dy, dx) in enumerate(offsets):
            for y, x in sources(8, 11, radius):
                one, other = int(labels[b, y, x]), int(labels[b, y + dy, x + dx])
                known = 255 not in (one, other)
                place = (b, number, y, x - radius + 1)
                assert bool(background[place]) == (one == other == 0)
                assert bool(foreground[place]) == (known and one == other > 0)
                assert bool(different[place]) == (known and one != other)


def test_another_value_can_be_ignored():
    labels = torch.tensor([[[9, 9, 255], [0, 0, 255]]])
    kinds = affinity_labels(labels, 2, ignore=9)
    # the one source is (0, 1), which is ignored
    assert [int(kind.sum()) for kind in kinds] == [0, 0, 0]
    assert [int(kind.sum()) for kind in affinity_labels(labels, 2)] == [0, 0, 2]


def test_the_loss_averages_each_kind_of_pair_and_then_the_kinds():
    affinity = torch.tensor([0.9, 0.6, 0.5, 0.2, 0.7, 0.01])
    background = torch.tensor([True, True, False, False, False, False])
    foreground = torch.tensor([False, False, True, False, False, False])
    different = torch.tensor([False, False, False, True, True, False])  # the last pair says nothing
    together = (-log(0.9) - log(0.6)) / 2 / 2 - log(0.5) / 2
    apart = (-log(1 - 0.2) - log(1 - 0.7)) / 2
    loss = affinity_loss(affinity, background, foreground, different)
    assert float(loss) == pytest.approx((together + apart) / 2, rel=1e-4)  # the 1e-5 of the code


def test_the_loss_of_certain_and_wrong_affinities_is_finite():
    affinity, yes = torch.tensor([0.0, 1.0], requires_grad=True), torch.tensor([True, True])
    none = ~yes
    for kinds in ((yes, none, none), (none, yes, none), (none, none, yes), (none, none, none)):
        loss = affinity_loss(affinity, *kinds)
        (gradient,) = torch.autograd.grad(loss, affinity)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()
        assert (loss.item() > 0) == any(bool(kind.any()) for kind in kinds)
