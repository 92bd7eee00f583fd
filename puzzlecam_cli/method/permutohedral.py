"""Gaussian filtering of scattered values on the permutohedral lattice (Adams, Baek and Davis, Eurographics 2010).

Points are mapped to where the lattice is Z^d, and its simplices those that arise by ordering the fractions of the
coordinates. A point gives its value to the d + 1 corners of its simplex (splat), each line of the lattice in each of
its d + 1 directions is blurred with 1/2, 1, 1/2 (blur), and a point takes its value from the same corners (slice).
All three are sums of some rows of a table, each times its share.
"""

from __future__ import annotations

from math import floor, prod, sqrt
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FRACTION = 24  # bits of a fraction of a coordinate: as many as a float32 has
PART = 2**21  # points whose corners are sorted at once, which takes some 200 bytes each
IN_PIECES = ("cuda",)  # devices that sum up by threads side by side, each from the first row of a sum to its last
PIECE = 32  # rows that are summed up one after the other there: a corner on an even surface has thousands
TOO_SMALL = "a deviation of a kernel is too small for what it spans: corners can no longer be told apart"


class Lattice:
    """The corners around N points of d coordinates, to filter values of these points with a Gaussian of deviation 1.

    Args:
        points: (N, d) float32, N ≥ 1, in standard deviations.
        photo: (N,) integers from 0: points of different photos do not see each other; None: all are of one.

    Raises:
        ValueError: the points lie too many deviations apart for float32, or are not finite.
    """

    def __init__(self, points: Tensor, photo: Tensor | None = None):
        self.count, self._each = points.shape[0], points.shape[1] + 1
        self._starts = _starts(self.count, self._each, points.device)
        numbers = _Numbers(_on_the_grid(points), photo)
        parts = [slice(begin, begin + PART) for begin in range(0, self.count, PART)]
        found = [_sorted(*numbers.of_corners(part), begin=part.start) for part in parts]
        keys = found[0].keys
        if len(found) > 1:
            keys = torch.unique(torch.cat([part.keys for part in found]))
            found = [part.among(keys) for part in found]
        self._splats = [part.splat for part in found]
        self._corners = torch.cat([part.corners for part in found])
        # with what makes a mean of the blurs
        self._shares = torch.cat([part.shares for part in found]).div_(1 + 2.0 ** (1 - self._each))
        self._blurs = [_neighbours(keys, stride) for stride in (-sum(numbers.strides), *numbers.strides)]
        self._blurred = _starts(len(keys) + 1, 3, points.device)
        self._blur = torch.tensor([1, 0.5, 0.5], device=points.device).repeat(len(keys) + 1)

    def filter(self, values: Tensor) -> Tensor:
        """Σ_j k(i, j) · value_j of each point i, itself included: (N, K) float32 → (N, K)."""
        return self.slice(self.splat(values), 0, self.count)

    def splat(self, values: Tensor) -> Tensor:
        """What the M corners hold after the blurs, and a row of zeros: (N, K) float32 → (M + 1, K)."""
        if len(self._splats) == 1:
            held = self._splats[0].sums(values)
        else:
            held = values.new_zeros(len(self._blurred) - 1, values.shape[1])
            for splat in self._splats:
                held.index_add_(0, splat.corners, splat.sums(values))
        for corners in self._blurs:
            held = _sums(held, corners, self._blurred, self._blur)
        return held

    def slice(self, held: Tensor, begin: int, end: int) -> Tensor:
        """The values of the points from `begin` to `end`, from what the corners hold: (M + 1, K) → (end − begin, K)."""
        entries = slice(begin * self._each, end * self._each)
        return _sums(held, self._corners[entries], self._starts[: end - begin + 1], self._shares[entries])

    def normalise(self, weight: float) -> None:
        """Let `filter` divide the kernel by √(Σ k(i, ·) Σ k(·, j)), and multiply it with the weight."""
        scale = self.filter(torch.ones(self.count, 1, device=self._shares.device))[:, 0].add_(1e-20).rsqrt_()
        for splat in self._splats:
            splat.shares.mul_(scale.index_select(0, splat.points))
        self._shares.view(self.count, self._each).mul_(scale.mul_(weight)[:, None])


