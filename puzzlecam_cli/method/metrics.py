"""Confusion matrices and intersection over union (Everingham et al., PASCAL VOC, IJCV 2010)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.method.labels import highest


def _check_labels(name: str, labels: Tensor, lowest: int, num_classes: int) -> None:
    for value in (labels.min(), labels.max()) if labels.numel() else ():
        if not lowest <= int(value) <= num_classes:
            raise ValueError(f"the {name} holds class {int(value)}, there are {num_classes}")


def confusion_matrix(prediction: Tensor, mask: Tensor, num_classes: int, ignore: int = IGNORE) -> Tensor:
    """Count pixels by true and predicted class.

    Args:
        prediction: (H, W) integers 0..num_classes, 0 background.
        mask: (H, W) integers 0..num_classes, or `ignore`: not counted.
        num_classes: object classes C, without background.

    Returns:
        (C+1, C+1) int64, rows = mask, columns = prediction.

    Raises:
        ValueError: the shapes differ, or a value is no class.
    """
    if prediction.shape != mask.shape:
        raise ValueError(f"the prediction is {tuple(prediction.shape)}, the mask {tuple(mask.shape)}")
    size = num_classes + 1
    valid = mask != ignore
    truth, predicted = mask[valid].long(), prediction[valid].long()
    _check_labels("mask", truth, 0, num_classes)
    _check_labels("prediction", predicted, 0, num_classes)
    return torch.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)


def iou_from_confusion(confusion: Tensor) -> Tensor:
    """Intersection over union of each class: (..., C+1, C+1) int64 → (..., C+1) float64.

    NaN for a class that neither the masks nor the predictions hold; leave it out of the mean (`nanmean`).
    """
    hit = confusion.diagonal(dim1=-2, dim2=-1).double()
    return hit / (confusion.sum(-1) + confusion.sum(-2) - hit)


def over_and_under_activation(confusion: Tensor) -> tuple[float, float]:
    """False positives and false negatives as shares of the union, averaged over the object classes present.

    As in SEAM (Wang et al., CVPR 2020): high FP is over-activation, high FN under-activation.
    """
    hit = confusion.diagonal().double()
    truth, predicted = confusion.sum(1).double(), confusion.sum(0).double()
    union = truth + predicted - hit
    rates = torch.stack([(predicted - hit) / union, (truth - hit) / union])[:, 1:].nanmean(dim=1)
    return float(rates[0]), float(rates[1])


def threshold_sweep(
    scores: Tensor,
    classes: Tensor,
    mask: Tensor,
    thresholds: Sequence[float],
    num_classes: int,
    ignore: int = IGNORE,
) -> Tensor:
    """The confusion matrices for all background thresholds, in one pass over the pixels.

    A pixel is background where its best score is not above the threshold (compared in float32); a tie between
    classes goes to the first. A score that is not a number is above no threshold.

    Args:
        scores: (K, H, W) floats.
        classes: (K,) the class index 1..C of each map.
        mask: (H, W) integers 0..C, or `ignore`.
        thresholds: T values, in any order.
        num_classes: object classes C, without background.

    Returns:
        (T, C+1, C+1) int64, rows = mask, columns = prediction.

    Raises:
        ValueError: the shapes differ, or the mask holds a value that is no class.
    """
    if scores.shape[1:] != mask.shape:
        raise ValueError(f"the scores are {tuple(scores.shape[1:])}, the mask {tuple(mask.shape)}")
    size, count, maps = num_classes + 1, len(thresholds), len(scores)
    if classes.shape != scores.shape[:1]:
        raise ValueError(f"{len(classes)} classes do not name {maps} maps")
    void = mask == ignore
    truth = mask.int().masked_fill_(void, 0)
    _check_labels("mask", truth, 0, num_classes)
    _check_labels("list of classes", classes, 1, num_classes)
    truth.masked_fill_(void, size)  # a row of its own, which is dropped: faster than to pick the other pixels
    counts = torch.zeros(count, size, size, dtype=torch.int64, device=mask.device)
    if not maps:
        counts[:, :, 0] = torch.bincount(truth.flatten(), minlength=size + 1)[:size]
        return counts
    levels, order = torch.tensor(thresholds, dtype=torch.float32, device=mask.device).sort()
    best, winner = highest(scores.float())
    above = torch.searchsorted(levels, best, out_int32=True)  # thresholds below the best score, 0..T
    cells = truth.mul_(maps).add_(winner).mul_(count + 1).add_(above)
    bins = torch.bincount(cells.flatten(), minlength=(size + 1) * maps * (count + 1))
    histogram = bins.reshape(size + 1, maps, count + 1)[:size]
    # at the i-th threshold, objects are the pixels whose best score passes more than i thresholds
    objects = histogram.flip(-1).cumsum(-1).flip(-1)[:, :, 1:]
    counts[order] = counts.index_add(2, classes.long(), objects.permute(2, 0, 1))
    counts[:, :, 0] = histogram.sum((1, 2)) - counts.sum(-1)
    return counts
