"""The puzzle module: exact tiling, Eq. (2)-(7) worked out by hand."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.puzzle import (
    alpha_at,
    classification_loss,
    merge,
    pool,
    puzzle_loss,
    reconstruction_loss,
    tile,
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def soft_margin(logits: list[list[float]], labels: list[list[float]]) -> float:
    """Eq. (2)-(3) in plain Python: the mean of log(1 + exp(−z)) for tags, log(1 + exp(z)) for others."""
    terms = [
        log(1 + exp(-z if y else z))
        for row, tags in zip(logits, labels, strict=True)
        for z, y in zip(row, tags, strict=True)
    ]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_tiles_are_the_images_rectangles_position_by_position(rows):
    images = random(3, 2, 6 * rows, 4 * rows)
    expected = [
        images[b, :, r * 6 : (r + 1) * 6, c * 4 : (c + 1) * 4]
        for r in range(rows)
        for c in range(rows)
        for b in range(3)
    ]
    torch.testing.assert_close(tile(images, rows), torch.stack(expected), rtol=0, atol=0)


def test_four_pixels_become_four_tiles_row_by_row():
    assert tile(torch.tensor([[[[1, 2], [3, 4]]]])).flatten().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_merge_undoes_tile(rows):
    images = random(2, 3, 6 * rows, 10 * rows)
    assert torch.equal(merge(tile(images, rows), rows), images)


def test_merge_puts_maps_of_another_size_where_their_tiles_were():
    maps = torch.arange(4.0)[:, None, None, None].expand(4, 1, 2, 3)
    expected = torch.tensor([[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2, dtype=torch.float)
    assert torch.equal(merge(maps)[0, 0], expected)


@pytest.mark.parametrize(("size", "rows"), [((5, 4), 2), ((4, 5), 2), ((6, 8), 3)])
def test_sides_that_cannot_be_cut_are_refused(size, rows):
    with pytest.raises(ValueError, match=f"{size[0]}×{size[1]} into {rows}×{rows}"):
        tile(torch.zeros(1, 1, *size), rows)


def test_tiles_that_form_no_grid_are_refused():
    with pytest.raises(ValueError, match="6 tiles"):
        merge(torch.zeros(6, 1, 2, 2))


def test_pooling_is_the_mean_over_the_grid():
    assert pool(torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, -4.0]]]])).tolist() == [[3.0, -1.0]]


def test_classification_loss_is_the_soft_margin():
    logits, labels = [[0.3, -1.2, 2.0], [0.0, 4.0, -5.0]], [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    loss = classification_loss(torch.tensor(logits), torch.tensor(labels))
    assert float(loss) == pytest.approx(soft_margin(logits, labels), rel=1e-6)


def test_half_precision_logits_lose_nothing_to_the_loss():
    logits = [[0.25, -1.5, 60.0, -3.0]]  # exact in float16, in which e⁶⁰ overflows and their loss has three digits
    loss = classification_loss(torch.tensor(logits, dtype=torch.float16), torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    assert loss.item() == pytest.approx(soft_margin(logits, [[1.0, 0.0, 0.0, 0.0]]), rel=1e-6)


# Two images, two classes, maps of 1 × 2. Mean distances: 1.5 and 4 in the first image, 1 and 3 in the second.
WHOLE = torch.tensor([[[[1.0, 2.0]], [[-4.0, 4.0]]], [[[0.0, 0.0]], [[1.0, 5.0]]]])
PUZZLE = torch.tensor([[[[0.0, 0.0]], [[0.0, 0.0]]], [[[1.0, 1.0]], [[-1.0, 1.0]]]])
TAGS = torch.tensor([[1.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("labels", "reduction", "expected"),
    [
        (None, "mean", (1.5 + 4 + 1 + 3) / 4),
        (None, "per_tag", (1.5 + 4 + 1 + 3) / 4),
        (TAGS, "mean", (1.5 + 1 + 3) / 4),  # absent classes stay in the denominator
        (TAGS, "per_tag", (1.5 + 1 + 3) / 3),
    ],
)
def test_reconstruction_loss_by_hand(labels, reduction, expected):
    assert float(reconstruction_loss(WHOLE, PUZZLE, labels, reduction)) == pytest.approx(expected)


def test_images_without_tags_have_no_reconstruction_loss():
    for reduction in ("mean", "per_tag"):
        assert float(reconstruction_loss(WHOLE, PUZZLE, torch.zeros(2, 2), reduction)) == 0


def test_only_the_mean_fades_with_classes_that_no_image_shows():
    def widen(x: Tensor) -> Tensor:
        return torch.cat([x, torch.zeros_like(x)], dim=1)

    for reduction, factor in (("mean", 0.5), ("per_tag", 1.0)):
        narrow = reconstruction_loss(WHOLE, PUZZLE, TAGS, reduction)
        wide = reconstruction_loss(widen(WHOLE), widen(PUZZLE), widen(TAGS), reduction)
        assert float(wide) == pytest.approx(factor * float(narrow))


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.0), (1, 4 / 2475), (495, 0.8), (2474, 4 * 2474 / 2475), (2475, 4.0), (4949, 4.0)],
)
def test_alpha_ramps_over_the_first_half_of_the_authors_training(step, expected):
    assert alpha_at(step, 4950) == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize(("step", "ramp", "expected"), [(0, 0.0, 3.0), (5, 1.0, 1.5), (10, 1.0, 3.0), (1, 0.2, 1.5)])
def test_alpha_follows_its_ramp(step, ramp, expected):
    assert alpha_at(step, 10, alpha=3.0, ramp=ramp) == pytest.approx(expected)


@pytest.mark.parametrize(("alpha", "classify_tiles"), [(0.0, False), (0.0, True), (2.5, False), (2.5, True)])
def test_the_four_rows_of_table_1_sum_their_losses(alpha, classify_tiles):
    losses = puzzle_loss(WHOLE, PUZZLE, TAGS, alpha, classify_tiles=classify_tiles)
    whole = soft_margin([[1.5, 0.0], [0.0, 3.0]], TAGS.tolist())
    tiles = soft_margin([[0.0, 0.0], [1.0, 0.0]], TAGS.tolist())
    distance = (1.5 + 1 + 3) / 4
    assert float(losses["loss_cls"]) == pytest.approx(whole, rel=1e-6)
    assert float(losses["loss_p_cls"]) == pytest.approx(tiles, rel=1e-6)
    assert float(losses["loss_re"]) == pytest.approx(distance, rel=1e-6)
    expected = whole + alpha * distance + (tiles if classify_tiles else 0)
    assert float(losses["loss"]) == pytest.approx(expected, rel=1e-6)
    assert set(losses) == {"loss", "loss_cls", "loss_p_cls", "loss_re"}


@pytest.mark.parametrize(("mask", "reduction", "expected"), [("none", "mean", 9.5 / 4), ("labels", "per_tag", 5.5 / 3)])
def test_the_comparison_is_masked_and_averaged_as_asked(mask, reduction, expected):
    losses = puzzle_loss(WHOLE, PUZZLE, TAGS, 1.0, mask=mask, reduction=reduction)
    assert float(losses["loss_re"]) == pytest.approx(expected)


def test_cams_are_compared_after_relu_and_division_by_their_maximum():
    losses = puzzle_loss(WHOLE, PUZZLE, TAGS, 1.0, compare="cams", mask="none")
    # whole: (½, 1), (0, 1), (0, 0), (1/5, 1); puzzle: zeros, zeros, (1, 1), (0, 1)
    expected = (0.75 + 0.5 + 1 + 0.1) / 4
    assert float(losses["loss_re"]) == pytest.approx(expected, abs=1e-4)  # the division adds 1e-5
    raw = puzzle_loss(WHOLE, PUZZLE, TAGS, 1.0)
    assert torch.equal(losses["loss_cls"], raw["loss_cls"])
    assert torch.equal(losses["loss_p_cls"], raw["loss_p_cls"])


@pytest.mark.parametrize("compare", ["features", "cams"])
@pytest.mark.parametrize("detach", ["none", "whole", "tiles"])
def test_the_comparison_trains_both_branches_unless_one_is_detached(detach, compare):
    whole, puzzle = random(2, 3, 4, 4).requires_grad_(), random(2, 3, 4, 4, seed=1).requires_grad_()
    losses = puzzle_loss(whole, puzzle, torch.ones(2, 3), 1.0, detach=detach, compare=compare)
    gradients = torch.autograd.grad(losses["loss_re"], [whole, puzzle], allow_unused=True, retain_graph=True)
    assert [g is not None and bool(g.abs().sum() > 0) for g in gradients] == [
        detach != "whole",
        detach != "tiles",
    ]
    # the classification losses reach their branch in any case
    losses["loss"].backward()
    assert float(whole.grad.abs().sum()) > 0
    assert float(puzzle.grad.abs().sum()) > 0


def test_absent_classes_get_no_gradient_from_the_comparison():
    whole = random(1, 2, 3, 3).requires_grad_()
    loss = puzzle_loss(whole, random(1, 2, 3, 3, seed=1), torch.tensor([[1.0, 0.0]]), 1.0)["loss_re"]
    (gradient,) = torch.autograd.grad(loss, whole)
    # d/dx of the mean of |x − y| over 18 values
    assert torch.allclose(gradient[0, 0].abs(), torch.full((3, 3), 1 / 18))
    assert not gradient[0, 1].any()


def test_tiles_left_out_of_the_sum_get_no_classification_gradient():
    puzzle = random(2, 2, 2, 2).requires_grad_()
    losses = puzzle_loss(random(2, 2, 2, 2, seed=1), puzzle, torch.ones(2, 2), 0.0, classify_tiles=False)
    losses["loss"].backward()
    assert not puzzle.grad.any()


# Two images, two classes, maps of 1 × 2 cells. Image 0 has class 0, image 1 both. |whole − 0| is, map by map:
# image 0: (1, 3) and (0, 4); image 1: (2, 2) and (1, 5).
MAPS = torch.tensor([[[[1.0, 3.0]], [[0.0, 4.0]]], [[[2.0, 2.0]], [[1.0, 5.0]]]])
PRESENT = torch.tensor([[1.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("mask", "reduction", "distance", "expected"),
    [
        ("labels", "mean", "l1", (2 + 2 + 3) / 4),  # absent maps count as 0
        ("labels", "per_tag", "l1", (2 + 2 + 3) / 3),
        ("selection", "mean", "l1", (2 + (2 + 3) / 2) / 2),  # each image's own mean first
        ("none", "mean", "l1", (2 + 2 + 2 + 3) / 4),
        ("labels", "mean", "l2", (5 + 4 + 13) / 4),
        ("labels", "per_tag", "l2", (5 + 4 + 13) / 3),
        ("selection", "mean", "l2", (5 + (4 + 13) / 2) / 2),
        ("none", "mean", "l2", (5 + 8 + 4 + 13) / 4),
    ],
)
def test_every_form_of_the_reconstruction_loss_has_its_hand_computed_value(
    mask: str, reduction: str, distance: str, expected: float
) -> None:
    options: dict[str, Any] = {"mask": mask, "reduction": reduction, "distance": distance}
    losses = puzzle_loss(MAPS, torch.zeros_like(MAPS), PRESENT, alpha=1.0, **options)
    assert losses["loss_re"].item() == pytest.approx(expected, rel=1e-6)


def test_an_image_without_tags_adds_nothing_to_a_selection() -> None:
    tags = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    losses = puzzle_loss(MAPS, torch.zeros_like(MAPS), tags, alpha=1.0, mask="selection")
    assert losses["loss_re"].item() == pytest.approx(2 / 2)
