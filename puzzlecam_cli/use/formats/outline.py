"""The outlines of pixels along their edges, each one closed line: what is inside of it is exactly those pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ring = list[tuple[int, int]]  # (x, y) of corners, in edges of pixels: 0..W, 0..H


def outlines(mask: NDArray[np.bool_]) -> list[Ring]:
    """A ring around each part of a mask (H, W) whose pixels touch by their sides.

    A hole is joined to what lies around it by a line that is walked to and fro, as polygons have no holes: by the
    even-odd and by the winding rule it encloses nothing.
    """
    corners = _Corners(np.pad(mask, 1))
    parts, holes = corners.rings()
    for first in holes:
        corners.join(first)
    return [[corners.places[corner] for corner in corners.ring(first)] for first in parts]


class _Corners:
    """The corners of all outlines in the order of rows. Where two parts touch at a corner, each has its own.

    Args:
        padded: (H + 2, W + 2), the mask with a margin.
    """

    def __init__(self, padded: NDArray[np.bool_]):
        self._padded = padded
        above_left, above, left, here = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
        y, x = np.nonzero((above_left ^ above) != (left ^ here))  # an odd number of the four is filled
        to_left, up = above_left[y, x] != left[y, x], above_left[y, x] != above[y, x]
        cross_y, cross_x = np.nonzero((above_left == here) & (above == left) & (above_left != above))
        upper_left = above_left[cross_y, cross_x]  # which of the upper two is filled, and keeps to the edges above
        x, y = np.concatenate((x, cross_x, cross_x)), np.concatenate((y, cross_y, cross_y))
        to_left = np.concatenate((to_left, upper_left, ~upper_left))
        up = np.concatenate((up, np.ones_like(upper_left), np.zeros_like(upper_left)))
        rows = np.lexsort((~to_left, x, y))
        x, y, up = x[rows], y[rows], up[rows]
        columns = np.lexsort((~up, y, x))
        self.places: Ring = list(zip(x.tolist(), y.tolist(), strict=True))
        # along a row, an edge leads from the first corner to the second, another from the third to the fourth ...
        self._beside, self._across = _partners(np.arange(len(x))), _partners(columns)
        self._columns = columns
        self._keys = (x * len(padded) + y)[columns]
        self._after = [0] * len(x)  # the next corner of each ring
        self._leaves_along_column = [False] * len(x)
        self._last: dict[int, int] = {}  # of several corners in one place, the one that goes on

    def rings(self) -> tuple[list[int], list[int]]:
        """The topmost corner, and of these the leftmost, of all rings around filled pixels, and around holes."""
        parts: list[int] = []
        holes: list[int] = []
        seen = [False] * len(self.places)
        for first, (x, y) in enumerate(self.places):
            if seen[first]:
                continue
            at = first
            while not seen[at]:
                beside = self._beside[at]
                seen[at] = seen[beside] = self._leaves_along_column[beside] = True
                self._after[at] = beside
                self._after[beside] = at = self._across[beside]
            (parts if self._padded[y + 1, x + 1] else holes).append(first)
        return parts, holes

    def ring(self, first: int) -> list[int]:
        ring, at = [first], self._after[first]
        while at != first:
            ring.append(at)
            at = self._after[at]
        return ring

    def join(self, first: int) -> None:
        """Join the ring of a hole, at its first corner, to the edge on its left, which is another ring's."""
        x, y = self.places[first]
        is_inside = self._padded[y, 1 : x + 1] & self._padded[y + 1, 1 : x + 1]  # left of the corner, from its side on
        ends = np.flatnonzero(~is_inside)
        edge = int(ends[-1]) + 1 if len(ends) else 0
        before = self.ring(first)[-1]
        here = self._corner_at(edge, y)
        last = self._last.get(here, here)
        back, again = self._new(x, y), self._new(edge, y)
        self._after[again] = self._after[last]
        self._after[last] = first
        self._after[before] = back
        self._after[back] = again
        self._last[here] = again

    def _corner_at(self, x: int, y: int) -> int:
        """The corner in a place on an edge down a column; a new one on the edge where there is none."""
        number = int(np.searchsorted(self._keys, x * len(self._padded) + y, side="right")) - 1
        above = int(self._columns[number])
        if self.places[above] == (x, y):
            return above
        start = above if self._leaves_along_column[above] else self._across[above]
        start = self._last.get(start, start)
        between = self._new(x, y)
        self._after[between] = self._after[start]
        self._after[start] = between
        return between

    def _new(self, x: int, y: int) -> int:
        self.places.append((x, y))
        self._after.append(0)
        return len(self.places) - 1


def _partners(order: NDArray[np.intp]) -> list[int]:
    """Of corners in an order, the other of the first and second, of the third and fourth, ..."""
    partner = np.empty(len(order), dtype=np.intp)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner.tolist()
