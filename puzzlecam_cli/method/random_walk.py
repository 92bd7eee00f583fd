"""The random walk that spreads maps along affinities (AffinityNet, CVPR 2018; IRNet, CVPR 2019), never n × n.

The authors square a dense transition matrix eight times. The same result comes from products with its stencil of
34 neighbours. T = A·D⁻¹ is similar to the symmetric S = D^-½ A D^-½, whose spectrum lies in [-1, 1], so that S^n x
is a short Chebyshev sum: t^n = Σ_k c_k T_k(t), where the c_k are binomial probabilities that fall like a Gaussian
of width √n. Leaving out terms of total weight ε changes S^n x by at most ε·‖x‖₂, for any affinities.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import exp, lgamma, log

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.affinity import edges_to_affinity, features_to_affinity, neighbour_offsets


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


def walk_with_background(scores: Tensor, power: float, walk: Callable[[Tensor], Tensor]) -> Tensor:
    """Let the background walk too (AffinityNet, CVPR 2018), with the score (1 − best score)^power.

    What flows out of an object meets what flows out of the background, so that a walk does not flood a picture of
    one object. A walked score s becomes s / (s + background's): above 1/2 where the object has more than the
    background, and greatest for the class that has most. The best class where it is above 1/2, else background, is
    thus AffinityNet's argmax over classes and background.

    Args:
        scores: (K, H, W) in [0, 1], K ≥ 1.
        power: the higher, the less background.
        walk: (K + 1, H, W) → (K + 1, H, W), background last.

    Returns:
        (K, H, W) in [0, 1].
    """
    background = (1 - scores.amax(dim=0, keepdim=True)).pow(power)
    walked = walk(torch.cat([scores, background]))
    objects, background = walked[:-1], walked[-1:]
    return objects / (objects + background).clamp(min=torch.finfo(walked.dtype).tiny)


def random_walk(
    scores: Tensor,
    edges: Tensor,
    *,
    radius: int = 5,
    beta: float = 10.0,
    log2_steps: int = 8,
    tolerance: float = 1e-9,
) -> Tensor:
    """Walk along boundaries (IRNet): y = (scores · (1 − edges)) · T^steps, with the affinities of `edges_to_affinity`.

    Args:
        scores: (K, H, W), not negative.
        edges: (H, W) boundary probabilities in [0, 1].
        radius, beta, log2_steps, tolerance: see `walk_along`.

    Returns:
        (K, H, W) in the type of `scores`.
    """
    margin = radius - 1
    # boundaries of 1 around the image give neighbours outside it an affinity of 0
    padded = F.pad(edges.double(), (margin, margin, 0, margin), value=1.0)
    affinity = edges_to_affinity(padded[None], radius)[0]
    start = scores.double() * (1 - edges.double())
    walked = walk_along(start, affinity, radius=radius, beta=beta, log2_steps=log2_steps, tolerance=tolerance)
    return walked.to(scores.dtype)


def feature_walk(
    scores: Tensor,
    features: Tensor,
    *,
    stride: int = 2,
    radius: int = 5,
    beta: float = 8.0,
    log2_steps: int = 8,
    tolerance: float = 1e-9,
) -> Tensor:
    """Walk along features (AffinityNet, CVPR 2018): y = scores · T^steps, with those of `features_to_affinity`.

    Scores are averaged over each cell of the features, walk there, and come back by bilinear interpolation.

    Args:
        scores: (K, H, W), not negative.
        features: (D, ceil(H / stride), ceil(W / stride)).
        stride: cells of the scores along a side of one cell of the features.
        radius, beta, log2_steps, tolerance: see `walk_along`.

    Returns:
        (K, H, W) in the type of `scores`.
    """
    margin = radius - 1
    # infinities around the image give neighbours outside it an affinity of exp(−∞) = 0
    padded = F.pad(features, (margin, margin, 0, margin), value=torch.inf)
    affinity = features_to_affinity(padded[None], radius)[0]
    # at the right and the bottom a cell holds fewer scores; the average is over those
    start = F.avg_pool2d(scores.double(), stride, ceil_mode=True)
    walked = walk_along(start, affinity, radius=radius, beta=beta, log2_steps=log2_steps, tolerance=tolerance)
    fine = F.interpolate(walked[None], scale_factor=stride, mode="bilinear", align_corners=False)[0]
    return fine[:, : scores.shape[1], : scores.shape[2]].to(scores.dtype)


def walk_along(
    scores: Tensor, affinity: Tensor, *, radius: int, beta: float, log2_steps: int, tolerance: float
) -> Tensor:
    """Walk 2^log2_steps steps: y = scores · T^steps, T = A^beta divided by its column sums.

    A holds the affinities of neighbours, 1 on the diagonal, 0 outside the image.

    Args:
        scores: (K, H, W), not negative.
        affinity: (D, H, W) in [0, 1], of each cell and its D = len(neighbour_offsets(radius)) neighbours.
        radius: cells closer than this are neighbours.
        beta: exponent of the affinities.
        log2_steps: the walk takes 2^log2_steps steps.
        tolerance: weight of the Chebyshev terms left out.

    Returns:
        (K, H, W) in the type of `scores`; computed in float64.

    Raises:
        ValueError: scores and affinities are not of one grid.
    """
    height, width = affinity.shape[1:]
    if scores.shape[1:] != affinity.shape[1:]:
        raise ValueError(f"scores of {tuple(scores.shape[1:])} cells, affinities of {(height, width)}")
    margin = radius - 1
    # The rows of the grid, with zeros beside them, follow each other in one flat vector, where a neighbour is a shift.
    row = width + 2 * margin
    length = height * row
    weights = F.pad(affinity.double().pow(beta), (margin, margin)).reshape(-1, length)
    shifts = [down * row + right for down, right in neighbour_offsets(radius)]
    neighbours = [(w, shift) for w, shift in zip(weights, shifts, strict=True) if shift < length]  # else none inside

    degree = torch.ones(length, dtype=torch.float64, device=affinity.device)
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

    before = F.pad(scores.double(), (margin, margin)).reshape(-1, length) * root
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
