"""Semantic affinities between neighbouring grid cells.

From a class-boundary map (Ahn et al., IRNet, CVPR 2019): a pair of cells is as unlike as the strongest boundary on
the straight path between them. From features (Ahn and Kwak, AffinityNet, CVPR 2018): as their features are. From the
cosines of features that nobody has trained for it [ours].
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.method.paths import Offset, PathValues, neighbour_offsets, over_paths, over_paths_to

PAIR_WEIGHTS = (1 / 4, 1 / 4, 1 / 2)  # of pairs that are both background, of the same object class, different


def _window(x: Tensor, radius: int, offset: Offset = (0, 0)) -> Tensor:
    """The cells at `offset` from every source cell. A source has all its neighbours inside the grid:
    (..., H, W) → (..., H − radius + 1, W − 2·radius + 2)."""
    margin = radius - 1
    height, width = x.shape[-2] - margin, x.shape[-1] - 2 * margin
    top, left = offset[0], margin + offset[1]
    return x[..., top : top + height, left : left + width]


def _sources(path: PathValues, shape: torch.Size, radius: int) -> Tensor:
    """The values of the paths of each source, a view: (B, n) → (B, H − radius + 1, W − 2·radius + 2)."""
    margin, (batch, height, width) = radius - 1, shape
    size, strides = (batch, height - margin, width - 2 * margin), (path.values.stride(0), width, 1)
    return path.values.as_strided(size, strides, path.values.storage_offset() + margin - path.first)


def _ranks(edges: Tensor, to_the_left: bool) -> tuple[Tensor, Tensor]:
    """Numbers to compare instead of edges, all different: between equal edges the first on a path is the highest.

    Args:
        edges: (B, H, W).
        to_the_left: where the paths lead; see `path_cells` for the order of their cells.

    Returns:
        (B, H·W) int32, the cells of an image in the order of their rank, and (B·H·W) int64, which cell has a rank.
    """
    batch, height, width = edges.shape
    last_first = (-2,) if to_the_left else (-2, -1)
    count = height * width
    cell = torch.arange(count, device=edges.device).reshape(height, width).flip(last_first).flatten()
    order = cell[edges.flip(last_first).flatten(1).argsort(dim=1, stable=True)]
    ranks = torch.arange(batch * count, dtype=torch.int32, device=edges.device).reshape(batch, count)
    images = torch.arange(batch, device=edges.device)[:, None] * count
    return torch.empty_like(ranks).scatter_(1, order, ranks), (order + images).flatten()


class _PathAffinity(torch.autograd.Function):
    """1 − the path maximum. The backward pass looks for the highest cells again instead of storing where they were;
    the gradient goes to the first of them on a path, as in max-pooling."""

    @staticmethod
    def forward(ctx: Any, edges: Tensor, radius: int) -> Tensor:
        ctx.save_for_backward(edges)
        ctx.radius = radius
        offsets = neighbour_offsets(radius)
        shape = _window(edges, radius).shape
        affinity, one = edges.new_empty(shape[0], len(offsets), *shape[1:]), edges.new_ones(())
        for path in over_paths(edges.flatten(1), edges.shape[2], radius):
            slot = affinity[:, offsets.index(path.offset)]
            torch.sub(one, _sources(path, edges.shape, radius), out=slot)
        return affinity

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (edges,), radius = ctx.saved_tensors, ctx.radius
        offsets = neighbour_offsets(radius)
        gradient = edges.new_zeros(edges.numel())
        for to_the_left in (False, True):
            ranks, cells = _ranks(edges, to_the_left)
            of_rank = torch.zeros_like(gradient)
            for path in over_paths_to(ranks, edges.shape[2], radius, to_the_left=to_the_left):
                highest = _sources(path, edges.shape, radius).flatten()
                of_rank.index_add_(0, highest, gradients[0][:, offsets.index(path.offset)].flatten())
            gradient[cells] -= of_rank
        return gradient.reshape(edges.shape), None


def edges_to_affinity(edges: Tensor, radius: int) -> Tensor:
    """Affinity a = 1 − max of the boundary over the path, for each source cell and neighbour.

    Args:
        edges: (B, H, W) boundary probabilities in [0, 1].
        radius: cells closer than this are neighbours.

    Returns:
        (B, D, H − radius + 1, W − 2·radius + 2) in [0, 1], D = len(neighbour_offsets(radius)). Sources are the
        cells whose neighbours all lie inside the grid.

    Raises:
        ValueError: the grid is too small to hold a source.
    """
    _check_grid(edges, radius)
    affinity: Tensor = _PathAffinity.apply(edges, radius)
    return affinity


class _FeatureAffinity(torch.autograd.Function):
    """exp(−mean |difference|). The backward pass takes the differences again instead of storing 34 copies of them."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, radius: int) -> Tensor:
        ctx.radius = radius
        source = _window(features, radius)
        distances = [
            (source - _window(features, radius, offset)).abs_().mean(dim=1) for offset in neighbour_offsets(radius)
        ]
        affinity = torch.stack(distances, dim=1).neg_().exp_()
        ctx.save_for_backward(features, affinity)
        return affinity

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (features, affinity), radius = ctx.saved_tensors, ctx.radius
        per_channel = gradients[0] * affinity / -features.shape[1]  # of each |difference|
        gradient = torch.zeros_like(features)
        source = _window(features, radius)
        for number, offset in enumerate(neighbour_offsets(radius)):
            share = (source - _window(features, radius, offset)).sign_().mul_(per_channel[:, number, None])
            _window(gradient, radius).add_(share)
            _window(gradient, radius, offset).sub_(share)
        return gradient, None


