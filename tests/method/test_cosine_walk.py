"""Affinities of cosines, and walks along them, against loops over pairs and powers of dense matrices."""

from __future__ import annotations

from itertools import product
from math import hypot

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.method.affinity import cosines_to_affinity
from puzzlecam_cli.method.paths import neighbour_offsets
from puzzlecam_cli.method.random_walk import cosine_walk
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.cosine_net import CosineNet

SIZE = (7, 11)
RADIUS = 3


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(x: Tensor, y: Tensor) -> float:
    lengths = float(x.norm() * y.norm())
    return max(float(x @ y) / lengths, 0.0) if lengths else 0.0


def test_affinities_of_cosines_equal_a_loop_over_all_pairs() -> None:
    features = random(2, 4, *SIZE)
    features[0, :, 3, 5] = 0  # a cell without a direction
    affinity = cosines_to_affinity(features, RADIUS)
    margin, (height, width) = RADIUS - 1, SIZE
    assert affinity.shape == (2, len(neighbour_offsets(RADIUS)), height - margin, width - 2 * margin)
    found = set()
    for image, (number, (down, right)) in product(range(2), enumerate(neighbour_offsets(RADIUS))):
        for y, x in product(range(height - margin), range(margin, width - margin)):
            wanted = cosine(features[image, :, y, x], features[image, :, y + down, x + right])
            assert float(affinity[image, number, y, x - margin]) == pytest.approx(wanted, abs=1e-12)
            found.add(wanted == 0)
    assert found == {True, False}, "both unlike and alike pairs are tried"


@pytest.mark.parametrize(("beta", "log2_steps"), [(1.0, 0), (12.0, 6)])
def test_the_walk_equals_the_power_of_the_dense_matrix(beta: float, log2_steps: int) -> None:
    features, scores = random(4, *SIZE).abs(), random(2, *SIZE, seed=1).abs()
    cells = list(product(range(SIZE[0]), range(SIZE[1])))
    matrix = np.zeros((len(cells), len(cells)))
    for (i, (y, x)), (j, (v, u)) in product(enumerate(cells), repeat=2):
        if hypot(v - y, u - x) < RADIUS:
            matrix[i, j] = cosine(features[:, y, x], features[:, v, u]) ** beta
    walked = scores.reshape(2, -1).numpy() @ np.linalg.matrix_power(matrix / matrix.sum(axis=0), 2**log2_steps)
    options = {"stride": 1, "radius": RADIUS, "beta": beta, "log2_steps": log2_steps, "tolerance": 0.0}
    found = cosine_walk(scores, features, **options)
    np.testing.assert_allclose(found.reshape(2, -1).numpy(), walked, atol=1e-11)


class Maps(nn.Module):
    """Five maps of ceil(side / stride) cells."""

    def __init__(self, strides: tuple[int, ...]):
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(3, 6, 3, stride, 1) for stride in strides)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [each(images).relu() + 0.1 for each in self.maps]  # no cell without a direction


def network(strides: tuple[int, ...]) -> CosineNet:
    torch.manual_seed(0)
    return CosineNet(Backbone(Maps(strides), [6] * 5, strides)).eval()


@pytest.mark.parametrize("strides", [(8,) * 5, (4, 4, 8, 16, 16), (14,) * 5, (2, 4, 8, 16, 32)], ids=str)
def test_two_cells_are_as_alike_as_they_are_in_each_map_on_average(strides: tuple[int, ...]) -> None:
    made, images = network(strides), random(1, 3, 224, 224).float()
    with torch.no_grad():
        (affinity,) = made.affinity(made.features(images), RADIUS)
        levels = [nn.functional.interpolate(x, (28, 28), mode="bilinear") for x in made.backbone(images)]
    for number, (down, right) in enumerate(neighbour_offsets(RADIUS)):
        for y, x in ((0, 4), (3, 6), (4, 9)):
            pairs = [(level[0, :, y, x], level[0, :, y + down, x + right]) for level in levels]
            wanted = np.mean([cosine(*pair) for pair in pairs])
            assert float(affinity[number, y, x - RADIUS + 1]) == pytest.approx(wanted, abs=1e-5)


def test_photos_of_any_size_are_walked_and_nothing_is_there_to_train() -> None:
    made, images = network((4, 4, 8, 16, 16)), random(2, 3, 50, 71).float()
    assert tuple(made.features(images).shape) == (2, 30, 7, 9)
    scores = torch.rand(2, 3, 13, 18, generator=torch.Generator().manual_seed(0))
    walked = made.walk(images)(scores, radius=3, beta=2, log2_steps=4)
    assert walked.shape == scores.shape
    assert 0 < float(walked.min()) < float(walked.max()) <= 1
    assert not [name for name, parameter in made.named_parameters() if parameter.requires_grad]
    assert made.state_dict().keys() == {f"backbone.{name}" for name in made.backbone.state_dict()}
