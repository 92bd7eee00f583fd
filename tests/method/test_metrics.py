"""Scores against scikit-learn, and the threshold sweep against one argmax per threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import jaccard_score
from torch import Tensor

from puzzlecam_cli.method.metrics import (
    confusion_matrix,
    iou_from_confusion,
    over_and_under_activation,
    threshold_sweep,
)

CLASSES = 4


def labels(*shape: int, seed: int = 0, highest: int = CLASSES) -> Tensor:
    return torch.randint(highest + 1, shape, generator=torch.Generator().manual_seed(seed))


def mask_with_void(*shape: int, seed: int = 1, void: int = 255) -> Tensor:
    mask = labels(*shape, seed=seed)
    mask[torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.2] = void
    return mask


def plain_sweep(scores: Tensor, classes: Tensor, mask: Tensor, thresholds: Sequence[float], void: int = 255) -> Tensor:
    """The argmax over [threshold, maps] for one threshold after the other; the first of equals wins."""
    counts = []
    for threshold in thresholds:
        constant = torch.full((1, *mask.shape), threshold, dtype=torch.float32)
        best = np.argmax(torch.cat([constant, scores.float()]).numpy(), axis=0)  # the first of equals
        predicted = np.array([0, *classes.tolist()])[best]
        seen = mask.numpy() != void
        counts.append(sklearn_confusion(mask.numpy()[seen], predicted[seen], labels=range(CLASSES + 1)))
    return torch.from_numpy(np.stack(counts))


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int64])
def test_confusion_equals_scikit_learn(kind):
    prediction, mask = labels(40, 50).to(kind), mask_with_void(40, 50)
    seen = (mask != 255).numpy()
    expected = sklearn_confusion(mask.numpy()[seen], prediction.numpy()[seen], labels=range(CLASSES + 1))
    mask = mask if kind == torch.int64 else mask.to(torch.uint8)
    found = confusion_matrix(prediction, mask, CLASSES)
    assert found.dtype == torch.int64
    np.testing.assert_array_equal(found.numpy(), expected)


def test_rows_are_the_mask_and_columns_the_prediction():
    found = confusion_matrix(torch.tensor([[1, 1, 0]]), torch.tensor([[2, 2, 1]]), 2)
    assert found.tolist() == [[0, 0, 0], [1, 0, 0], [0, 2, 0]]


def test_an_ignored_pixel_may_hold_any_prediction():
    prediction, mask = torch.tensor([[0, 255]]), torch.tensor([[0, 255]])
    assert int(confusion_matrix(prediction, mask, 1).sum()) == 1
    assert int(confusion_matrix(prediction, torch.tensor([[7, 7]]), 1, ignore=7).sum()) == 0


def test_iou_equals_scikit_learn():
    prediction, mask = labels(40, 50), mask_with_void(40, 50)
    seen = (mask != 255).numpy()
    expected = jaccard_score(mask.numpy()[seen], prediction.numpy()[seen], average=None, labels=range(CLASSES + 1))
    found = iou_from_confusion(confusion_matrix(prediction, mask, CLASSES))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_iou_of_a_split_comes_from_summed_counts():
    parts = [(labels(9, 9, seed=s), labels(9, 9, seed=s + 10)) for s in range(3)]
    summed = sum(confusion_matrix(p, m, CLASSES) for p, m in parts)
    prediction, mask = (torch.cat([part[k] for part in parts]).flatten().numpy() for k in (0, 1))
    expected = jaccard_score(mask, prediction, average=None, labels=range(CLASSES + 1))
    np.testing.assert_allclose(iou_from_confusion(summed).numpy(), expected, rtol=1e-12)


def test_only_a_class_that_nobody_holds_has_no_iou():
    prediction, mask = (
        torch.tensor([[0, 1, 1]]),
        torch.tensor([[0, 0, 3]]),
    )  # 1 only predicted, 3 only in the mask
    found = iou_from_confusion(confusion_matrix(prediction, mask, 4)).tolist()
    assert found[:2] == [0.5, 0.0]
    assert found[3] == 0.0
    assert np.isnan([found[2], found[4]]).all()


def test_iou_is_taken_over_leading_dimensions():
    stack = torch.stack([confusion_matrix(labels(9, 9, seed=s), labels(9, 9, seed=9), CLASSES) for s in range(3)])
    alone = torch.stack([iou_from_confusion(matrix) for matrix in stack])
    assert torch.equal(iou_from_confusion(stack), alone)


def test_counts_beyond_32_bits_are_exact():
    large = 3_000_000_000
    assert iou_from_confusion(torch.tensor([[large, large], [0, large]])).tolist() == [0.5, 0.5]


def test_false_positives_and_negatives_by_hand():
    confusion = torch.tensor([[50, 10, 0, 0], [5, 20, 5, 0], [0, 0, 8, 0], [0, 0, 0, 0]])
    # class 1: 10 of 40 over, 10 of 40 under; class 2: 5 of 13 over, 0 under; class 3 is absent
    over, under = over_and_under_activation(confusion)
    assert over == pytest.approx((10 / 40 + 5 / 13) / 2)
    assert under == pytest.approx((10 / 40 + 0) / 2)


def test_iou_and_both_errors_share_one_union():
    confusion = confusion_matrix(labels(40, 50), mask_with_void(40, 50), CLASSES)
    assert sum(over_and_under_activation(confusion)) + float(iou_from_confusion(confusion)[1:].mean()) == pytest.approx(
        1
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_sweep_equals_one_argmax_per_threshold(seed):
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randperm(CLASSES, generator=generator)[: 1 + seed % CLASSES] + 1  # unsorted
    scores = torch.rand(len(classes), 30, 40, generator=generator)
    mask = mask_with_void(30, 40, seed=seed)
    thresholds = [round(0.05 * k, 2) for k in range(1, 16)]
    found = threshold_sweep(scores, classes, mask, thresholds, CLASSES)
    assert found.dtype == torch.int64
    assert torch.equal(found, plain_sweep(scores, classes, mask, thresholds))


def test_thresholds_may_come_in_any_order_and_twice():
    scores, classes, mask = (
        torch.rand(2, 20, 20, generator=torch.Generator().manual_seed(0)),
        torch.tensor([3, 1]),
        labels(20, 20),
    )
    thresholds = [0.9, 0.1, 0.5, 0.1, 0.0, 1.0, -1.0, 2.0]
    found = threshold_sweep(scores, classes, mask, thresholds, CLASSES)
    assert torch.equal(found, plain_sweep(scores, classes, mask, thresholds))
    assert torch.equal(found[1], found[3])


@pytest.mark.parametrize("kind", [torch.float16, torch.float32])
def test_scores_equal_to_a_threshold_are_background(kind):
    thresholds = [0.05, 0.25, 0.3, 0.35, 0.7, 0.75]
    scores = torch.tensor(thresholds, dtype=kind)[
        torch.randint(6, (3, 25, 25), generator=torch.Generator().manual_seed(0))
    ]
    classes, mask = torch.tensor([2, 4, 1]), mask_with_void(25, 25)  # ties between classes as well
    found = threshold_sweep(scores, classes, mask, thresholds, CLASSES)
    assert torch.equal(found, plain_sweep(scores, classes, mask, thresholds))


def test_thresholds_are_compared_in_single_precision():
    score = torch.full((1, 1, 1), 0.35)  # 0.35 as float32 lies above 0.35 as float64
    found = threshold_sweep(score, torch.tensor([1]), torch.tensor([[1]]), [0.35, 0.3499999], 1)
    assert found[:, 1].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("classes", [[3, 1], [1, 3]])
def test_a_tie_between_classes_goes_to_the_first_map(classes):
    found = threshold_sweep(torch.full((2, 1, 1), 0.5), torch.tensor(classes), torch.tensor([[1]]), [0.2], CLASSES)
    assert found[0, 1].nonzero().flatten().tolist() == [classes[0]]


def test_without_maps_all_pixels_are_background():
    mask = mask_with_void(20, 20)
    found = threshold_sweep(torch.zeros(0, 20, 20), torch.zeros(0, dtype=torch.long), mask, [0.1, 0.5], CLASSES)
    expected = torch.zeros(2, CLASSES + 1, CLASSES + 1, dtype=torch.long)
    expected[:, :, 0] = torch.tensor([int((mask == c).sum()) for c in range(CLASSES + 1)])
    assert torch.equal(found, expected)


def test_a_mask_that_says_nothing_counts_nothing():
    mask = torch.full((5, 5), 255, dtype=torch.uint8)
    assert not threshold_sweep(torch.rand(1, 5, 5), torch.tensor([1]), mask, [0.1], CLASSES).any()
    assert not confusion_matrix(torch.zeros_like(mask), mask, CLASSES).any()


def test_another_value_can_be_ignored():
    scores, classes = torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0)), torch.tensor([1, 2])
    mask = mask_with_void(9, 9, void=77)
    found = threshold_sweep(scores, classes, mask, [0.4], CLASSES, ignore=77)
    assert torch.equal(found, plain_sweep(scores, classes, mask, [0.4], void=77))


@pytest.mark.parametrize("value", [CLASSES + 1, 254, -1])
def test_a_mask_value_that_is_no_class_is_refused(value):
    mask = torch.zeros(3, 3, dtype=torch.long)
    mask[1, 1] = value
    with pytest.raises(ValueError, match=f"holds class {value}"):
        confusion_matrix(torch.zeros_like(mask), mask, CLASSES)
    with pytest.raises(ValueError, match=f"holds class {value}"):
        threshold_sweep(torch.rand(1, 3, 3), torch.tensor([1]), mask, [0.1], CLASSES)


@pytest.mark.parametrize("value", [CLASSES + 1, 255, -1])
def test_a_prediction_that_is_no_class_is_refused(value):
    prediction = torch.full((3, 3), value)
    with pytest.raises(ValueError, match=f"holds class {value}"):
        confusion_matrix(prediction, torch.ones(3, 3, dtype=torch.long), CLASSES)


@pytest.mark.parametrize("classes", [[0], [CLASSES + 1], [-1], [1, 2]])
def test_maps_of_a_class_that_does_not_exist_are_refused(classes):
    with pytest.raises(ValueError, match="class"):
        threshold_sweep(torch.rand(1, 3, 3), torch.tensor(classes), torch.ones(3, 3).long(), [0.1], CLASSES)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 4\), the mask \(4, 3\)"):
        confusion_matrix(torch.zeros(3, 4).long(), torch.zeros(4, 3).long(), CLASSES)
    with pytest.raises(ValueError, match=r"\(3, 4\), the mask \(4, 3\)"):
        threshold_sweep(torch.zeros(1, 3, 4), torch.tensor([1]), torch.zeros(4, 3).long(), [0.1], CLASSES)


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64], ids=str)
def test_a_score_that_is_not_a_number_is_no_object_at_any_threshold(kind: torch.dtype) -> None:
    nan = torch.nan
    scores = torch.tensor([[[nan, nan, 0.6, nan]], [[nan, 0.4, nan, 0.1]]], dtype=kind)
    mask = torch.tensor([[0, 2, 1, 0]])
    found = threshold_sweep(scores, torch.tensor([1, 2]), mask, [0.0, 0.2, 0.5], 2)
    # predicted, pixel by pixel: 0 2 1 2, then 0 2 1 0, then 0 0 1 0
    expected = [confusion_matrix(torch.tensor([row]), mask, 2) for row in ([0, 2, 1, 2], [0, 2, 1, 0], [0, 0, 1, 0])]
    assert torch.equal(found, torch.stack(expected))


def test_infinite_scores_are_the_highest_and_the_lowest() -> None:
    scores = torch.tensor([[[torch.inf, -torch.inf]]])
    found = threshold_sweep(scores, torch.tensor([1]), torch.tensor([[1, 0]]), [-5.0, 5.0], 1)
    assert torch.equal(found, torch.eye(2, dtype=torch.int64).expand(2, 2, 2))
