"""The random walk that spreads maps along affinities (AffinityNet, CVPR 2018; IRNet, CVPR 2019), never n × n.

The authors square a dense transition matrix eight times. The same result comes from products with its 69 diagonals:
see `grid_chain` for those, and `chain_power` for how few of them are needed, with a proof.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.affinity import cosines_to_affinity, features_to_affinity
from puzzlecam_cli.method.chain_power import TOLERANCE, chain_power
from puzzlecam_cli.method.paths import PathValues, neighbour_offsets, over_paths


def walk_with_background(
    scores: Tensor, power: float, walk: Callable[[Tensor], Tensor], least: Tensor | None = None
) -> Tensor:
    """Let the background walk too (AffinityNet, CVPR 2018), with the score (1 − best score)^power.

    What flows out of an object meets what flows out of the background, so that a walk does not flood a picture of
    one object. A walked score s becomes s / (s + background's): above 1/2 where the object has more than the
    background, and greatest for the class that has most. The best class where it is above 1/2, else background, is
    thus AffinityNet's argmax over classes and background.

    Args:
        scores: (..., K, H, W) in [0, 1], K ≥ 1.
        power: the higher, the less background.
        walk: (..., K + 1, H, W) → (..., K + 1, H, W), background last.
        least: (..., 1, H, W) in [0, 1], below which the background's score does not fall.

    Returns:
        (..., K, H, W) in [0, 1].
    """
    background = (1 - scores.amax(dim=-3, keepdim=True)).pow(power)
    if least is not None:
        background = torch.maximum(background, least)
    walked = walk(torch.cat([scores, background], dim=-3))
    objects, background = walked[..., :-1, :, :], walked[..., -1:, :, :]
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
        The shape and type of `scores`.
    """
    if scores.ndim == 3:
        photo = scores[None], edges[None]
        return random_walk(*photo, radius=radius, beta=beta, log2_steps=log2_steps, tolerance=tolerance)[0]
    openness = 1 - edges.double()
    # (1 − max edge)^β = min (1 − edge)^β; beside the photo lies a wall of 0
    cells = F.pad(openness.pow(beta), (0, radius - 1))

    def paths(precision: torch.dtype) -> list[PathValues]:
        return list(over_paths(cells.to(precision).flatten(1), cells.shape[-1], radius, torch.minimum))

    return chain_power(scores * openness[:, None], paths, radius, 2**log2_steps, tolerance).to(scores.dtype)


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
        scores: (K, H, W) or (B, K, H, W), not negative.
        features: (D, ceil(H / stride), ceil(W / stride)) or (B, D, ...).
        stride: cells of the scores along a side of one cell of the features.
        radius, beta, log2_steps, tolerance: as of `random_walk`.

    Returns:
        The shape and type of `scores`.
    """
    # infinities around the image give neighbours outside it an affinity of exp(−∞) = 0
    options: dict[str, Any] = {"beta": beta, "log2_steps": log2_steps, "tolerance": tolerance}
    return _walk_on_cells(scores, features, features_to_affinity, torch.inf, stride, radius, options)


def cosine_walk(
    scores: Tensor,
    features: Tensor,
    *,
    stride: int = 2,
    radius: int = 5,
    beta: float = 12.0,
    log2_steps: int = 6,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Walk along cosines: as `feature_walk`, with the affinities of `cosines_to_affinity`."""
    # features of length 0 around the image give neighbours outside it an affinity of 0
    options: dict[str, Any] = {"beta": beta, "log2_steps": log2_steps, "tolerance": tolerance}
    return _walk_on_cells(scores, features, cosines_to_affinity, 0, stride, radius, options)


def _walk_on_cells(
    scores: Tensor,
    features: Tensor,
    to_affinity: Callable[[Tensor, int], Tensor],
    outside: float,
    stride: int,
    radius: int,
    options: dict[str, Any],
) -> Tensor:
    """Average scores over cells of `stride`, walk along the affinities of the cells' features, and interpolate."""
    if scores.ndim == 3:
        return _walk_on_cells(scores[None], features[None], to_affinity, outside, stride, radius, options)[0]
    margin = radius - 1
    affinity = to_affinity(F.pad(features, (margin, margin, 0, margin), value=outside), radius)
    # at the right and the bottom a cell holds fewer scores; the average is over those
    start = F.avg_pool2d(scores.double(), stride, ceil_mode=True)
    walked = walk_along(start, affinity, radius=radius, **options)
    fine = F.interpolate(walked, scale_factor=stride, mode="bilinear", align_corners=False)
    return fine[..., : scores.shape[-2], : scores.shape[-1]].to(scores.dtype)


def walk_along(
    scores: Tensor, affinity: Tensor, *, radius: int, beta: float, log2_steps: int, tolerance: float
) -> Tensor:
    """Walk 2^log2_steps steps: y = scores · T^steps, T = A^beta divided by its column sums.

    A holds the affinities of neighbours, 1 on the diagonal, 0 outside the image.

    Args:
        scores: (B, K, H, W), not negative.
        affinity: (B, D, H, W) in [0, 1], of each cell and its D = len(neighbour_offsets(radius)) neighbours.
        radius: cells closer than this are neighbours.
        beta: exponent of the affinities.
        log2_steps: the walk takes 2^log2_steps steps.
        tolerance: as of `random_walk`.

    Returns:
        (B, K, H, W) in the type of `scores`.

    Raises:
        ValueError: scores and affinities are not of one grid.
    """
    height, width = affinity.shape[-2:]
    if scores.shape[-2:] != affinity.shape[-2:]:
        raise ValueError(f"scores of {tuple(scores.shape[-2:])} cells, affinities of {(height, width)}")
    weights = F.pad(affinity.double().pow(beta), (0, radius - 1)).transpose(0, 1)  # (D, B, H, row)
    row = weights.shape[-1]

    def paths(precision: torch.dtype) -> list[PathValues]:
        shifts = [(offset, offset[0] * row + offset[1]) for offset in neighbour_offsets(radius)]
        return [
            PathValues(offset, 0, shift, weight[:, : max(height * row - shift, 0)])
            for (offset, shift), weight in zip(shifts, weights.to(precision).flatten(2), strict=True)
        ]

    return chain_power(scores.double(), paths, radius, 2**log2_steps, tolerance).to(scores.dtype)
