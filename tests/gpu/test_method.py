"""Walk, affinities and dense CRF."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.affinity import affinity_labels, affinity_loss, edges_to_affinity, features_to_affinity
from puzzlecam_cli.method.constants import LABEL_KERNELS, PREDICTION_KERNELS, Kernels
from puzzlecam_cli.method.crf_torch import TorchFields
from puzzlecam_cli.method.random_walk import TOLERANCE, feature_walk, random_walk
from tests.gpu.beside import Beside, distance


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("maps", [1, 3])
def test_a_walk_along_boundaries_errs_by_no_more_than_twice_its_tolerance(beside: Beside, maps: int) -> None:
    scores, edges = noise(2, maps, 31, 42), noise(2, 31, 42, seed=1) ** 4
    expected = random_walk(scores, edges)
    with beside.computing():
        found = random_walk(scores.to(beside.device), edges.to(beside.device))
    assert found.device.type == beside.device.type
    for walked, as_on_cpu in zip(found.flatten(0, 1), expected.flatten(0, 1), strict=True):
        assert distance(walked, as_on_cpu) < 2 * TOLERANCE


def test_a_walk_along_features_errs_by_no_more_than_twice_its_tolerance(beside: Beside) -> None:
    scores, features = noise(3, 31, 42), 3 * noise(8, 16, 21, seed=1)
    expected = feature_walk(scores, features)
    with beside.computing():
        found = feature_walk(scores.to(beside.device), features.to(beside.device))
    for walked, as_on_cpu in zip(found, expected, strict=True):
        assert distance(walked, as_on_cpu) < 2 * TOLERANCE


def trained_affinity(edges: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The affinities of a radius of 5, and the gradient of their loss on the edges."""
    edges = edges.clone().requires_grad_()
    affinity = edges_to_affinity(edges, 5)
    affinity_loss(affinity, *affinity_labels(labels, 5)).backward()
    assert edges.grad is not None
    return affinity.detach(), edges.grad


def test_affinities_of_edges_are_equal_and_their_gradients_within_rounding(beside: Beside) -> None:
    edges = noise(2, 30, 40)
    labels = (noise(2, 10, 10, seed=1) * 4).long().repeat_interleave(3, 1).repeat_interleave(4, 2)
    affinity, gradient = trained_affinity(edges, labels)
    with beside.computing():
        found = trained_affinity(edges.to(beside.device), labels.to(beside.device))
    assert torch.equal(found[0].cpu(), affinity)
    assert distance(found[1], gradient) < 1e-5


def test_affinities_of_features_and_their_gradients_are_equal_within_rounding(beside: Beside) -> None:
    def of(features: Tensor) -> tuple[Tensor, Tensor]:
        features = features.clone().requires_grad_()
        affinity = features_to_affinity(features, 5)
        (affinity * affinity).sum().backward()
        assert features.grad is not None
        return affinity.detach(), features.grad

    features = noise(2, 8, 20, 25)
    expected = of(features)
    with beside.computing():
        found = of(features.to(beside.device))
    for value, as_on_cpu in zip(found, expected, strict=True):
        assert distance(value, as_on_cpu) < 1e-5


@pytest.mark.parametrize("kernels", [PREDICTION_KERNELS, LABEL_KERNELS], ids=["prediction", "label"])
def test_the_dense_crf_of_two_photos_gives_equal_probabilities_within_rounding(
    beside: Beside, kernels: Kernels
) -> None:
    def of(device: torch.device) -> list[Tensor]:
        images = [(255 * noise(*size, 3)).to(torch.uint8).to(device) for size in ((24, 31), (19, 22))]
        unaries = [3 * noise(4, image.shape[0] * image.shape[1], seed=1).to(device) for image in images]
        return TorchFields(images, kernels).infer(unaries, 10)

    expected = of(torch.device("cpu"))
    with beside.computing():
        found = of(beside.device)
    for probabilities, as_on_cpu in zip(found, expected, strict=True):
        assert distance(probabilities, as_on_cpu) < 1e-4
