"""The random walk that spreads maps along affinities (AffinityNet, CVPR 2018; IRNet, CVPR 2019), never n × n.

The authors square a dense transition matrix eight times. The same result comes from products with its 69 diagonals.
T = A·D⁻¹ is similar to the symmetric S = D^-½ A D^-½, whose spectrum lies in [-1, 1], so that S^n x is a short
Chebyshev sum: t^n = Σ_k c_k T_k(t), where the c_k are binomial probabilities that fall like a Gaussian of width √n.

The error is bounded for any affinities. Let terms of total weight ε be left out, and the others be divided by their
sum 1 − ε, so that constant maps stay as they are. As |T_k| ≤ 1 on the spectrum, both change t^n by at most ε. So if
x ≥ 0 walks to y, the error e of y has ‖D^½ e‖₂ ≤ 2ε·‖D^½ x‖₂, where D holds the degrees d_i, and one cell errs by
|e_i| ≤ 2ε·‖D^½ x‖₂ / √d_i. As A is symmetric, Σ d_i y_i = Σ d_i x_i, and so the highest y is at least the average
Σ d_i x_i / Σ d_i. Hence |e_i| ≤ tolerance · max y for all i with

    2ε = tolerance · √(min d) · (Σ d_i x_i / Σ d_i) / ‖D^½ x‖₂,

which says how many terms to take. Rounding adds about 1e-14: everything is computed in float64.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from math import exp, lgamma, log

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.affinity import features_to_affinity
from puzzlecam_cli.method.paths import PathValues, neighbour_offsets, over_paths

TOLERANCE = 1e-5


def chebyshev_weights(power: int, left_out: float) -> tuple[float, ...]:
    """The weights c_0, c_1, ... of t^power = Σ c_k T_k(t), cut where those left out sum up to ≤ `left_out`."""
    weights = list(_all_weights(power))
    total = 0.0
    while len(weights) > 1 and total + weights[-1] <= left_out:
        total += weights.pop()
    return tuple(weights)


@lru_cache
def _all_weights(power: int) -> tuple[float, ...]:
    """c_k = 2^(1−n)·binomial(n, (n−k)/2) for k of n's parity, half that for k = 0; all sum up to 1."""
    weights = [0.0] * (power + 1)
    for k in range(power % 2, power + 1, 2):
        low = (power - k) // 2
        log_binomial = lgamma(power + 1) - lgamma(low + 1) - lgamma(power - low + 1)
        weights[k] = exp(log_binomial + (1 - power) * log(2)) / (2 if k == 0 else 1)
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
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Walk along boundaries (IRNet): y = (scores · (1 − edges)) · T^steps, with the affinities of `edges_to_affinity`.

    Args:
        scores: (K, H, W) or (B, K, H, W), not negative.
        edges: (H, W) or (B, H, W) boundary probabilities in [0, 1].
        radius: cells closer than this are neighbours.
        beta: exponent of the affinities.
        log2_steps: the walk takes 2^log2_steps steps.
        tolerance: largest error of a cell, as a share of its map's highest score after the walk.

    Returns:
        The shape and type of `scores`; computed in float64.
    """
    if scores.ndim == 3:
        photo = scores[None], edges[None]
        return random_walk(*photo, radius=radius, beta=beta, log2_steps=log2_steps, tolerance=tolerance)[0]
    openness = 1 - edges.double()
    # (1 − max edge)^β = min (1 − edge)^β; beside the photo lies a wall of 0
    cells = F.pad(openness.pow(beta), (0, radius - 1))
    paths = list(over_paths(cells.flatten(1), cells.shape[-1], radius, torch.minimum))
    return _walk(scores * openness[:, None], paths, radius, 2**log2_steps, tolerance).to(scores.dtype)


def feature_walk(
    scores: Tensor,
    features: Tensor,
    *,
    stride: int = 2,
    radius: int = 5,
    beta: float = 8.0,
    log2_steps: int = 8,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Walk along features (AffinityNet, CVPR 2018): y = scores · T^steps, with those of `features_to_affinity`.

    Scores are averaged over each cell of the features, walk there, and come back by bilinear interpolation.

    Args:
        scores: (K, H, W), not negative.
        features: (D, ceil(H / stride), ceil(W / stride)).
        stride: cells of the scores along a side of one cell of the features.
        radius, beta, log2_steps, tolerance: as of `random_walk`.

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
        tolerance: as of `random_walk`.

    Returns:
        (K, H, W) in the type of `scores`; computed in float64.

    Raises:
        ValueError: scores and affinities are not of one grid.
    """
    height, width = affinity.shape[1:]
    if scores.shape[1:] != affinity.shape[1:]:
        raise ValueError(f"scores of {tuple(scores.shape[1:])} cells, affinities of {(height, width)}")
    weights = F.pad(affinity.double().pow(beta), (0, radius - 1))[:, None]  # (D, 1, H, row)
    row = weights.shape[-1]
    paths = []
    for offset, weight in zip(neighbour_offsets(radius), weights.flatten(2), strict=True):
        shift = offset[0] * row + offset[1]
        paths.append(PathValues(offset, 0, shift, weight[:, : max(height * row - shift, 0)]))
    return _walk(scores[None], paths, radius, 2**log2_steps, tolerance)[0].to(scores.dtype)