def features_to_affinity(features: Tensor, radius: int) -> Tensor:
    """Affinity a = exp(−mean over channels of |f_i − f_j|), for each source cell i and neighbour j.

    Args:
        features: (B, D, H, W).
        radius: cells closer than this are neighbours.

    Returns and raises:
        as `edges_to_affinity`.
    """
    _check_grid(features, radius)
    affinity: Tensor = _FeatureAffinity.apply(features, radius)
    return affinity


def cosines_to_affinity(features: Tensor, radius: int) -> Tensor:
    """Affinity a = max(0, cosine of f_i and f_j), 0 of features of length 0, for each source cell i and neighbour j.

    Args:
        features: (B, D, H, W).
        radius: cells closer than this are neighbours.

    Returns and raises:
        as `edges_to_affinity`.
    """
    _check_grid(features, radius)
    unit = F.normalize(features, dim=1)
    source = _window(unit, radius)
    cosines = [(source * _window(unit, radius, offset)).sum(dim=1) for offset in neighbour_offsets(radius)]
    return torch.stack(cosines, dim=1).clamp_(0, 1)


def _check_grid(cells: Tensor, radius: int) -> None:
    if cells.shape[-2] < radius or cells.shape[-1] < 2 * radius - 1:
        raise ValueError(f"a {cells.shape[-2]}×{cells.shape[-1]} grid is too small for radius {radius}")


def affinity_labels(labels: Tensor, radius: int, ignore: int = IGNORE) -> tuple[Tensor, Tensor, Tensor]:
    """Which pairs belong together.

    Args:
        labels: (B, H, W) class indices, 0 background, `ignore` for cells that say nothing.

    Returns:
        Three bool tensors shaped as the affinities of `edges_to_affinity`: both background; both the same object
        class; different.
    """
    source = _window(labels, radius)[:, None]  # (B, 1, h, w)
    target = torch.stack([_window(labels, radius, offset) for offset in neighbour_offsets(radius)], dim=1)
    valid = (source != ignore) & (target != ignore)
    same = (source == target) & valid
    return same & (source == 0), same & (source > 0), valid & ~same


def affinity_loss(affinity: Tensor, background: Tensor, foreground: Tensor, different: Tensor) -> Tensor:
    """Cross-entropy of affinities, averaged within and then over the three kinds of pairs (IRNet, Eq. 6; AffinityNet).

    Args:
        affinity: (B, D, h, w) from `edges_to_affinity` or `features_to_affinity`.
        background, foreground, different: bool, the same shape, from `affinity_labels`.
    """
    sums = affinity_sums(affinity, background, foreground, different)
    counts = (pairs.sum().clamp(min=1) for pairs in (background, foreground, different))
    means = [weight * total / count for weight, total, count in zip(PAIR_WEIGHTS, sums, counts, strict=True)]
    return torch.stack(means).sum()


def affinity_sums(
    affinity: Tensor, background: Tensor, foreground: Tensor, different: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The cross-entropy of each kind of pairs, summed up. Args: see `affinity_loss`."""
    together = -torch.log(affinity + 1e-5)
    apart = -torch.log(1 + 1e-5 - affinity)
    return (together * background).sum(), (together * foreground).sum(), (apart * different).sum()