def _sums(table: Tensor, rows: Tensor, starts: Tensor, shares: Tensor) -> Tensor:
    """Σ shares · table[rows] over the rows from each start to the next: (T, K) → (len(starts) − 1, K)."""
    return F.embedding_bag(rows, table, starts, mode="sum", per_sample_weights=shares, include_last_offset=True)


def _starts(count: int, each: int, device: torch.device) -> Tensor:
    """Where sums of equally many rows start, and the last ends."""
    return torch.arange(0, count * each + 1, each, dtype=torch.int32, device=device)


class _Pieces(NamedTuple):
    """Long sums of rows as sums of shorter ones: where each piece starts, and which pieces, from `of` to `of`, are one
    sum: those `rows`, once each."""

    starts: Tensor
    of: Tensor
    rows: Tensor
    ones: Tensor


def _pieces(starts: Tensor) -> _Pieces:
    counts = (starts.diff() + PIECE - 1).div_(PIECE, rounding_mode="floor")
    of = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    sums = torch.repeat_interleave(counts)  # of each piece
    numbers = torch.arange(len(sums), device=starts.device)
    begins = starts[sums] + PIECE * (numbers - of[sums])
    return _Pieces(
        starts=torch.cat([begins, starts[-1:]]).to(torch.int32),
        of=of.to(torch.int32),
        rows=numbers.to(torch.int32),
        ones=torch.ones(len(sums), device=starts.device),
    )


class _Splat(NamedTuple):
    """What `corners` get: each of the `points` from its start to the next, times their shares.

    Last comes one that gets nothing: it stands for those that are not there.
    """

    points: Tensor
    shares: Tensor
    starts: Tensor
    corners: Tensor
    pieces: _Pieces | None = None

    def sums(self, values: Tensor) -> Tensor:
        if self.pieces is None:
            return _sums(values, self.points, self.starts, self.shares)
        held = _sums(values, self.points, self.pieces.starts, self.shares)
        return _sums(held, self.pieces.rows, self.pieces.of, self.pieces.ones)


class _Sorted(NamedTuple):
    """The corners of some points, in order.

    Args:
        keys: (M,) their numbers.
        splat: what they get of the points.
        corners: (n · (d + 1),) which of them are around each point.
        shares: (n · (d + 1),) of the point in them.
    """

    keys: Tensor
    splat: _Splat
    corners: Tensor
    shares: Tensor

    def among(self, keys: Tensor) -> _Sorted:
        """The same corners, counted among those of more points."""
        place = torch.searchsorted(keys, self.keys, out_int32=True)
        to = torch.cat([place, place.new_tensor([len(keys)])])
        return self._replace(splat=self.splat._replace(corners=to), corners=place.index_select(0, self.corners))


def _sorted(keys: Tensor, shares: Tensor, begin: int) -> _Sorted:
    """Gather what belongs to the same corner: (d + 1, n) keys and shares of the points from `begin` on."""
    ordered, order = keys.flatten().sort(stable=True)
    new = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=new[1:])
    starts = new.nonzero()[:, 0]
    corner = new.cumsum(0, dtype=torch.int32).sub_(1)
    corners = torch.empty_like(corner).scatter_(0, order, corner).view(keys.shape)
    starts = torch.cat([starts, starts.new_tensor([len(order), len(order)])])
    splat = _Splat(
        points=(order % keys.shape[1]).add_(begin).to(torch.int32),
        shares=shares.flatten().index_select(0, order),
        starts=starts.to(torch.int32),
        corners=torch.arange(len(starts) - 1, dtype=torch.int32, device=keys.device),
        pieces=_pieces(starts) if keys.device.type in IN_PIECES else None,
    )
    return _Sorted(ordered.index_select(0, starts[:-2]), splat, corners.t().flatten(), shares.t().flatten())


