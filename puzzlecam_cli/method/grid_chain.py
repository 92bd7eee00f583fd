"""A walk between neighbouring cells of a grid, as products with its transition matrix P = D⁻¹A, never n × n.

A holds the affinities of neighbours, is symmetric, and 1 on its diagonal; D holds the degrees, its row sums. On a flat
grid, row after row, the neighbours at one offset are one diagonal of A. Each row ends in radius − 1 cells that nothing
reaches, so that no diagonal joins the end of a row to the beginning of the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.paths import PathValues

FEW_CELLS = 3000  # their windows stay in the cache of a CPU

Product = Callable[[], Tensor]  # (A − D)x, of the x that it was made for


class GridChain(ABC):
    """The walks on B grids of one size.

    Args:
        between: (B, cells) float64, each cell's degree without itself.
        row: cells in a row, with those that nothing reaches.
        radius: cells closer than this are neighbours.
        dtype: the precision of products.
    """

    def __init__(self, between: Tensor, row: int, radius: int, dtype: torch.dtype):
        self.between, self.row, self.radius, self.dtype = between, row, radius, dtype
        self.degree = 1 + between

    def terms(self, start: Tensor) -> Iterator[Tensor]:
        """T_0(P)x, T_1(P)x, ... of (B, K, cells) maps x; each takes the place of the one before."""
        margin = (self.radius - 1) * (self.row + 1)  # how far away the last neighbour of a cell is
        padded = F.pad(start.to(self.dtype), (margin, margin))
        term = padded[..., margin : margin + start.shape[-1]]
        product = self.product(padded, term)
        rate = (2 / self.degree).to(self.dtype)[:, None]  # of 2D⁻¹(A − D) = 2(P − 1)
        smallest = torch.finfo(self.dtype).tiny ** (2 / 3)  # a CPU is slow where products leave the normal numbers
        yield term
        change = product() * (rate / 2)
        while True:
            term += change
            torch.hardshrink(term, smallest, out=term)
            yield term
            change.addcmul_(product(), rate)

    @abstractmethod
    def product(self, padded: Tensor, maps: Tensor) -> Product:
        """Of (B, K, cells) maps, whatever they hold by then, and of the same with a margin of zeros on both sides."""


class ByPairs(GridChain):
    """One pair of diagonals after the other, which read their affinities once: for large grids on a CPU."""

    def __init__(self, paths: Sequence[PathValues], batch: int, cells: int, row: int, radius: int, dtype: torch.dtype):
        device = paths[0].values.device if paths else None
        between = torch.zeros(batch, cells, dtype=torch.float64, device=device)
        for _, first, second, affinity in paths:
            size = affinity.shape[1]
            between[:, first : first + size] += affinity
            between[:, second : second + size] += affinity
        super().__init__(between, row, radius, dtype)
        self.paths = paths

    def product(self, padded: Tensor, maps: Tensor) -> Product:
        found, loss = torch.empty_like(maps), -self.between.to(self.dtype)[:, None]
        parts = []
        for _, first, second, affinity in self.paths:
            weight, size = affinity[:, None], affinity.shape[1]
            here, there = slice(first, first + size), slice(second, second + size)
            parts += [(found[..., here], maps[..., there], weight), (found[..., there], maps[..., here], weight)]

        def times() -> Tensor:
            torch.mul(maps, loss, out=found)
            for part, neighbours, weight in parts:
                part.addcmul_(neighbours, weight)
            return found

        return times


class ByWindows(GridChain):
    """Each cell's square of neighbours at once, weighted and summed: few steps, for GPUs and small grids."""

    def __init__(self, paths: Sequence[PathValues], batch: int, cells: int, row: int, radius: int, dtype: torch.dtype):
        side = 2 * radius - 1
        middle = side * side // 2
        device = paths[0].values.device if paths else None
        weights = torch.zeros(batch, side * side, cells, dtype=dtype, device=device)
        for (down, right), first, second, affinity in paths:
            number, size = side * down + right, affinity.shape[1]
            weights[:, middle + number, first : first + size] = affinity
            weights[:, middle - number, second : second + size] = affinity
        super().__init__(weights.sum(dim=1, dtype=torch.float64), row, radius, dtype)
        weights[:, middle] = -self.between
        self.weights = weights.reshape(batch, side, side, cells)

    def product(self, padded: Tensor, maps: Tensor) -> Product:
        found = torch.empty_like(maps, memory_format=torch.contiguous_format)
        if kernel := window_kernel(maps.device.type):
            return partial(kernel, self.weights, padded, self.row, found)
        weighted = torch.empty_like(self.weights)
        windows = [
            x.as_strided(weighted.shape, (x.stride(0), self.row, 1, 1), x.storage_offset()) for x in padded.unbind(1)
        ]

        def times() -> Tensor:
            for x, of_map in zip(windows, found.unbind(1), strict=True):
                torch.mul(self.weights, x, out=weighted)
                torch.sum(weighted, dim=(1, 2), out=of_map)
            return found

        return times


@cache
def window_kernel(device: str) -> Callable[[Tensor, Tensor, int, Tensor], Tensor] | None:
    """The sum of windows in one kernel, which takes less than half the time; None: it cannot be had.

    Without Triton, on a CPU, or where nothing can be compiled, PyTorch's own operations do the same.
    """
    if device != "cuda":
        return None
    try:
        from puzzlecam_cli.method.window_kernel import window_sums

        one = torch.ones(1, 1, 1, 1, device=device)
        window_sums(one, one[0], 1, torch.empty_like(one[0]))
    except Exception:  # of Triton, its compiler or its cache: whatever it is, nothing is lost but time
        return None
    return window_sums


def grid_chain(
    paths: Sequence[PathValues], grid: tuple[int, int, int], radius: int, dtype: torch.dtype, device: torch.device
) -> GridChain:
    """The walks on (B, rows, cells in a row) along the affinities of pairs of cells."""
    batch, rows, row = grid
    kind = ByPairs if device.type == "cpu" and rows * row > FEW_CELLS else ByWindows
    return kind(paths, batch, rows * row, row, radius, dtype)
