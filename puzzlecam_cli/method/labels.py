"""From scores to labels: confident ones for AffinityNet, complete ones for segmentation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.method.crf import DenseCrf, label_probabilities

NO_OBJECT = torch.tensor([0, IGNORE], dtype=torch.uint8)


def highest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The highest score of each pixel and its index, the first of equals: (K, H, W) → (H, W), (H, W) int64.

    A score that is not a number is the lowest there is, so that it makes no pixel an object.
    """
    best_score, index = scores.max(dim=0)  # what argmax gives, in a tenth of its time
    if best_score.isnan().any():
        best_score, index = torch.where(scores.isnan(), -torch.inf, scores).max(dim=0)
    return best_score, index


def best(scores: Tensor) -> Tensor:
    """The label with the highest score, the first of equals: (K, H, W) → (H, W) int64."""
    return highest(scores)[1]


def winners(scores: Tensor, background: float) -> Tensor:
    """Which map wins each pixel: (K, H, W) → (H, W) int64, 0 where no score is above `background`, else 1..K."""
    if not len(scores):
        return torch.zeros(scores.shape[1:], dtype=torch.long)
    best_score, index = highest(scores)
    return index.add_(1).mul_(best_score > background)


def confident_labels(
    image: Tensor,
    cams: Tensor,
    classes: Tensor,
    *,
    foreground: float,
    background: float,
    powers: tuple[float, float] | None = None,
    iterations: int,
    confidence: float,
    **kernels: Any,
) -> Tensor:
    """Labels to learn affinities from: sure objects, sure background, and what lies between.

    The photo is labelled twice, each time by the best of its maps and a background score, then by a CRF over the
    photo's own labels. Where the background score is high, what is still an object is surely one. Where it is low,
    what is still background is surely background. The pixels between are ignored. The background score is a constant,
    and the CRF refines labels (IRNet, CVPR 2019); or it is (1 − best map)^power, and the CRF refines scores
    (AffinityNet, CVPR 2018).

    Args:
        image: (H, W, 3) uint8.
        cams: (K, H, W) in [0, 1].
        classes: (K,) class index 1..C of each map.
        foreground, background: the background's high and its low score.
        powers: those of the high and the low score, instead of the constants.
        iterations, confidence, kernels: of the CRF, see `DenseCrf` and `label_probabilities`.

    Returns:
        (H, W) uint8 class indices, 0 background, `IGNORE` where unsure.
    """
    count = len(classes) + 1
    field = DenseCrf(image, count, **kernels)  # one lattice for both cuts

    def refined_labels(level: float) -> Tensor:
        labels = winners(cams, level)
        if count == 1 or iterations == 0:
            return labels
        return best(field.infer(label_probabilities(labels, count, confidence), iterations))

    def refined_scores(power: float) -> Tensor:
        if count == 1:
            return torch.zeros(cams.shape[1:], dtype=torch.long)
        scores = torch.cat([(1 - cams.amax(dim=0, keepdim=True)).pow(power), cams])
        return best(field.infer(scores, iterations))  # a CRF sees ratios: they need not sum up to 1

    if powers is None:
        sure_object, maybe_object = refined_labels(foreground), refined_labels(background)
    else:
        sure_object, maybe_object = refined_scores(powers[0]), refined_scores(powers[1])
    index = torch.cat([torch.zeros(1, dtype=torch.long), classes.long()])
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
        labels = best(field.infer(label_probabilities(labels, count, confidence), iterations))
    index = torch.cat([torch.zeros(1, dtype=torch.long), classes.long()])
    return index[labels].to(torch.uint8)


def with_lost_classes(labels: Tensor, before: Tensor) -> Tensor:
    """Labels in which no class is missing that others of the photo have: it keeps the pixels that it has there.

    Args:
        labels, before: (H, W) uint8, 0 background.

    Returns:
        (H, W) uint8.
    """
    while (lost := torch.isin(before, torch.cat([torch.unique(labels), NO_OBJECT]), invert=True)).any():
        labels = torch.where(lost, before, labels)  # which may take the last pixels of another class
    return labels


def enlarged(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Labels brought to another size, with smooth borders: (h, w) → (H, W) uint8.

    A pixel gets the label that most of its surroundings have, the first of equals.
    """
    if labels.shape == size:
        return labels
    found = torch.zeros(size, dtype=torch.uint8)
    most = torch.zeros(size)
    for label in torch.unique(labels).tolist():  # one after the other: photos may have many labels, and be large
        share = F.interpolate((labels == label)[None, None].float(), size, mode="bilinear", align_corners=False)[0, 0]
        found[share > most] = label
        torch.maximum(most, share, out=most)
    return found
