"""The puzzle module (§3.3) and its losses (§3.4)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.cam import normalize_cams
from puzzlecam_cli.method.constants import ALPHA, RAMP

Reduction = Literal["mean", "per_tag", "per_image"]
Distance = Literal["l1", "l2"]
Compare = Literal["features", "cams"]
Mask = Literal["labels", "none", "selection"]
Branch = Literal["none", "whole", "tiles"]


def tile(x: Tensor, rows: int = 2) -> Tensor:
    """Cut images into equal tiles (§3.3): (B, C, H, W) → (rows² · B, C, H/rows, W/rows).

    The tiles (0, 0) of all images come first, then all (0, 1), row by row.

    Raises:
        ValueError: the sides are no multiples of `rows`.
    """
    batch, channels, height, width = x.shape
    if height % rows or width % rows:
        raise ValueError(f"cannot cut {height}×{width} into {rows}×{rows} equal tiles")
    grid = x.reshape(batch, channels, rows, height // rows, rows, width // rows)
    return grid.permute(2, 4, 0, 1, 3, 5).reshape(-1, channels, height // rows, width // rows)


def merge(tiles: Tensor, rows: int = 2) -> Tensor:
    """Undo `tile`: (rows² · B, C, H, W) → (B, C, rows · H, rows · W).

    Raises:
        ValueError: the number of tiles is no multiple of rows².
    """
    count, channels, height, width = tiles.shape
    if count % rows**2:
        raise ValueError(f"{count} tiles do not form grids of {rows}×{rows}")
    grid = tiles.reshape(rows, rows, count // rows**2, channels, height, width)
    return grid.permute(2, 3, 0, 4, 1, 5).reshape(-1, channels, rows * height, rows * width)


def pool(maps: Tensor) -> Tensor:
    """Global average pooling G: (B, C, H, W) maps → (B, C) logits."""
    return maps.float().mean(dim=(-2, -1))


def classification_loss(logits: Tensor, labels: Tensor, over_images: Literal["mean", "sum"] = "mean") -> Tensor:
    """Eq. (2)-(3): the multi-label soft margin loss, averaged over classes and images, or summed over images.

    Args:
        logits: (B, C).
        labels: (B, C), 1 where the class is in the image, else 0.
    """
    return F.multilabel_soft_margin_loss(logits.float(), labels, reduction=over_images)


def reconstruction_loss(
    whole: Tensor,
    puzzle: Tensor,
    labels: Tensor | None = None,
    reduction: Reduction = "mean",
    distance: Distance = "l1",
) -> Tensor:
    """Eq. (6): L_re = ‖A^s − A^re‖₁ between the maps of the whole images and the merged maps of their tiles.

    The authors' code masks absent classes but averages over all of them (`mean`), so that the loss fades as 1/C with
    the number of classes. `per_tag` averages over the maps of present classes of the batch; `per_image` over those
    of each image, then over images.

    Args:
        whole: (B, C, H, W), A^s.
        puzzle: (B, C, H, W), A^re.
        labels: (B, C), 1 for classes to compare; None compares all.
        reduction: `mean`, `per_tag` or `per_image`.
        distance: `l1`, or `l2` for the squared difference.
    """
    if labels is None:
        labels = whole.new_ones(whole.shape[:2], dtype=torch.float32)
    total = reconstruction_sum(whole, puzzle, labels, reduction, distance)
    return total / reconstruction_count(labels, reduction).clamp(min=1)


def reconstruction_sum(
    whole: Tensor, puzzle: Tensor, labels: Tensor, reduction: Reduction = "mean", distance: Distance = "l1"
) -> Tensor:
    """What `reconstruction_loss` averages, summed up."""
    difference = whole.float() - puzzle.float()
    each = (difference.abs() if distance == "l1" else difference.square()).mean(dim=(-2, -1)) * labels  # (B, C)
    if reduction == "per_image":
        return (each.sum(dim=1) / labels.sum(dim=1).clamp(min=1)).sum()
    return each.sum()


def reconstruction_count(labels: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Over how many `reconstruction_loss` averages: pairs of image and class, tags, or images."""
    if reduction == "per_tag":
        return labels.sum().long()
    return torch.full((), labels.numel() if reduction == "mean" else len(labels), device=labels.device)


