"""Confident labels against formulas by hand, and pydensecrf called directly where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.labels import best, confident_labels, enlarged, pseudo_labels, winners, with_lost_classes

HEIGHT, WIDTH = 20, 30
KERNELS = {"smooth_xy": 3.0, "smooth_weight": 3.0, "colour_xy": 80.0, "colour_rgb": 13.0, "colour_weight": 10.0}
CLASSES = torch.tensor([3, 7], dtype=torch.int16)


def photo() -> Tensor:
    """Two grainy halves, red and blue."""
    image = torch.randint(60, (HEIGHT, WIDTH, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    image[:, : WIDTH // 2, 0] += 150
    image[:, WIDTH // 2 :, 2] += 150
    return image


def maps() -> Tensor:
    """Noise on a slope to the right for one class, to the bottom for the other."""
    noise = torch.rand(2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    right = torch.linspace(0, 1, WIDTH).expand(HEIGHT, WIDTH)
    down = torch.linspace(0, 1, HEIGHT)[:, None].expand(HEIGHT, WIDTH) ** 2
    return torch.stack([right, down]) * 0.7 + noise / 4


def labels(**changes: Any) -> Tensor:
    options = {"foreground": 0.6, "background": 0.3, "iterations": 0, "confidence": 0.7} | KERNELS | changes
    return confident_labels(photo(), maps(), CLASSES, **options)


def merged(sure_object: Tensor, maybe_object: Tensor) -> Tensor:
    """Pixel by pixel: an object, else background where even the weak rule says so, else 255."""
    names = [0, 3, 7]
    rows = [
        [names[s] if s else (255 if m else 0) for s, m in zip(a, b, strict=True)]
        for a, b in zip(sure_object.tolist(), maybe_object.tolist(), strict=True)
    ]
    return torch.tensor(rows, dtype=torch.uint8)


def contest(power: float) -> Tensor:
    """(3, H, W): the background's score (1 − max)^power, then the maps."""
    background = (1 - maps().max(dim=0).values) ** power
    return torch.stack([background, *maps()])


def directly(scores: Tensor, iterations: int) -> Tensor:
    """AffinityNet's CRF: −log of the scores as they are, clipped."""
    from pydensecrf import densecrf

    field: Any = densecrf.DenseCRF2D(WIDTH, HEIGHT, len(scores))
    field.setUnaryEnergy(np.ascontiguousarray(-np.log(scores.clamp(1e-5, 1).numpy()).reshape(len(scores), -1)))
    field.addPairwiseGaussian(sxy=3, compat=3)
    field.addPairwiseBilateral(sxy=80, srgb=13, rgbim=photo().numpy().copy(), compat=10)
    best = np.array(field.inference(iterations)).reshape(scores.shape).argmax(axis=0)
    return torch.from_numpy(best)


def test_constants_cut_the_maps_twice():
    cut = [torch.stack([torch.full((HEIGHT, WIDTH), level), *maps()]).argmax(dim=0) for level in (0.6, 0.3)]
    expected = merged(*cut)
    assert torch.equal(labels(), expected)
    assert set(expected.unique().tolist()) == {0, 3, 7, 255}


@pytest.mark.parametrize("powers", [(4.0, 32.0), (1.0, 2.0), (4.0, 4.0)])
def test_powers_let_the_maps_compete_with_the_background_twice(powers):
    expected = merged(*(contest(power).argmax(dim=0) for power in powers))
    assert torch.equal(labels(powers=powers), expected)
    assert set(expected.unique().tolist()) == ({0, 3, 7} if powers[0] == powers[1] else {0, 3, 7, 255})