def _on_the_grid(points: Tensor) -> Tensor:
    """The points where the lattice is Z^d: (N, d) → (d, N).

    In the paper's coordinates x_0 ... x_d, which sum up to 0, corners differ by multiples of (1, ..., 1) − (d + 1)·e_i.
    Coordinate i here is (x_0 − x_i) / (d + 1): it depends on the first i coordinates of the points alone.
    """
    places = torch.empty(points.shape[1], points.shape[0], device=points.device)
    total = torch.zeros(points.shape[0], device=points.device)
    for axis, given in enumerate(points.unbind(1)):
        # the blurs have a variance of 2/3 · (d + 1)² in the paper's coordinates, which is to be one of the points
        scaled = given * (sqrt(2 / 3) / sqrt((axis + 1) * (axis + 2)))
        torch.add(total, scaled, alpha=axis + 2, out=places[axis])
        total += scaled
    return places


class _Numbers:
    """The corners on the grid, numbered row by row, so that a neighbour is always a number of `strides` away.

    Args:
        places: (d, N) float32, see `_on_the_grid`.
        photo: (N,) see `Lattice`.
    """

    def __init__(self, places: Tensor, photo: Tensor | None):
        self._places, self._photo = places, photo
        lowest, highest = (found.tolist() for found in places.aminmax(dim=1))
        if not all(abs(bound) < 2**FRACTION for bound in (*lowest, *highest)):
            raise ValueError(TOO_SMALL)
        self._lowest = [floor(low) - 1 for low in lowest]
        # one more on each side: what is beyond the last of a row is not the first of the next
        sizes = [floor(high) - low + 3 for low, high in zip(self._lowest, highest, strict=True)]
        self.strides = [prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
        self._of_a_photo = prod(sizes)
        numbers = self._of_a_photo * (1 if photo is None else int(photo.max()) + 1)
        if numbers >= 2**63:
            raise ValueError(TOO_SMALL)
        self._whole = torch.int32 if numbers < 2**31 else torch.int64

    def of_corners(self, part: slice) -> tuple[Tensor, Tensor]:
        """The numbers of the corners around some of the points, and the points' shares in them: two of (d + 1, n)."""
        places = self._places[:, part]
        cells = places.floor()
        ranked = _ranked(places - cells)
        steps = torch.tensor(self.strides, dtype=self._whole, device=places.device)
        keys = torch.zeros(len(places) + 1, places.shape[1], dtype=self._whole, device=places.device)
        if self._photo is not None:
            torch.mul(self._photo[part], self._of_a_photo, out=keys[0])
        for stride, low, row in zip(self.strides, self._lowest, cells, strict=True):
            keys[0] += row.sub_(low).to(self._whole).mul_(stride)
        shares = torch.ones(keys.shape, device=places.device)
        for number, (fraction, axis) in enumerate(ranked):
            torch.add(keys[number], steps.index_select(0, axis), out=keys[number + 1])
            shares[number] -= fraction
            shares[number + 1] = fraction
        return keys, shares


def _ranked(fractions: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Fractions from the greatest to the least, and of which axis each is: (d, n) in [0, 1] → d pairs of (n,)."""
    bits = max(1, (len(fractions) - 1).bit_length())
    # both in one whole number, the axis in its lowest bits, so that it is ordered by maxima and minima
    rows = [
        row.to(torch.int32).mul_(2**bits).add_(axis) for axis, row in enumerate((fractions * 2**FRACTION).unbind(0))
    ]
    for last in range(len(rows) - 1, 0, -1):
        for axis in range(last):
            pair = rows[axis], rows[axis + 1]
            rows[axis], rows[axis + 1] = torch.maximum(*pair), torch.minimum(*pair)
    return [((row >> bits) * 2.0**-FRACTION, row & (2**bits - 1)) for row in rows]


def _neighbours(keys: Tensor, stride: int) -> Tensor:
    """Each corner and its two neighbours along a stride, or the one that is not there: (M,) → (3 · (M + 1),)."""
    none = len(keys)
    own = torch.arange(none + 1, device=keys.device)
    wanted = keys + stride
    place = torch.searchsorted(keys, wanted).clamp_(max=none - 1)
    after = torch.where(keys.index_select(0, place) == wanted, place, none)
    before = torch.full_like(own, none).scatter_(0, after, own[:-1])
    rows = torch.full((none + 1, 3), none, dtype=torch.int32, device=keys.device)
    rows[:, 0] = own
    rows[:-1, 1] = after
    rows[:-1, 2] = before[:-1]
    return rows.flatten()
