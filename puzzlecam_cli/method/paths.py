"""Straight paths between neighbouring cells of a grid, and the highest value along each of them.

A path of radius 10 has up to 22 cells, and there are 152 of them. As max(max(a, b), max(b, c)) = max(a, b, c), the
maximum over a path follows from those over shorter paths that cover it, each shifted to its place: about one
`maximum` a path instead of one a cell. The grid lies row after row in one flat vector, where a shift is a slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

Offset = tuple[int, int]  # (down, right) in grid cells


@lru_cache
def neighbour_offsets(radius: int) -> tuple[Offset, ...]:
    """One offset (down, right) for each unordered pair of cells closer than `radius`: 34 for 5, 152 for 10."""
    reach = range(1 - radius, radius)
    return tuple((y, x) for y in range(radius) for x in reach if (y > 0 or x > 0) and x * x + y * y < radius * radius)


@lru_cache
def path_cells(offset: Offset) -> tuple[Offset, ...]:
    """The cells from (0, 0) to `offset`, both included, that lie closer than 1 to the segment: row by row, and in
    a row away from the column of (0, 0)."""
    down, right = offset
    squared_length = down * down + right * right
    step = -1 if right < 0 else 1
    return tuple(
        (y, x)
        for y in range(down + 1)
        for x in range(0, right + step, step)
        if (down * x - right * y) ** 2 < squared_length
    )


class Piece(NamedTuple):
    """A part of a path: the `number`-th path, moved to begin at `start`."""

    number: int
    start: Offset


@lru_cache
def _unions(radius: int) -> tuple[tuple[Offset, tuple[Piece, ...]], ...]:
    """Each path that does not lead to the left, as a union of shorter ones, the shortest path first.

    Path 0 is a single cell and not listed. The largest piece that covers most of what is left comes next.
    """
    wide = 2 * radius  # paths as sets of bits: cell (y, x) is bit wide·y + x, to shift a path is to shift its bits
    known: list[tuple[Offset, int]] = [((0, 0), 1)]
    unions = []
    rightward = (offset for offset in neighbour_offsets(radius) if offset[1] >= 0)
    for offset in sorted(rightward, key=lambda cell: cell[0] ** 2 + cell[1] ** 2):
        cells = path_cells(offset)
        path = left = sum(1 << (wide * y + x) for y, x in cells)
        fitting = [
            (Piece(number, (y, x)), bits << (wide * y + x))
            for number, (end, bits) in enumerate(known)
            for y, x in cells
            if y + end[0] <= offset[0] and x + end[1] <= offset[1] and not (bits << (wide * y + x)) & ~path
        ]
        pieces = []
        while left:
            piece, covered = max(fitting, key=lambda candidate: (candidate[1] & left).bit_count())
            pieces.append(piece)
            left &= ~covered
        known.append((offset, path))
        unions.append((offset, tuple(pieces)))
    return tuple(unions)


class PathValues(NamedTuple):
    """`values[:, i]` belongs to the path between the cells `first + i` and `second + i` of a flat grid."""

    offset: Offset
    first: int
    second: int
    values: Tensor


def over_paths(
    cells: Tensor, row: int, radius: int, combine: Callable[[Tensor, Tensor], Tensor] = torch.maximum
) -> Iterator[PathValues]:
    """The highest (or with `torch.minimum`, lowest) cell of every path.

    Args:
        cells: (B, rows · `row`), grids of rows that follow each other. Paths that leave a row at one side come back
            at the other: keep a margin of radius − 1 cells there if they matter.
        row: cells in a row.
        radius: of `neighbour_offsets`; each of them is given once, in no special order.
    """
    yield from over_paths_to(cells, row, radius, combine, to_the_left=False)
    yield from over_paths_to(cells, row, radius, combine, to_the_left=True)


def over_paths_to(
    cells: Tensor,
    row: int,
    radius: int,
    combine: Callable[[Tensor, Tensor], Tensor] = torch.maximum,
    *,
    to_the_left: bool,
) -> Iterator[PathValues]:
    """As `over_paths`, of the paths that lead to the left, or of the others."""
    # A vector of values begins at the upper left corner of the box around its path: all shifts are ≥ 0.
    unions, length = _unions(radius), cells.shape[1]
    widths = [0, *(right for (_, right), _ in unions)]
    known = [cells]
    for (down, right), pieces in unions:
        size = max(length - down * row - right, 0)

        def values(piece: Piece, right: int = right, size: int = size) -> Tensor:
            y, x = piece.start
            start = y * row + (right - x - widths[piece.number] if to_the_left else x)
            return known[piece.number][:, start : start + size]

        first, second, *rest = pieces
        united = combine(values(first), values(second))
        for piece in rest:
            united = combine(united, values(piece))
        known.append(united)
        if not size or (to_the_left and 0 in (down, right)):  # the others have those
            continue
        if to_the_left:
            yield PathValues((down, -right), right, down * row, united)
        else:
            yield PathValues((down, right), 0, down * row + right, united)