def alpha_at(step: int, total_steps: int, alpha: float = ALPHA, ramp: float = RAMP) -> float:
    """The weight of L_re at a step: grows linearly from 0 to `alpha` over `ramp` of the training (§4.1)."""
    ramp_steps = ramp * total_steps
    return alpha if step >= ramp_steps else alpha * step / ramp_steps


def puzzle_loss(
    whole: Tensor,
    puzzle: Tensor,
    labels: Tensor,
    alpha: float,
    *,
    classify_tiles: bool = True,
    compare: Compare = "features",
    mask: Mask = "labels",
    reduction: Literal["mean", "per_tag"] = "mean",
    distance: Distance = "l1",
    detach: Branch = "none",
) -> dict[str, Tensor]:
    """The losses of a batch and their sum.

    Args:
        whole: (B, C, H, W) raw maps of the images, A^s.
        puzzle: (B, C, H, W) raw maps of their tiles, merged, A^re.
        labels: (B, C), 1 where the class is in the image, else 0.
        alpha: weight of L_re, see `alpha_at`.
        classify_tiles: False leaves L_p-cls out of the sum (Table 1).
        compare: `features` compares raw maps, as the authors' code does; `cams` maps after ReLU and division by
            their maximum, as the paper writes.
        mask: `labels` compares the image's own classes, `selection` averages over them image by image, `none`
            compares all classes. The authors' code has all three and uses `labels`.
        reduction: of `mask: labels`, see `reconstruction_loss`.
        distance: see `reconstruction_loss`.
        detach: the branch of L_re that receives no gradient; the authors' code trains both.

    Returns:
        The scalars `loss_cls`, `loss_p_cls`, `loss_re` and `loss`.
    """
    sums = puzzle_sums(
        whole, puzzle, labels, compare=compare, mask=mask, reduction=reduction, distance=distance, detach=detach
    )
    counts = puzzle_counts(labels, mask=mask, reduction=reduction)
    means = {name: total / counts[name].clamp(min=1) for name, total in sums.items()}
    weights = puzzle_weights(alpha, classify_tiles=classify_tiles)
    return means | {"loss": torch.stack([weight * means[name] for name, weight in weights.items()]).sum()}


def puzzle_sums(
    whole: Tensor,
    puzzle: Tensor,
    labels: Tensor,
    *,
    compare: Compare = "features",
    mask: Mask = "labels",
    reduction: Literal["mean", "per_tag"] = "mean",
    distance: Distance = "l1",
    detach: Branch = "none",
) -> dict[str, Tensor]:
    """The three losses before they are averaged over `puzzle_counts`. Args: see `puzzle_loss`."""
    whole, puzzle = whole.float(), puzzle.float()
    loss_cls = classification_loss(pool(whole), labels, "sum")  # Eq. (4)
    loss_p_cls = classification_loss(pool(puzzle), labels, "sum")  # Eq. (5)
    if compare == "cams":
        whole, puzzle = normalize_cams(whole), normalize_cams(puzzle)
    loss_re = reconstruction_sum(
        whole.detach() if detach == "whole" else whole,
        puzzle.detach() if detach == "tiles" else puzzle,
        torch.ones_like(labels) if mask == "none" else labels,
        _reduction(mask, reduction),
        distance,
    )
    return {"loss_cls": loss_cls, "loss_p_cls": loss_p_cls, "loss_re": loss_re}


def puzzle_counts(
    labels: Tensor, *, mask: Mask = "labels", reduction: Literal["mean", "per_tag"] = "mean"
) -> dict[str, Tensor]:
    """Over how many each of `puzzle_sums` is averaged, int64, known from the (B, C) labels alone."""
    images = torch.full((), len(labels), device=labels.device)
    compared = reconstruction_count(labels, _reduction(mask, reduction))
    return {"loss_cls": images, "loss_p_cls": images, "loss_re": compared}


def puzzle_weights(alpha: float, *, classify_tiles: bool = True) -> dict[str, float]:
    """Eq. (7): L = L_cls + L_p-cls + alpha · L_re, as the factor of each."""
    return {"loss_cls": 1.0, "loss_p_cls": float(classify_tiles), "loss_re": alpha}


def _reduction(mask: Mask, reduction: Literal["mean", "per_tag"]) -> Reduction:
    return {"labels": reduction, "none": "mean", "selection": "per_image"}[mask]
