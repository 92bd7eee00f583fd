"""The random walk that spreads maps along affinities (AffinityNet, CVPR 2018; IRNet, CVPR 2019), never n × n.

The authors square a dense transition matrix eight times. The same result comes from products with its stencil of
34 neighbours. T = A·D⁻¹ is similar to the symmetric S = D^-½ A D^-½, whose spectrum lies in [-1, 1], so that S^n x
is a short Chebyshev sum: t^n = Σ_k c_k T_k(t), where the c_k are binomial probabilities that fall like a Gaussian
of width √n. Leaving out terms of total weight ε changes S^n x by at most ε·‖x‖₂, for any boundary map.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.affinity import edges_to_affinity, neighbour_offsets


@lru_cache
def chebyshev_weights(power: int, tolerance: float) -> tuple[float, ...]:
    """The weights c_0, c_1, ... of t^power = Σ c_k T_k(t), cut where those left out sum up to ≤ `tolerance`.

    c_k = 2^(1−n)·binomial(n, (n−k)/2) for k of n's parity, half that for k = 0; all sum up to 1.
    """
    weights = [0.0] * (power + 1)
    for k in range(power % 2, power + 1, 2):
        low = (power - k) // 2
        log_binomial = lgamma(power + 1) - lgamma(low + 1) - lgamma(power - low + 1)
        weights[k] = exp(log_binomial + (1 - power) * log(2)) / (2 if k == 0 else 1)
    left_out = 0.0
    while len(weights) > 1 and left_out + weights[-1] <= tolerance:
        left_out += weights.pop()
    return tuple(weights)


def walk_with_background(scores: Tensor, edges: Tensor, power: float, **walk: Any) -> Tensor:
    """Let the background walk too (AffinityNet, CVPR 2018), with the score (1 − best score)^power.

    What flows out of an object meets what flows out of the background: a score becomes its share of all that
    arrives at a cell, so that a walk does not flood a picture of one object.

    Args:
        scores: (K, H, W) in [0, 1], K ≥ 1.
        edges: (H, W) boundary probabilities in [0, 1].
        power: the higher, the less background.
        walk: options of `random_walk`.

    Returns:
        (K, H, W) in [0, 1].
    """
    background = (1 - scores.amax(dim=0, keepdim=True)).pow(power)
    walked = random_walk(torch.cat([scores, background]), edges, **walk)
    return walked[:-1] / walked.sum(dim=0, keepdim=True).clamp(min=torch.finfo(walked.dtype).tiny)


def random_walk(
    scores: Tensor,
    edges: Tensor,
    *,
    radius: int = 5,
    beta: float = 10.0,
    log2_steps: int = 8,
    tolerance: float = 1e-9,
) -> Tensor:
    """Walk 2^log2_steps steps: y = (scores · (1 − edges)) · T^steps, T = A^beta divided by its column sums.

    A holds the affinity of neighbours (`edges_to_affinity`), 1 on the diagonal, 0 outside the image.

    Args:
        scores: (K, H, W), not negative.
        edges: (H, W) boundary probabilities in [0, 1].
        radius: cells closer than this are neighbours.
        beta: exponent of the affinities.
        log2_steps: the walk takes 2^log2_steps steps.
        tolerance: weight of the Chebyshev terms left out.

    Returns:
        (K, H, W) in the type of `scores`; computed in float64.
    """
    height, width = edges.shape
    margin = radius - 1
    # Boundaries of 1 around the image give neighbours outside it an affinity of 0. The rows of the padded grid
    # then follow each other in one flat vector, where a neighbour is a shift.
    padded = F.pad(edges.double(), (margin, margin, 0, margin), value=1.0)
    row = width + 2 * margin
    offsets = neighbour_offsets(radius)
    affinity = edges_to_affinity(padded[None], radius)[0].pow(beta)  # (D, H, W)
    weights = F.pad(affinity, (margin, margin)).reshape(len(offsets), height * row)  # zero in the margins
    length = height * row
    shifts = [down * row + right for down, right in offsets]
    neighbours = [(w, shift) for w, shift in zip(weights, shifts, strict=True) if shift < length]  # else none inside

    degree = torch.ones(length, dtype=torch.float64, device=edges.device)
    for weight, shift in neighbours:
        degree += weight
        degree[shift:] += weight[: length - shift]
    root = degree.sqrt()
    stencil = []
    for weight, shift in neighbours:
        reach = length - shift
        stencil.append((shift, weight[:reach] / (root[:reach] * root[shift:])))
    diagonal = 1 / degree

    def multiply(x: Tensor) -> Tensor:  # (K, length) → S x
        y = x * diagonal
        for shift, weight in stencil:
            y[:, :-shift].addcmul_(weight, x[:, shift:])
            y[:, shift:].addcmul_(weight, x[:, :-shift])
        return y

    seen = F.pad(scores.double() * (1 - edges.double()), (margin, margin)).reshape(-1, length)
    before = seen * root
    coefficients = chebyshev_weights(2**log2_steps, tolerance)
    total = coefficients[0] * before
    now = multiply(before)
    for number, coefficient in enumerate(coefficients[1:], start=1):
        if number > 1:
            before, now = now, multiply(now).mul_(2).sub_(before)
        if coefficient:
            total.add_(now, alpha=coefficient)
    walked = (total / root).reshape(-1, height, row)[:, :, margin : margin + width]
    return walked.clamp(min=0).to(scores.dtype)
