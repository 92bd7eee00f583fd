"""Regions against a flood fill, and what they decide against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.regions import of_one_mind, regions


def flooded(inside: np.ndarray) -> list[set[tuple[int, int]]]:
    """The regions, each filled from one of its pixels."""
    left = {(int(y), int(x)) for y, x in zip(*inside.nonzero(), strict=True)}
    found = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            region.add((y, x))
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            edge += near
        found.append(region)
    return found


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (17, 23), (40, 40)])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.6, 0.9, 1.0])
def test_regions_are_those_of_a_flood_fill(size: tuple[int, int], share: float) -> None:
    inside = np.random.default_rng(size[0]).random(size) < share
    number = regions(inside)
    wanted = flooded(inside)
    assert {frozenset(region) for region in wanted} == {
        frozenset(zip(*map(np.ndarray.tolist, np.nonzero(inside & (number == one))), strict=True))  # type: ignore[arg-type]
        for one in np.unique(number[inside])
    }


def test_a_spiral_is_one_region() -> None:
    inside = np.zeros((41, 41), bool)
    top, left, bottom, right = 0, 0, 40, 40
    while top <= bottom and left <= right:
        inside[top, left : right + 1] = inside[top : bottom + 1, right] = True
        inside[bottom, left : right + 1] = inside[top + 2 : bottom + 1, left] = True
        inside[top + 2, left : left + 2] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    assert len(np.unique(regions(inside)[inside])) == len(flooded(inside)) == 1


def chances(*pixels: tuple[float, float, float]) -> Tensor:
    """(3, 1, W): background and two classes of a row of pixels."""
    return torch.tensor(pixels).T[:, None]


DOG_OR_COW = ((0.1, 0.8, 0.1), (0.2, 0.6, 0.2), (0.1, 0.4, 0.5))
BESIDE = ((0.9, 0.05, 0.05), (0.3, 0.1, 0.6))  # background, and a cow of its own


def test_a_region_weighs_classes_by_their_sums_over_it() -> None:
    given = chances(*DOG_OR_COW, *BESIDE)
    found = of_one_mind(given, 2.0)
    weight = ((0.1 + 0.2 + 0.5) / (0.8 + 0.6 + 0.4)) ** 2
    for pixel, (background, dog, cow) in enumerate(DOG_OR_COW):
        of_objects = (1 - background) / (dog + cow * weight)
        wanted = torch.tensor([background, dog * of_objects, cow * weight * of_objects])
        torch.testing.assert_close(found[:, 0, pixel], wanted)
    assert found[:, 0, 2].argmax() == 1  # what was a cow is a dog, as the rest of it
    torch.testing.assert_close(found[:, 0, 3], given[:, 0, 3])
    assert found[:, 0, 4].argmax() == 2  # a small one beside it keeps its name


def test_where_objects_are_and_what_is_left_to_them_does_not_change() -> None:
    given = (3 * torch.randn(6, 30, 40, generator=torch.Generator().manual_seed(0))).softmax(dim=0)
    before = given.clone()
    found = of_one_mind(given, 4.0)
    assert torch.equal(given, before)
    assert torch.equal(found[0], given[0])
    torch.testing.assert_close(found.sum(dim=0), torch.ones(30, 40))
    inside = given.argmax(dim=0) > 0
    assert torch.equal(found[:, ~inside], given[:, ~inside])
    assert not torch.equal(found, given)


def test_another_region_has_no_part_in_it() -> None:
    left = (3 * torch.randn(4, 12, 9, generator=torch.Generator().manual_seed(1))).softmax(dim=0)
    right = (3 * torch.randn(4, 12, 9, generator=torch.Generator().manual_seed(2))).softmax(dim=0)
    wall = torch.tensor([1.0, 0, 0, 0])[:, None, None].expand(4, 12, 1)
    both = of_one_mind(torch.cat([left, wall, right], dim=2), 2.0)
    torch.testing.assert_close(both[:, :, :9], of_one_mind(left, 2.0))
    torch.testing.assert_close(both[:, :, 10:], of_one_mind(right, 2.0))


@pytest.mark.parametrize("power", [0.5, 2.0, 100.0])
def test_certain_pixels_and_flat_ones_give_numbers(power: float) -> None:
    sure = torch.nn.functional.one_hot(torch.randint(4, (9, 9), generator=torch.Generator().manual_seed(3)), 4)
    alone = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[:, [0] * 2000 + [1], None]  # one pixel against all
    for given in (sure.movedim(2, 0).float(), alone, torch.full((4, 9, 9), 0.25), torch.eye(4)[:, :1, None]):
        found = of_one_mind(given, power)
        assert found.isfinite().all()
        torch.testing.assert_close(found.sum(dim=0), given.sum(dim=0))


def test_no_power_and_one_class_change_nothing() -> None:
    given = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(4))
    assert of_one_mind(given, 0.0) is given
    assert torch.equal(of_one_mind(given[:2], 3.0), given[:2])
