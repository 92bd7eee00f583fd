"""The forms and precisions of a walk give one result: pairs or windows, float32 or float64, one thread or two."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method import chain_power
from puzzlecam_cli.method.grid_chain import ByPairs, ByWindows, GridChain, grid_chain
from puzzlecam_cli.method.paths import over_paths
from puzzlecam_cli.method.random_walk import TOLERANCE, random_walk
from tests.benchmarks.scenes import edges as scene_edges

ROUNDING = 1.6e-5  # of a map's highest score, as the documentation says
EDGES = ["noise", "smooth", "scene"]


def edges(kind: str, height: int, width: int) -> Tensor:
    """(H, W) float32 in [0, 1]."""
    if kind == "scene":
        return scene_edges(height, width)
    noise = torch.rand(height, width, generator=torch.Generator().manual_seed(1))
    if kind == "smooth":
        noise = F.avg_pool2d(noise[None, None], 7, stride=1, padding=3)[0, 0]
        noise = ((noise - noise.min()) / (noise.max() - noise.min())) ** 3
    return noise


def scores(maps: int, height: int, width: int) -> Tensor:
    return torch.rand(maps, height, width, generator=torch.Generator().manual_seed(2))


def spot(height: int, width: int) -> Tensor:
    drawn = torch.zeros(1, height, width)
    drawn[0, height // 2, width // 2] = 1
    return drawn


def precisions(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """A list that grows by the precision of each walk."""
    seen: list[torch.dtype] = []
    power = chain_power._power

    def noted(start: Tensor, paths: chain_power.Paths, precision: torch.dtype, *settings: Any) -> tuple[Tensor, Tensor]:
        seen.append(precision)
        return power(start, paths, precision, *settings)

    monkeypatch.setattr(chain_power, "_power", noted)
    return seen


def chain(kind: type[GridChain], radius: int, height: int = 9, width: int = 13) -> GridChain:
    """Of two grids in float64."""
    openness = 1 - torch.stack([edges("noise", height, width), edges("smooth", height, width)]).double()
    cells = F.pad(openness, (0, radius - 1))
    paths = list(over_paths(cells.flatten(1), cells.shape[-1], radius, torch.minimum))
    return kind(paths, 2, cells[0].numel(), cells.shape[-1], radius, torch.float64)


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_windows_and_pairs_give_equal_degrees_and_terms(radius):
    forms = [chain(kind, radius) for kind in (ByPairs, ByWindows)]
    torch.testing.assert_close(forms[0].between, forms[1].between, rtol=0, atol=1e-13)
    start = F.pad(scores(3, 9, 13).double(), (0, radius - 1)).flatten(1).expand(2, -1, -1)
    terms = [[term.clone() for term in islice(form.terms(start), 40)] for form in forms]
    for of_pairs, of_windows in zip(*terms, strict=True):
        torch.testing.assert_close(of_pairs, of_windows, rtol=0, atol=1e-11)


def test_small_grids_walk_by_windows_and_large_ones_of_a_cpu_by_pairs():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert isinstance(grid_chain([], (1, 8, 8), 1, torch.float32, cpu), ByWindows)
    assert isinstance(grid_chain([], (1, 100, 100), 1, torch.float32, cpu), ByPairs)
    assert isinstance(grid_chain([], (1, 100, 100), 1, torch.float32, gpu), ByWindows)


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize("size", [(24, 32), (60, 70)])  # by windows, by pairs
def test_float32_changes_no_map_by_more_than_is_promised(kind, size, monkeypatch):
    """Terms are left out alike in both: what differs is rounding."""
    given, boundaries, power = scores(2, *size).double(), edges(kind, *size), chain_power._power
    walked = random_walk(given, boundaries)
    monkeypatch.setattr(
        chain_power, "_power", lambda start, paths, _, *settings: power(start, paths, torch.float64, *settings)
    )
    exact = random_walk(given, boundaries)
    difference = float(((walked - exact).abs().amax((1, 2)) / exact.amax((1, 2))).max())
    assert 0 < difference <= ROUNDING


@pytest.mark.parametrize(("log2_steps", "tolerance"), [(8, 0.9 * TOLERANCE), (9, TOLERANCE)])
def test_float32_serves_neither_smaller_tolerances_nor_longer_walks(log2_steps, tolerance, monkeypatch):
    seen = precisions(monkeypatch)
    random_walk(scores(1, 8, 9), edges("noise", 8, 9), log2_steps=log2_steps, tolerance=tolerance)
    assert seen == [torch.float64]


def test_a_spot_that_falls_too_far_is_walked_in_float64_and_the_others_are_not(monkeypatch):
    size = (24, 32)
    given = torch.cat([scores(1, *size), spot(*size)]).double()
    seen = precisions(monkeypatch)
    walked = random_walk(given, torch.zeros(*size))
    assert seen == [torch.float32, torch.float64]
    assert float(walked[1].max()) < 0.01
    in_float64 = random_walk(given, torch.zeros(*size), tolerance=0.0)
    error = (walked - in_float64).abs().amax((1, 2)) / in_float64.amax((1, 2))
    assert float(error.max()) <= TOLERANCE

    seen.clear()
    assert torch.equal(walked[:1], random_walk(given[:1], torch.zeros(*size)))
    assert seen == [torch.float32]


@pytest.mark.parametrize(("maps", "size"), [(1, (24, 32)), (3, (94, 125))])  # by windows, by pairs
def test_two_threads_give_the_bits_of_one(maps, size):
    given, boundaries = scores(maps, *size), edges("noise", *size)
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            results.append(random_walk(given, boundaries, log2_steps=4))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)