@pytest.mark.skipif(find_spec("pydensecrf") is None, reason="pydensecrf is not installed")
@pytest.mark.parametrize("iterations", [1, 10])
def test_with_powers_the_crf_refines_the_scores(iterations):
    expected = merged(*(directly(contest(power), iterations) for power in (1.0, 3.0)))
    made = labels(powers=(1.0, 3.0), iterations=iterations)
    assert torch.equal(made, expected)
    assert not torch.equal(made, labels(powers=(1.0, 3.0))), "the CRF did nothing"
    assert torch.equal(labels(powers=(1.0, 3.0), iterations=iterations, foreground=1.0, confidence=0.9), expected)


@pytest.mark.parametrize("powers", [None, (4.0, 32.0)])
@pytest.mark.parametrize("iterations", [0, 2])
def test_a_photo_without_tags_is_background(powers, iterations):
    options = {"foreground": 0.6, "background": 0.3, "confidence": 0.7, "powers": powers, "iterations": iterations}
    made = confident_labels(photo(), torch.zeros(0, HEIGHT, WIDTH), torch.zeros(0, dtype=torch.int16), **options)
    assert made.shape == (HEIGHT, WIDTH)
    assert not made.any()


NAN = torch.nan


@pytest.mark.parametrize("value", [torch.float32, torch.float16])
def test_a_score_that_is_not_a_number_never_wins(value: torch.dtype) -> None:
    scores = torch.tensor([[[NAN, NAN, 0.6, 0.2]], [[NAN, 0.4, NAN, 0.9]]], dtype=value)
    assert winners(scores, 0.3).tolist() == [[0, 2, 1, 2]]
    assert best(scores).tolist() == [[0, 1, 0, 1]]
    assert scores[0, 0, 0].isnan(), "the scores are left as they are"


def test_pseudo_labels_of_scores_that_are_no_numbers_are_background() -> None:
    options = {"background": 0.3, "iterations": 2, "confidence": 0.7} | KERNELS
    assert not pseudo_labels(photo(), torch.full((2, HEIGHT, WIDTH), NAN), CLASSES, **options).any()


def test_enlarged_labels_have_smooth_borders_and_no_new_label() -> None:
    rows = torch.arange(16)[:, None]
    labels = torch.where(rows + torch.arange(24) < 20, 0, 7).to(torch.uint8)  # a border aslant
    labels[3:6, 3:6] = 255
    found = enlarged(labels, (160, 240))
    assert found.dtype == torch.uint8
    assert found.unique().tolist() == [0, 7, 255]
    middles = found[5::10, 5::10]
    assert (middles == labels).float().mean() > 0.99
    aslant = (torch.arange(160)[:, None] + torch.arange(240)) / 10
    right = torch.where(aslant < 20.5, 0, 7)  # half-way between the middles of the cells beside the border
    blocks = labels.repeat_interleave(10, 0).repeat_interleave(10, 1)
    far = found != 255
    assert ((found != right) & far).sum() < ((blocks != right) & far).sum() / 2


def test_labels_of_the_right_size_stay_as_they_are() -> None:
    labels = torch.randint(0, 255, (7, 9), dtype=torch.uint8)
    assert enlarged(labels, (7, 9)) is labels
    assert enlarged(torch.full((1, 1), 3, dtype=torch.uint8), (2, 5)).tolist() == [[3] * 5] * 2


def test_a_class_that_new_labels_lack_keeps_its_pixels() -> None:
    before = torch.tensor([[1, 1, 2, 2], [0, 3, 255, 2]], dtype=torch.uint8)
    labels = torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0]], dtype=torch.uint8)
    wanted = [[0, 1, 2, 2], [0, 3, 0, 2]]  # 2 and 3 are back where they were; 1 is where it is found, 255 is none
    assert with_lost_classes(labels, before).tolist() == wanted
    exchanged, back = torch.tensor([[2, 2, 0, 0]], dtype=torch.uint8), torch.tensor([[1, 1, 2, 2]], dtype=torch.uint8)
    assert torch.equal(with_lost_classes(exchanged, back), back)  # 1 takes all of what was 2
    everywhere = torch.full_like(before, 1)
    assert torch.equal(with_lost_classes(everywhere, everywhere * 0), everywhere)  # background need not be there
