"""The forms and precisions of a walk give one result: pairs or windows, float32 or float64, one thread or two."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method import chain_power, grid_chain
from puzzlecam_cli.method.grid_chain import ByPairs, ByWindows, GridChain
from puzzlecam_cli.method.paths import over_paths
from puzzlecam_cli.method.random_walk import TOLERANCE, random_walk
from tests.benchmarks.scenes import edges

ROUNDING = 1.6e-5  # of a map's highest score, as the documentation says
EDGES = ["noise", "smooth", "scene"]


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


def chain(
    kind: type[GridChain], radius: int, height: int = 9, width: int = 13, dtype: torch.dtype = torch.float64
) -> GridChain:
    """Of two grids."""
    openness = 1 - torch.stack([edges(height, width, kind) for kind in ("noise", "smooth")]).double()
    cells = F.pad(openness, (0, radius - 1))
    paths = list(over_paths(cells.to(dtype).flatten(1), cells.shape[-1], radius, torch.minimum))
    return kind(paths, 2, cells[0].numel(), cells.shape[-1], radius, dtype)


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_windows_and_pairs_give_equal_degrees_and_terms(radius):
    forms = [chain(kind, radius) for kind in (ByPairs, ByWindows)]
    torch.testing.assert_close(forms[0].between, forms[1].between, rtol=0, atol=1e-13)
    start = F.pad(scores(3, 9, 13).double(), (0, radius - 1)).flatten(1).expand(2, -1, -1)
    terms = [[term.clone() for term in islice(form.terms(start), 40)] for form in forms]
    for of_pairs, of_windows in zip(*terms, strict=True):
        torch.testing.assert_close(of_pairs, of_windows, rtol=0, atol=1e-11)


@pytest.mark.skipif(not find_spec("triton"), reason="Triton is not installed")
@pytest.mark.parametrize("maps", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_triton_sums_windows_as_pytorch_does(dtype, maps, monkeypatch):
    """Its interpreter computes on the CPU what the kernel computes on a GPU."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.delitem(sys.modules, "puzzlecam_cli.method.window_kernel", raising=False)
    window_sums = import_module("puzzlecam_cli.method.window_kernel").window_sums
    monkeypatch.delitem(sys.modules, "puzzlecam_cli.method.window_kernel")
    form = chain(ByWindows, 3, dtype=dtype)
    start = F.pad(scores(maps, 9, 13).to(dtype), (0, 2)).flatten(1).expand(2, -1, -1)
    expected = [term.clone() for term in islice(form.terms(start), 9)]
    monkeypatch.setattr(grid_chain, "window_kernel", lambda device: window_sums)
    for found, wanted in zip(islice(form.terms(start), 9), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 if dtype == torch.float32 else 1e-13)


def test_without_triton_a_gpu_walks_by_pytorch_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "puzzlecam_cli.method.window_kernel", raising=False)
    assert grid_chain.window_kernel.__wrapped__("cuda") is None
    assert grid_chain.window_kernel("cpu") is None


def test_small_grids_walk_by_windows_and_large_ones_of_a_cpu_by_pairs():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert isinstance(grid_chain.grid_chain([], (1, 8, 8), 1, torch.float32, cpu), ByWindows)
    assert isinstance(grid_chain.grid_chain([], (1, 100, 100), 1, torch.float32, cpu), ByPairs)
    assert isinstance(grid_chain.grid_chain([], (1, 100, 100), 1, torch.float32, gpu), ByWindows)


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize("size", [(24, 32), (60, 70)])  # by windows, by pairs
def test_float32_changes_no_map_by_more_than_is_promised(kind, size, monkeypatch):
    """Terms are left out alike in both: what differs is rounding."""
    given, boundaries, power = scores(2, *size).double(), edges(*size, kind), chain_power._power
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
    random_walk(scores(1, 8, 9), edges(8, 9, "noise"), log2_steps=log2_steps, tolerance=tolerance)
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


def test_a_map_of_zeros_stays_zero_and_costs_no_more_terms(monkeypatch):
    """Photos of a batch have as many maps as that of most classes."""
    seen, taken = precisions(monkeypatch), []
    terms = GridChain.terms
    monkeypatch.setattr(GridChain, "terms", lambda *given: (taken.append(1) or term for term in terms(*given)))
    given, boundaries = scores(1, 24, 32), edges(24, 32)
    alone = random_walk(given, boundaries)
    number, taken[:] = len(taken), []
    walked = random_walk(torch.cat([given, torch.zeros_like(given)]), boundaries)
    assert len(taken) == number
    assert seen == [torch.float32, torch.float32]
    assert not walked[1].any()
    torch.testing.assert_close(walked[:1], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("maps", "size"), [(1, (24, 32)), (3, (94, 125))])  # by windows, by pairs
def test_two_threads_give_the_bits_of_one(maps, size):
    given, boundaries = scores(maps, *size), edges(*size, "noise")
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            results.append(random_walk(given, boundaries, log2_steps=4))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)
