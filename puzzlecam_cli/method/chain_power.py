"""Many steps of a walk at once: y = P^n x as a short Chebyshev sum, with a bound on what is left out.

P = D⁻¹A, with A ≥ 0 symmetric and D its row sums, is self-adjoint for ⟨f, g⟩ = Σ d_i f_i g_i, with its spectrum in
[-1, 1]. So P^n = Σ_k c_k T_k(P), where the c_k are binomial probabilities that fall like a Gaussian of width √n.

**What is left out is bounded, for any affinities.** Let terms of total weight ε be left out, and the others be divided
by their sum 1 − ε. As |T_k| ≤ 1 on the spectrum, both change t^n by at most ε, and 1 stays 1. So constant maps stay as
they are, the error e is that of x − m for every number m, and ‖e‖ ≤ 2ε·‖x − m‖, least where m = Σ d_i x_i / Σ d_i. One
cell errs by

    |e_i| ≤ ‖e‖ / √d_i ≤ b(ε) = 2ε·‖x − m‖ / √(min d).

As A is symmetric, Σ d_i y_i = Σ d_i x_i, so the highest y is at least m. It is also at least the highest of a shorter
sum less its own b, which is found on the way: h, the larger of the two. Then b(ε) ≤ tolerance/2 · h says how many terms
to take, and no cell errs by more than tolerance/2 of the highest y.

**Rounding is measured.** The other half is for products in float32, which are used from a tolerance of 4e-5 on, for
walks of at most 256 steps: they changed no map by more than 1.6e-5 of its highest score (about 256 times half of
float32's spacing, on uniform noise as edges; 4.2e-6 on smooth noise and on outlines of a scene; 32×32 to 94×125 cells;
maps of noise, smooth maps and single cells). Two things keep them close. T_k+1 = 2P T_k − T_k-1 is taken by
its change, T_k+1 − T_k = (T_k − T_k-1) + 2(P − 1)T_k: in a cell almost without neighbours, whose scores stay, the
former rounds them anew each time, by 7e-5 in all. And a spot that spreads until its highest score is a hundredth of
what it was, so that its rounding counts a hundred times, is walked in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from math import exp, lgamma, log

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.grid_chain import grid_chain
from puzzlecam_cli.method.paths import PathValues

TOLERANCE = 4e-5
SINGLE_STEPS = 256  # float32 serves no longer walks
SINGLE_FALL = 100.0  # float32 serves maps whose highest score falls no further

Paths = Callable[[torch.dtype], Sequence[PathValues]]


def chebyshev_weights(power: int, left_out: float) -> tuple[float, ...]:
    """The weights c_0, c_1, ... of t^power = Σ c_k T_k(t), cut where those left out sum up to ≤ `left_out`."""
    weights, rests = _weights_and_rests(power)
    kept = len(weights)
    while kept > 1 and rests[kept - 1] <= left_out:
        kept -= 1
    return weights[:kept]


@lru_cache
def _weights_and_rests(power: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """c_k = 2^(1−n)·binomial(n, (n−k)/2) for k of n's parity, half that for k = 0; and Σ_j≥k c_j."""
    weights = [0.0] * (power + 1)
    for k in range(power % 2, power + 1, 2):
        low = (power - k) // 2
        log_binomial = lgamma(power + 1) - lgamma(low + 1) - lgamma(power - low + 1)
        weights[k] = exp(log_binomial + (1 - power) * log(2)) / (2 if k == 0 else 1)
    return tuple(weights), tuple(accumulate(reversed(weights)))[::-1]


def chain_power(start: Tensor, paths: Paths, radius: int, steps: int, tolerance: float) -> Tensor:
    """y = P^steps x.

    Args:
        start: (B, K, H, W) float64, not negative.
        paths: gives, in float32 or float64, the affinities of pairs of cells on a flat grid with radius − 1 more cells
            at the end of each row, whose affinities are 0.
        radius: cells closer than this are neighbours.
        steps: of the walk.
        tolerance: largest error of a cell, as a share of its map's highest score after the walk.

    Returns:
        (B, K, H, W) float64. A map's values do not depend on the others.
    """
    if not start.numel():
        return start
    if tolerance < TOLERANCE or steps > SINGLE_STEPS:
        return _power(start, paths, torch.float64, radius, steps, tolerance)[0]
    walked, has_fallen = _power(start, paths, torch.float32, radius, steps, tolerance)
    if not has_fallen.any():
        return walked
    exact, _ = _power(start, paths, torch.float64, radius, steps, tolerance)
    return torch.where(has_fallen.to(start.device), exact, walked)


@torch.no_grad()
def _power(
    start: Tensor, paths: Paths, precision: torch.dtype, radius: int, steps: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """y, and which maps' highest score falls too far for float32: (B, K, 1, 1)."""
    batch, _, height, width = start.shape
    row, sides = width + radius - 1, (-2, -1)
    chain = grid_chain(paths(precision), (batch, height, row), radius, precision, start.device)

    def on_grid(flat: Tensor) -> Tensor:
        return flat.reshape(*flat.shape[:-1], height, row)[..., :width]

    peak = start.amax(dim=sides, keepdim=True)
    start = start / peak.clamp(min=torch.finfo(start.dtype).tiny)
    degree = on_grid(chain.degree)[:, None]
    mean = (degree * start).sum(dim=sides) / degree.sum(dim=sides)  # (B, K), as are the next
    spread = ((start - mean[..., None, None]).square_() * degree).sum(dim=sides).sqrt()
    spread /= degree.amin(dim=sides).sqrt()

    weights = chebyshev_weights(steps, 0.0)
    first = len(chebyshev_weights(steps, tolerance / 4))
    terms = chain.terms(F.pad(start, (0, radius - 1)).flatten(2))
    total = weights[0] * next(terms)
    for weight, term in zip(weights[1:first], terms, strict=False):
        if weight:
            total.add_(term, alpha=weight)
    found = on_grid(total).amax(dim=sides) / sum(weights[:first])
    highest = torch.maximum(mean, found - 2 * sum(weights[first:]) * spread)

    spread, highest = torch.stack([spread, highest]).cpu()  # the only time that a GPU is waited for
    left_out = (highest / spread * (tolerance / 4)).nan_to_num(torch.inf)  # nothing is left out of a map of zeros
    counts = left_out.apply_(lambda share: len(chebyshev_weights(steps, share)))
    numbers = torch.arange(first, max(first, int(counts.max())))
    more = torch.tensor(weights, dtype=torch.float64)[numbers, None, None] * (numbers[:, None, None] < counts)
    share = (sum(weights[:first]) + more.sum(dim=0)).to(total)[..., None]
    for weight, of_maps, term in zip(weights[first:], more.to(total)[..., None], terms, strict=False):
        if weight:
            total.addcmul_(term, of_maps)
    walked = on_grid(total / share).double()
    walked = walked.clamp(start.amin(dim=sides, keepdim=True), start.amax(dim=sides, keepdim=True))
    has_fallen = (highest > 0) & (highest * SINGLE_FALL < 1)
    return walked * peak, has_fallen[..., None, None]
