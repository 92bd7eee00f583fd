"""Gaussian filtering of scattered values on the permutohedral lattice (Adams, Baek and Davis, Eurographics 2010).

Points are mapped to where the lattice is Z^d, and its simplices those that arise by ordering the fractions of the
coordinates. A point gives its value to the d + 1 corners of its simplex (splat), each line of the lattice in each of
its d + 1 directions is blurred with 1/2, 1, 1/2 (blur), and a point takes its value from the same corners (slice).
"""

from __future__ import annotations

from math import prod, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

FRACTION = 24  # bits of a fraction of a coordinate: as many as a float32 has


class Lattice:
    """The corners around N points of d coordinates, to filter values of these points with a Gaussian of deviation 1.

    Args:
        points: (N, d) float32, N ≥ 1, in standard deviations.
        photo: (N,) integers from 0: points of different photos do not see each other; None: all are of one.
    """

    def __init__(self, points: Tensor, photo: Tensor | None = None):
        count, width = points.shape
        keys, strides, weights = _corners(points, photo)
        ordered, order = keys.flatten().sort(stable=True)
        first = torch.ones_like(ordered, dtype=torch.bool)
        torch.ne(ordered[1:], ordered[:-1], out=first[1:])
        corner = torch.empty_like(order).scatter_(0, order, first.cumsum(0).sub_(1)).to(torch.int32)
        self._starts = first.nonzero()[:, 0].to(torch.int32)
        # of each corner: its points, and how much of each it takes
        self._points = order.remainder(count).to(torch.int32)
        self._taken = weights.flatten()[order]
        # of each point: its corners, and how much it takes of each, with what makes a blur a mean
        self._corners = corner.reshape(width + 1, count).t().contiguous()
        self._given = weights.t() / (1 + 2**-width)
        self._blurs = [_neighbours(ordered[first], stride) for stride in (-sum(strides), *strides)]

    def filter(self, values: Tensor) -> Tensor:
        """Σ_j k(i, j) · value_j of each point i, itself included: (N, K) float32 → (N, K)."""
        taken = self._taken
        held = F.embedding_bag(self._points, values, self._starts, mode="sum", per_sample_weights=taken)
        for corners, shares in self._blurs:
            held = F.embedding_bag(corners, held, mode="sum", per_sample_weights=shares)
        return F.embedding_bag(self._corners, held, mode="sum", per_sample_weights=self._given)

    def normalise(self, weight: float) -> None:
        """Let `filter` divide the kernel by √(Σ k(i, ·) Σ k(·, j)), and multiply it with the weight."""
        ones = torch.ones(len(self._corners), 1, device=self._corners.device)
        scale = self.filter(ones)[:, 0].add_(1e-20).rsqrt_()
        self._taken *= scale[self._points]
        self._given = self._given * (scale * weight)[:, None]


def _corners(points: Tensor, photo: Tensor | None) -> tuple[Tensor, list[int], Tensor]:
    """The corners of the points' simplices.

    Returns:
        Numbers of the corners (d + 1, N); by how much such a number grows along each axis; the points' weights in
        the corners (d + 1, N).
    """
    places = _on_the_grid(points)
    width = len(places)
    base = places.floor()
    bits = (width - 1).bit_length()
    # a fraction with the number of its axis in the lowest bits: one number to sort by
    ranked = [
        fraction.to(torch.int32).mul_(2**bits).add_(axis)
        for axis, fraction in enumerate((places - base).mul_(2**FRACTION))
    ]
    for last in range(width - 1, 0, -1):
        for axis in range(last):
            pair = ranked[axis], ranked[axis + 1]
            ranked[axis], ranked[axis + 1] = torch.maximum(*pair), torch.minimum(*pair)
    weights = points.new_empty(width + 1, points.shape[0])
    weights[0] = 1
    for axis, entry in enumerate(ranked):
        fraction = (entry >> bits) * 2.0**-FRACTION
        weights[axis] -= fraction
        weights[axis + 1] = fraction
    lowest, highest = (found.tolist() for found in base.aminmax(dim=1))
    # a corner more on each side, so that no neighbour lies in the next row
    sizes = [int(high - low) + 4 for low, high in zip(lowest, highest, strict=True)]
    strides = [prod(sizes[axis + 1 :]) for axis in range(width)]
    whole = torch.int32 if photo is None and prod(sizes) < 2**31 else torch.int64
    keys = torch.empty(width + 1, points.shape[0], dtype=whole, device=points.device)
    keys[0] = 0 if photo is None else photo * prod(sizes)
    for stride, low, cells in zip(strides, lowest, base, strict=True):
        keys[0] += (cells - (low - 1)).to(whole).mul_(stride)
    steps = torch.tensor(strides, dtype=whole, device=points.device)
    for axis, entry in enumerate(ranked):
        torch.add(keys[axis], steps[entry & (2**bits - 1)], out=keys[axis + 1])
    return keys, strides, weights


def _on_the_grid(points: Tensor) -> Tensor:
    """The points where the lattice is Z^d: (N, d) → (d, N).

    In the paper's coordinates x_0 ... x_d, which sum up to 0, corners differ by multiples of (1, ..., 1) − (d + 1)·e_i.
    Coordinate i here is (x_0 − x_i) / (d + 1): it depends on the first i coordinates of the points alone.
    """
    width = points.shape[1]
    places = torch.empty(width, points.shape[0], device=points.device)
    total = torch.zeros(points.shape[0], device=points.device)
    for axis, given in enumerate(points.unbind(1)):
        # blurs add up to a variance of 2/3 · (d + 1)², which is to be the variance 1
        scaled = given * (sqrt(2 / 3) / sqrt((axis + 1) * (axis + 2)))
        torch.add(total, scaled, alpha=axis + 2, out=places[axis])
        total += scaled
    return places


def _neighbours(corners: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Each corner and its two neighbours, a stride away, and the weights of their blur; 0 where there is none."""
    own = torch.arange(len(corners), device=corners.device)
    indices, weights = [own], [torch.ones(len(corners), device=corners.device)]
    for wanted in (corners + stride, corners - stride):
        found = torch.searchsorted(corners, wanted).clamp_(max=len(corners) - 1)
        there = corners[found] == wanted
        indices.append(torch.where(there, found, own))
        weights.append(there * 0.5)
    return torch.stack(indices, dim=1).to(torch.int32), torch.stack(weights, dim=1)
