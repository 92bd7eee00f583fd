"""Values over paths, made from those over shorter paths."""

from __future__ import annotations

import pytest
import torch

from puzzlecam_cli.method.paths import neighbour_offsets, over_paths, path_cells


@pytest.mark.parametrize("radius", [2, 3, 4, 5, 7, 10, 13])
@pytest.mark.parametrize("combine", [torch.maximum, torch.minimum])
def test_each_path_is_given_once_between_its_ends_with_its_extreme_value(radius, combine):
    height, width = radius + 2, 2 * radius + 1
    row = width + radius - 1
    cells = torch.rand(2, height * row, generator=torch.Generator().manual_seed(0))
    seen = []
    for offset, first, second, values in over_paths(cells, row, radius, combine):
        seen.append(offset)
        assert second - first == offset[0] * row + offset[1]
        for i in range(0, values.shape[1], 7):
            path = cells[:, [first + i + y * row + x for y, x in path_cells(offset)]]
            expected = path.amax(dim=1) if combine is torch.maximum else path.amin(dim=1)
            assert torch.equal(values[:, i], expected)
        assert min(first, second) + values.shape[1] <= height * row
    assert sorted(seen) == sorted(neighbour_offsets(radius))


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (2, 2)])
def test_a_grid_smaller_than_the_radius_gives_the_paths_it_has_room_for(size):
    row = size[1] + 4
    for offset, _, _, values in over_paths(torch.rand(1, size[0] * row), row, 5):
        assert offset[0] < size[0]
        assert values.shape[1] == size[0] * row - offset[0] * row - abs(offset[1])


def test_few_more_maxima_are_taken_than_there_are_paths():
    """One for each of the 1,982 further cells of the paths of radius 10 would be ten times as many."""
    taken = []

    def combine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        taken.append(1)
        return torch.maximum(a, b)

    assert len(list(over_paths(torch.rand(1, 400), 20, 10, combine))) == 152
    assert len(taken) < 210
