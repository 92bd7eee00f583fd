"""From scores to labels: confident ones for AffinityNet, complete ones for segmentation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from puzzlecam_cli.method.crf import DenseCrf, label_probabilities

IGNORE = 255


def winners(scores: Tensor, background: float) -> Tensor:
    """Which map wins each pixel: (K, H, W) → (H, W) int64, 0 where no score is above `background`, else 1..K."""
    constant = torch.full((1, *scores.shape[1:]), background, dtype=scores.dtype)
    return torch.cat([constant, scores]).argmax(dim=0)  # a tie goes to the first


def confident_labels(
    image: Tensor,
    cams: Tensor,
    classes: Tensor,
    *,
    foreground: float,
    background: float,
    iterations: int,
    confidence: float,
    **kernels: Any,
) -> Tensor:
    """Labels to learn affinities from (IRNet, CVPR 2019): sure objects, sure background, and what lies between.

    The maps are cut at two levels, each result refined by a CRF over the photo's own labels. A pixel is an object
    where the high cut says so, background where even the low cut says so, else ignored.

    Args:
        image: (H, W, 3) uint8.
        cams: (K, H, W) in [0, 1].
        classes: (K,) class index 1..C of each map.
        foreground, background: the high and the low cut.
        iterations, confidence, kernels: of the CRF, see `DenseCrf` and `label_probabilities`.

    Returns:
        (H, W) uint8 class indices, 0 background, 255 ignore.
    """
    count = len(classes) + 1
    field = DenseCrf(image, count, **kernels)  # one lattice for both cuts

    def refined(level: float) -> Tensor:
        labels = winners(cams, level)
        if count == 1 or iterations == 0:
            return labels
        return field.infer(label_probabilities(labels, count, confidence), iterations).argmax(dim=0)

    index = torch.cat([torch.zeros(1, dtype=torch.long), classes.long()])
    sure_object, maybe_object = refined(foreground), refined(background)
    labels = index[sure_object]
    labels[(sure_object == 0) & (maybe_object != 0)] = IGNORE
    return labels.to(torch.uint8)


def pseudo_labels(
    image: Tensor,
    scores: Tensor,
    classes: Tensor,
    *,
    background: float,
    iterations: int,
    confidence: float,
    **kernels: Any,
) -> Tensor:
    """Complete labels from walked scores: the best class above `background`, refined by a CRF.

    Args and returns as `confident_labels`; no pixel is ignored.
    """
    count = len(classes) + 1
    labels = winners(scores, background)
    if count > 1 and iterations:
        field = DenseCrf(image, count, **kernels)
        labels = field.infer(label_probabilities(labels, count, confidence), iterations).argmax(dim=0)
    index = torch.cat([torch.zeros(1, dtype=torch.long), classes.long()])
    return index[labels].to(torch.uint8)
