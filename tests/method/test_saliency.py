"""Saliency as a second cue, against each pixel reckoned alone, and on maps planted around known objects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.method.labels import confident_labels, pseudo_labels
from puzzlecam_cli.method.metrics import confusion_matrix, iou_from_confusion
from puzzlecam_cli.method.random_walk import random_walk, walk_with_background
from puzzlecam_cli.method.saliency import brought_to, salient_maps, without_silent

KERNELS = {"smooth_xy": 3, "smooth_weight": 3, "colour_xy": 50, "colour_rgb": 5, "colour_weight": 10}
CLASSES = torch.tensor([2, 5])


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_a_map_is_weighed_pixel_by_pixel_and_keeps_its_peak(share: float) -> None:
    cams, saliency = drawn(0, 2, 5, 7), drawn(1, 5, 7)
    found = salient_maps(cams, saliency, share).tolist()
    for of_class, before in zip(found, cams.tolist(), strict=True):
        weighed = [
            [c * (1 - share * (1 - s)) for c, s in zip(row, told, strict=True)]
            for row, told in zip(before, saliency.tolist(), strict=True)
        ]
        scale = max(map(max, before)) / max(map(max, weighed))
        assert np.allclose(of_class, np.array(weighed) * scale, atol=1e-6)


def test_what_tells_nothing_changes_no_map() -> None:
    cams, ones = drawn(0, 2, 5, 7), torch.ones(5, 7)
    assert torch.equal(salient_maps(cams, ones, 0.8), cams)
    assert torch.equal(salient_maps(cams, drawn(1, 5, 7), 0.0), cams)
    assert torch.allclose(salient_maps(cams, torch.zeros(5, 7), 0.8), cams, atol=1e-6)
    assert torch.equal(salient_maps(cams, torch.zeros(5, 7), 1.0), torch.zeros(2, 5, 7)), "nothing is left to enlarge"
    assert torch.equal(salient_maps(torch.zeros(2, 5, 7), ones, 1.0), torch.zeros(2, 5, 7))
    assert salient_maps(torch.zeros(0, 5, 7), ones, 0.8).shape == (0, 5, 7)


def test_confident_labels_meet_saliency_as_in_the_table() -> None:
    """By label before and whether the pixel stands out: what is made of it."""
    table = {
        (0, False): 0,
        (0, True): 0,
        (3, False): IGNORE,
        (3, True): 3,
        (IGNORE, False): 0,
        (IGNORE, True): IGNORE,
    }
    labels = torch.tensor([[label for label, _ in table]], dtype=torch.uint8)
    saliency = torch.tensor([[0.3 if stands_out else 0.2999 for _, stands_out in table]])
    found = without_silent(labels, saliency, 0.3)
    assert found.dtype == torch.uint8
    assert found.tolist() == [list(table.values())]
    assert torch.equal(without_silent(labels, saliency * 0, 0.0), labels)


def test_a_map_on_a_coarser_grid_is_its_cells_mean() -> None:
    saliency = drawn(2, 8, 12)
    means = [[float(saliency[4 * r : 4 * r + 4, 4 * c : 4 * c + 4].mean()) for c in range(3)] for r in range(2)]
    assert np.allclose(brought_to(saliency, (2, 3)), means, atol=1e-6)
    assert torch.equal(brought_to(torch.ones(7, 10), (2, 3)), torch.ones(2, 3))
    assert torch.equal(brought_to(torch.ones(7, 10), (20, 30)), torch.ones(20, 30))


def test_the_background_that_walks_is_at_least_what_saliency_says() -> None:
    """Where nobody takes a step, each cell can be reckoned alone."""
    scores, least = drawn(3, 2, 4, 6), drawn(4, 1, 4, 6)
    found = walk_with_background(scores, 2.0, lambda given: given, least)
    for r in range(4):
        for c in range(6):
            background = max((1 - float(scores[:, r, c].max())) ** 2, float(least[0, r, c]))
            for k in range(2):
                own = float(scores[k, r, c])
                assert float(found[k, r, c]) == pytest.approx(own / (own + background), abs=1e-6)


def planted() -> tuple[Tensor, Tensor, Tensor]:
    """A photo (H, W, 3), its mask (H, W) of two objects, and maps (2, H, W) that spill over into the background."""
    height, width = 24, 40
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[6:18, 4:14], mask[4:20, 24:34] = 2, 5
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    bumps = [torch.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 120) for r, c in ((9, 5), (13, 33))]
    photo = torch.from_numpy(np.random.default_rng(5).integers(0, 255, (height, width, 3), dtype=np.uint8))
    return photo, mask, torch.stack(bumps).float()


def mean_iou(labels: Tensor, mask: Tensor) -> float:
    counts = confusion_matrix(labels, mask, 5)
    return float(iou_from_confusion(counts).nanmean())


def test_saliency_equal_to_the_truth_makes_better_pseudo_labels_of_planted_maps() -> None:
    photo, mask, cams = planted()
    truth, edges = (mask > 0).float(), torch.full(mask.shape, 0.3)

    def labels(maps: Tensor, least: Tensor | None) -> Tensor:
        walked = walk_with_background(maps, 2.0, lambda given: random_walk(given, edges, log2_steps=2), least)
        return pseudo_labels(photo, walked, CLASSES, background=0.5, iterations=0, confidence=0.7, **KERNELS)

    plain = mean_iou(labels(cams, None), mask)
    weighed = mean_iou(labels(salient_maps(cams, truth, 0.8), None), mask)
    walked = mean_iou(labels(cams, 1 - truth[None]), mask)
    both = mean_iou(labels(salient_maps(cams, truth, 0.8), 1 - truth[None]), mask)
    assert min(weighed, walked) > plain + 0.05
    assert both > plain + 0.1
    nothing = labels(salient_maps(cams, torch.ones(mask.shape), 0.8), torch.zeros(1, *mask.shape))
    assert torch.equal(nothing, labels(cams, None)), "where all stands out, nothing is told"


def test_saliency_equal_to_the_truth_makes_surer_affinity_labels_of_planted_maps() -> None:
    photo, mask, cams = planted()
    sure = confident_labels(
        photo, cams, CLASSES, foreground=0.6, background=0.2, iterations=0, confidence=0.7, **KERNELS
    )
    told = without_silent(sure, (mask > 0).float(), 0.5)

    def right(labels: Tensor) -> tuple[int, int]:
        """Sure pixels that are wrong, and sure pixels that are right."""
        known = labels != IGNORE
        return int((known & (labels != mask)).sum()), int((known & (labels == mask)).sum())

    (wrong_before, right_before), (wrong_after, right_after) = right(sure), right(told)
    assert wrong_before > 0, "the maps spill over"
    assert wrong_after <= wrong_before and right_after > right_before  # noqa: PT018
    assert not ((told != 0) & (told != IGNORE) & (mask == 0)).any(), "no object where nothing stands out"
