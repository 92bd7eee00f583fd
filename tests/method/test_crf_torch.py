"""The dense CRF in PyTorch: an engine's promises, pydensecrf's numbers, several photos at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from puzzlecam_cli.method import crf_torch
from puzzlecam_cli.method.constants import LABEL_KERNELS, PREDICTION_KERNELS, Kernels
from puzzlecam_cli.method.crf import DenseCrf
from puzzlecam_cli.method.crf_torch import MANY, TorchField, TorchFields
from puzzlecam_cli.testing import check_crf_engine
from puzzlecam_cli.testing.crf_engine import mean_field

KERNELS = {"labels": LABEL_KERNELS, "predictions": PREDICTION_KERNELS, "others": Kernels(1.5, 4, 30, 7, 5)}


def photo(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth colours with an edge: (H, W, 3)."""
    rows, columns = np.indices((height, width))
    shades = [120 + 60 * np.sin(rows / (9 + seed) + colour) + 3 * (columns > width // 2) * 20 for colour in range(3)]
    grain = np.random.default_rng(seed).integers(-6, 7, (height, width, 3))
    made: NDArray[np.uint8] = (np.stack(shades, axis=-1) + grain).clip(0, 255).astype(np.uint8)
    return made


def energies(labels: int, height: int, width: int, seed: int = 1) -> NDArray[np.float32]:
    """(K, H·W)."""
    noise = torch.randn(labels, height * width, generator=torch.Generator().manual_seed(seed))
    noise[0, : height * width // 2] += 1
    found: NDArray[np.float32] = noise.log_softmax(0).neg().numpy()
    return found


def test_it_keeps_the_promises_of_an_engine() -> None:
    check_crf_engine("torch")


@pytest.mark.parametrize("kernels", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("labels", [2, 3, 21])
@pytest.mark.parametrize("iterations", [1, 10])
def test_it_gives_what_pydensecrf_gives(labels: int, iterations: int, kernels: Kernels) -> None:
    pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf2 has no build for Python 3.13")
    from puzzlecam_cli.method.crf_pydensecrf import PydensecrfField

    image, unary = photo(60, 83), energies(labels, 60, 83)
    expected = PydensecrfField(image, labels, kernels).infer(unary, iterations)
    found = TorchField(image, labels, kernels).infer(unary, iterations)
    assert np.abs(expected - mean_field_start(unary)).max() > 0.05, "the CRF did nothing"
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-4)
    assert np.abs(found - expected).mean() < 1e-5
    assert (found.argmax(0) == expected.argmax(0)).mean() > 0.999


def mean_field_start(unary: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = torch.from_numpy(-unary).softmax(0).numpy()
    return found


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (9, 11), (16, 24)])
def test_a_small_photo_comes_near_to_the_plain_sums(size: tuple[int, int]) -> None:
    image, unary, kernels = photo(*size), energies(3, *size), Kernels(2, 1, 20, 30, 2)
    found = TorchField(image, 3, kernels).infer(unary, 3)
    assert np.abs(found - mean_field(image, unary, kernels, 3)).mean() < 0.02


@pytest.mark.parametrize("labels", [2, MANY - 1, MANY])
def test_several_photos_at_once_are_as_one_after_the_other(labels: int) -> None:
    sizes = [(20, 31), (31, 20), (1, 5), (20, 31)]
    images = [photo(*size, seed=number) for number, size in enumerate(sizes)]
    unaries = [energies(labels, *size, seed=number) for number, size in enumerate(sizes)]
    found = TorchFields([torch.from_numpy(image) for image in images], LABEL_KERNELS).infer(
        [torch.from_numpy(unary) for unary in unaries], 5
    )
    for image, unary, several in zip(images, unaries, found, strict=True):
        alone = TorchField(image, labels, LABEL_KERNELS).infer(unary, 5)
        np.testing.assert_allclose(several.numpy(), alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("block", [1, 100, 619, 620])
@pytest.mark.parametrize("labels", [3, MANY])
def test_blocks_of_pixels_change_nothing(monkeypatch: pytest.MonkeyPatch, labels: int, block: int) -> None:
    image, unary = photo(20, 31), energies(labels, 20, 31)
    whole = TorchField(image, labels, LABEL_KERNELS).infer(unary, 3)
    monkeypatch.setattr(crf_torch, "BLOCK", block)
    np.testing.assert_allclose(TorchField(image, labels, LABEL_KERNELS).infer(unary, 3), whole, rtol=0, atol=1e-6)


def test_great_energies_stay_finite() -> None:
    unary = energies(3, 20, 31) * 1e4
    found = TorchField(photo(20, 31), 3, LABEL_KERNELS).infer(unary, 2)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(0), 1, rtol=0, atol=1e-5)


def test_a_photo_of_the_same_size_shares_the_lattice_of_places() -> None:
    crf_torch._smoothness.cache_clear()
    for seed in range(3):
        TorchField(photo(20, 31, seed), 2, LABEL_KERNELS)
    assert crf_torch._smoothness.cache_info()[:2] == (2, 1)


def test_large_lattices_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    crf_torch._smoothness.cache_clear()
    monkeypatch.setattr(crf_torch, "KEPT", 20 * 31 - 1)
    TorchField(photo(20, 31), 2, LABEL_KERNELS)
    assert crf_torch._smoothness.cache_info().currsize == 0


def test_it_is_an_engine_by_name() -> None:
    image, given = photo(20, 31), torch.from_numpy(energies(3, 20, 31)).neg().exp().reshape(3, 20, 31)
    found = DenseCrf(torch.from_numpy(image), 3, engine="torch").infer(given, 4)
    unary = given.clamp(1e-5, 1).log().neg().reshape(3, -1).numpy()
    assert np.array_equal(found.reshape(3, -1).numpy(), TorchField(image, 3, PREDICTION_KERNELS).infer(unary, 4))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("labels", [2, 21])
def test_a_gpu_gives_what_a_processor_gives(labels: int) -> None:
    sizes = [(60, 83), (40, 50)]

    def inferred(device: str) -> list[Tensor]:
        images = [torch.from_numpy(photo(*size)).to(device) for size in sizes]
        unaries = [torch.from_numpy(energies(labels, *size)).to(device) for size in sizes]
        return [found.cpu() for found in TorchFields(images, LABEL_KERNELS).infer(unaries, 10)]

    for found, expected in zip(inferred("cuda"), inferred("cpu"), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=5e-4)
