"""Class activation maps: Eq. (1), normalisation, mirrored views, and the sum over scales."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from puzzlecam_cli.method.cam import add_mirrored, class_activation_maps, normalize_cams, sum_scales


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear_weights(source: int, target: int) -> NDArray[np.float64]:
    """(target, source): bilinear interpolation with pixel centres at i + ½, clamped at the borders."""
    weights = np.zeros((target, source))
    for i in range(target):
        place = min(max((i + 0.5) * source / target - 0.5, 0), source - 1)
        below = int(place)
        above = min(below + 1, source - 1)
        weights[i, below] += 1 - (place - below)
        weights[i, above] += place - below
    return weights


def resize(maps: Tensor, size: tuple[int, int]) -> NDArray[np.float64]:
    rows, columns = linear_weights(maps.shape[-2], size[0]), linear_weights(maps.shape[-1], size[1])
    return np.einsum("yh,khw,xw->kyx", rows, maps.double().numpy(), columns)


def test_eq_1_weighs_the_features_of_each_cell():
    features, weight = random(2, 5, 3, 4), random(7, 5, seed=1)
    expected = torch.einsum("cd,bdhw->bchw", weight, features)
    torch.testing.assert_close(class_activation_maps(features, weight), expected)


def test_the_mean_of_a_map_is_the_logit_of_pooling_then_a_linear_layer():
    features, weight = random(2, 5, 3, 4), random(7, 5, seed=1)
    logits = features.mean(dim=(2, 3)) @ weight.T
    torch.testing.assert_close(class_activation_maps(features, weight).mean(dim=(2, 3)), logits)


def test_normalised_maps_lie_between_0_and_1_and_keep_their_order():
    maps = random(2, 3, 5, 6) * torch.tensor([1e-3, 1.0, 1e3])[:, None, None]
    normal = normalize_cams(maps)
    expected = maps.clamp(min=0).numpy() / (maps.clamp(min=0).numpy().max(axis=(2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(normal.numpy(), expected, rtol=1e-6)
    assert float(normal.min()) == 0
    assert float(normal.max()) < 1 + 1e-6
    assert normal[:, 1:].amax(dim=(2, 3)).min() > 0.999


def test_a_map_without_a_positive_cell_stays_zero():
    assert not normalize_cams(-torch.ones(1, 4, 4)).any()
    assert not normalize_cams(torch.zeros(2, 1, 4, 4)).any()


def test_mirrored_maps_are_turned_back_and_added_after_cutting_negative_parts():
    pair = torch.tensor([[[[1.0, -2.0, 3.0]]], [[[-10.0, 5.0, 7.0]]]])  # the second sees the mirror image
    assert add_mirrored(pair).tolist() == [[[1.0 + 7.0, 0.0 + 5.0, 3.0 + 0.0]]]


@pytest.mark.parametrize("size", [(64, 48), (37, 61), (16, 5), (1, 1), (375, 500)])
@pytest.mark.parametrize("stride", [4, 1])
@pytest.mark.parametrize("cell", [16, 8, 14, 32])
def test_scales_are_interpolated_summed_and_normalised(size, stride, cell):
    shapes = [(3, 4), (5, 7), (6, 9)]
    maps = [random(2, *shape, seed=seed).relu() for seed, shape in enumerate(shapes)]
    height, width = -(-size[0] // stride), -(-size[1] // stride)
    cells = (height, width) if stride == 4 else tuple(cell * -(-side // cell) for side in size)
    total = sum(resize(m, cells) for m in maps)[:, :height, :width]
    expected = total / (total.max(axis=(1, 2), keepdims=True) + 1e-5)
    result = sum_scales(maps, size, stride, cell)
    if cell == 16:
        assert torch.equal(result, sum_scales(maps, size, stride)), "the authors' cells are the default"
    assert result.shape == (2, height, width)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result.numpy(), expected, atol=2e-6)


def test_half_precision_maps_are_summed_in_single_precision():
    maps = [torch.full((1, 2, 2), 60000.0, dtype=torch.float16)] * 4  # their sum overflows float16
    result = sum_scales(maps, (8, 8), 4)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, torch.ones(1, 2, 2))


@pytest.mark.parametrize(("stride", "shape"), [(4, (0, 10, 16)), (1, (0, 37, 61))])
def test_a_photo_without_tags_has_no_maps(stride, shape):
    assert sum_scales([torch.zeros(0, 3, 4), torch.zeros(0, 5, 7)], (37, 61), stride).shape == shape


@pytest.mark.parametrize("stride", [0, 2, 8, 16])
def test_other_strides_are_refused(stride):
    with pytest.raises(ValueError, match="1 or 4"):
        sum_scales([torch.zeros(1, 3, 4)], (37, 61), stride)