@torch.no_grad()
def _walk(start: Tensor, paths: list[PathValues], radius: int, steps: int, tolerance: float) -> Tensor:
    """y = start · (A·D⁻¹)^steps.

    Args:
        start: (B, K, H, W), not negative.
        paths: the affinities of pairs of cells, on a flat grid with radius − 1 more cells at the end of each row,
            whose affinities are 0.
    """
    batch, maps, height, width = start.shape
    if not start.numel():
        return start
    degree, matrix = _transitions(paths, (batch, height, width), radius, start.device)
    state = start.double().permute(0, 2, 3, 1).contiguous().reshape(batch, -1, maps)
    left_out = tolerance / 2 * _share_allowed(state, degree)
    root = degree.sqrt().reshape(-1, 1)
    coefficients = chebyshev_weights(steps, left_out)
    old = state.reshape(-1, maps) * root  # (B·H·W, K)
    add_product: Callable[..., Tensor] = torch.addmm
    if maps == 1:  # a vector goes through in half the time of a matrix of one column
        old, add_product = old[:, 0], torch.addmv
    new = torch.zeros_like(old)
    total = coefficients[0] * old
    for number, coefficient in enumerate(coefficients[1:], start=1):
        # T_1 = S, T_k = 2S·T_k-1 − T_k-2
        add_product(new, matrix, old, beta=-1, alpha=0.5 if number == 1 else 1.0, out=new)
        if coefficient:
            total.add_(new, alpha=coefficient)
        old, new = new, old
    walked = total.reshape(-1, maps).div_(root * sum(coefficients)).clamp_(min=0)
    return walked.reshape(batch, height, width, maps).permute(0, 3, 1, 2)


def _transitions(
    paths: list[PathValues], shape: tuple[int, int, int], radius: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The degrees (B, H·W), and 2S as a sparse matrix of (B·H·W, B·H·W), with equally many entries in each row."""
    batch, height, width = shape
    row = width + radius - 1
    degree = torch.ones(batch, height * row, dtype=torch.float64, device=device)
    for _, first, second, affinity in paths:
        size = affinity.shape[1]
        degree[:, first : first + size] += affinity
        degree[:, second : second + size] += affinity
    root = degree.sqrt()
    diagonals = [(0, 0, 2 / degree)]  # how far away the other cell is, where the diagonal begins, its values
    for offset, first, second, affinity in paths:
        size, shift = affinity.shape[1], offset[0] * width + offset[1]
        roots = root[:, first : first + size] * root[:, second : second + size]
        values = (2 * affinity).div_(roots)
        diagonals += [(shift, first, values), (-shift, second, values)]
    diagonals.sort(key=lambda diagonal: diagonal[0])  # neighbours in memory beside each other
    entries = torch.zeros(batch, len(diagonals), height * row, dtype=torch.float64, device=device)
    for number, (_, begin, values) in enumerate(diagonals):
        entries[:, number, begin : begin + values.shape[1]] = values
    shifts = torch.tensor([shift for shift, _, _ in diagonals], dtype=torch.int32, device=device)

    def without_margin(values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:-1], height, row)[..., :width]

    cells = batch * height * width
    per_row = torch.arange(0, cells * len(shifts) + 1, len(shifts), dtype=torch.int32, device=device)
    columns = torch.arange(cells, dtype=torch.int32, device=device)[:, None]
    columns = (columns + shifts).clamp_(0, cells - 1)  # what lies outside has an affinity of 0
    values = without_margin(entries).permute(0, 2, 3, 1).flatten()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        matrix = torch.sparse_csr_tensor(per_row, columns.flatten(), values, (cells, cells), check_invariants=False)
    return without_margin(degree).flatten(1), matrix


def _share_allowed(start: Tensor, degree: Tensor) -> float:
    """√(min d) · (Σ d·x / Σ d) / ‖D^½ x‖₂ of (B, n, K) maps x, the smallest of those that are not 0 everywhere."""
    weighted = start * degree[..., None]
    mean = weighted.sum(1) / degree.sum(1, keepdim=True)
    share = degree.amin(1, keepdim=True).sqrt() * mean / (weighted * start).sum(1).sqrt()
    return float(share.nan_to_num(nan=1.0).amin())
