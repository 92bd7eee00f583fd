"""The dense CRF, against pydensecrf called directly where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from puzzlecam_cli.method.constants import LABEL_KERNELS, PREDICTION_KERNELS
from puzzlecam_cli.method.crf import DenseCrf, dense_crf, label_probabilities
from puzzlecam_cli.recipe.schema import LabelCrf, PredictionCrf

beside_pydensecrf = pytest.mark.skipif(find_spec("pydensecrf") is None, reason="pydensecrf is not installed")

HEIGHT, WIDTH = 24, 31
KERNELS = {"smooth_xy": 2.0, "smooth_weight": 4.0, "colour_xy": 30.0, "colour_rgb": 7.0, "colour_weight": 5.0}


def photo() -> Tensor:
    """Two grainy halves, red and blue."""
    image = torch.randint(60, (HEIGHT, WIDTH, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    image[:, : WIDTH // 2, 0] += 150
    image[:, WIDTH // 2 :, 2] += 150
    return image


def probabilities(labels: int, seed: int = 1) -> Tensor:
    noise = torch.randn(labels, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))
    noise[0, :, : WIDTH // 2] += 1
    return noise.softmax(0)


def directly(
    image: Tensor,
    unary: NDArray[np.float32],
    iterations: int,
    smooth_xy: float = 3,
    smooth_weight: float = 3,
    colour_xy: float = 80,
    colour_rgb: float = 13,
    colour_weight: float = 10,
) -> NDArray[np.float32]:
    """pydensecrf as its own README calls it; the defaults are the authors' for predictions."""
    from pydensecrf import densecrf

    field: Any = densecrf.DenseCRF2D(WIDTH, HEIGHT, len(unary))
    field.setUnaryEnergy(np.ascontiguousarray(unary.reshape(len(unary), -1)))
    field.addPairwiseGaussian(sxy=smooth_xy, compat=smooth_weight)
    field.addPairwiseBilateral(sxy=colour_xy, srgb=colour_rgb, rgbim=image.numpy().copy(), compat=colour_weight)
    return np.array(field.inference(iterations)).reshape(unary.shape)


def energies(given: Tensor) -> NDArray[np.float32]:
    return -np.log(np.clip(given.numpy(), 1e-5, 1))


@beside_pydensecrf
@pytest.mark.parametrize("iterations", [1, 10])
@pytest.mark.parametrize("labels", [2, 4])
def test_the_authors_kernels_are_the_default(labels, iterations):
    given = probabilities(labels)
    expected = directly(photo(), energies(given), iterations)
    refined = dense_crf(photo(), given, iterations=iterations)
    np.testing.assert_allclose(refined.numpy(), expected, rtol=0, atol=1e-5)
    assert refined.dtype == torch.float32
    torch.testing.assert_close(refined.sum(0), torch.ones(HEIGHT, WIDTH))
    assert (refined - given).abs().max() > 0.05, "the CRF did nothing"


@beside_pydensecrf
@pytest.mark.parametrize("engine", ["auto", "pydensecrf"])
def test_other_kernels_are_passed_on(engine):
    given = probabilities(3)
    expected = directly(photo(), energies(given), 5, **KERNELS)
    refined = dense_crf(photo(), given, iterations=5, engine=engine, **KERNELS)
    np.testing.assert_allclose(refined.numpy(), expected, rtol=0, atol=1e-5)


@beside_pydensecrf
@pytest.mark.parametrize("kernel", KERNELS)
def test_each_kernel_parameter_matters(kernel):
    given = probabilities(2)
    refined = dense_crf(photo(), given, iterations=2, **{kernel: KERNELS[kernel]})
    expected = directly(photo(), energies(given), 2, **{kernel: KERNELS[kernel]})
    np.testing.assert_allclose(refined.numpy(), expected, rtol=0, atol=1e-5)
    assert (refined - dense_crf(photo(), given, iterations=2)).abs().max() > 1e-4


@beside_pydensecrf
def test_certain_probabilities_are_clipped():
    given = torch.zeros(2, HEIGHT, WIDTH)
    given[0, :, :10] = given[1, :, 10:] = 1
    expected = directly(photo(), energies(given), 3)
    np.testing.assert_allclose(dense_crf(photo(), given, iterations=3).numpy(), expected, rtol=0, atol=1e-5)


def test_one_field_serves_several_unary_terms():
    field = DenseCrf(photo(), 3)
    for seed in (1, 2, 1):
        given = probabilities(3, seed)
        fresh = DenseCrf(photo(), 3).infer(given, 4)
        torch.testing.assert_close(field.infer(given, 4), fresh, rtol=0, atol=1e-6)


def test_a_later_result_does_not_overwrite_an_earlier_one():
    field = DenseCrf(photo(), 2)
    first = field.infer(probabilities(2, 1), 4)
    kept = first.clone()
    field.infer(probabilities(2, 2), 4)
    assert torch.equal(first, kept)


def test_the_input_stays_as_it_was():
    image, given = photo(), probabilities(2)
    dense_crf(image, given, iterations=3)
    assert torch.equal(image, photo())
    assert torch.equal(given, probabilities(2))


def test_a_read_only_or_strided_photo_is_accepted():
    array = photo().numpy()[:, ::-1]
    array.setflags(write=False)
    given = probabilities(2)
    turned = torch.from_numpy(array.copy())
    mirrored = photo().flip(1).permute(2, 0, 1).contiguous().permute(1, 2, 0)  # channels first in memory
    torch.testing.assert_close(
        dense_crf(mirrored, given, iterations=2), dense_crf(turned, given, iterations=2), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("iterations", [0, 5])
def test_one_label_needs_no_inference(iterations):
    given = torch.full((1, HEIGHT, WIDTH), 0.3)
    assert torch.equal(dense_crf(photo(), given, iterations=iterations), given)


def test_no_iterations_give_the_input_back():
    given = probabilities(3)
    assert torch.equal(dense_crf(photo(), given, iterations=0), given)


@pytest.mark.parametrize("shape", [(3, HEIGHT, WIDTH), (2, WIDTH, HEIGHT), (2, HEIGHT, WIDTH - 1), (2, HEIGHT * WIDTH)])
@pytest.mark.parametrize("iterations", [0, 2])
def test_probabilities_of_another_shape_are_refused(shape, iterations):
    with pytest.raises(ValueError, match="probabilities are"):
        DenseCrf(photo(), 2).infer(torch.full(shape, 0.5), iterations)


@pytest.mark.parametrize(
    "image",
    [photo().permute(2, 0, 1), photo()[:, :, 0], photo()[:, :, :2]],
    ids=["channels first", "grey", "two colours"],
)
def test_a_picture_that_is_not_rgb_is_refused(image):
    with pytest.raises(ValueError, match=r"RGB|dimensions"):
        DenseCrf(image, 2)


def test_a_photo_of_floats_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        DenseCrf(photo() / 255, 2)


@pytest.mark.parametrize("labels", [1, 2])
def test_an_unknown_engine_is_refused(labels):
    with pytest.raises(ValueError, match="'gpu'"):
        DenseCrf(photo(), labels, engine="gpu")


@beside_pydensecrf
@pytest.mark.parametrize("count", [2, 3, 21])
@pytest.mark.parametrize("confidence", [0.7, 0.9])
def test_hard_labels_become_the_probabilities_of_pydensecrf(count, confidence):
    from pydensecrf.utils import unary_from_labels

    labels = torch.randint(count, (HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0))
    labels.view(-1)[:count] = torch.arange(count)  # each label occurs, as pydensecrf's function assumes
    unary = unary_from_labels(labels.numpy(), count, gt_prob=confidence, zero_unsure=False)
    made = label_probabilities(labels, count, confidence)
    np.testing.assert_allclose(made.numpy().reshape(count, -1), np.exp(-unary), rtol=1e-6)
    np.testing.assert_allclose(made.sum(0).numpy(), 1, rtol=1e-6)


def test_the_authors_confidence_is_the_default():
    assert torch.equal(label_probabilities(torch.tensor([[1]]), 4), label_probabilities(torch.tensor([[1]]), 4, 0.7))


def test_one_label_is_certain():
    assert torch.equal(label_probabilities(torch.zeros(2, 3, dtype=torch.long), 1), torch.ones(1, 2, 3))


@beside_pydensecrf
def test_the_label_crf_equals_pydensecrf_on_labels():
    from pydensecrf.utils import unary_from_labels

    labels = probabilities(3).argmax(0)
    unary = unary_from_labels(labels.numpy(), 3, gt_prob=0.7, zero_unsure=False)
    kernels = {"colour_xy": 50.0, "colour_rgb": 5.0}
    expected = directly(photo(), unary.reshape(3, HEIGHT, WIDTH), 10, **kernels)
    refined = dense_crf(photo(), label_probabilities(labels, 3), iterations=10, **kernels)
    np.testing.assert_allclose(refined.numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("iterations", [0, 2])
def test_probabilities_that_are_not_finite_are_refused(value: float, iterations: int) -> None:
    given = torch.full((2, HEIGHT, WIDTH), 0.5)
    given[1, 3, 4] = value
    with pytest.raises(ValueError, match="finite"):
        dense_crf(photo(), given, iterations=iterations)


def test_the_authors_kernels_are_the_recipes() -> None:
    """Hard labels get the narrower kernels, probabilities pydensecrf's."""
    for section, kernels in ((LabelCrf(), LABEL_KERNELS), (PredictionCrf(), PREDICTION_KERNELS)):
        assert section.model_dump(include=set(kernels._fields)) == kernels._asdict()
    assert LABEL_KERNELS == (3, 3, 50, 5, 10)
    assert PREDICTION_KERNELS == (3, 3, 80, 13, 10)


@pytest.mark.parametrize("wrong", [{"smooth_xy": 0.0}, {"colour_rgb": -1.0}, {"colour_xy": float("nan")}])
def test_kernels_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        dense_crf(torch.zeros(4, 4, 3, dtype=torch.uint8), torch.full((2, 4, 4), 0.5), iterations=1, **wrong)


def test_a_photo_without_pixels_and_steps_below_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        dense_crf(torch.zeros(0, 4, 3, dtype=torch.uint8), torch.zeros(2, 0, 4), iterations=1)
    with pytest.raises(ValueError, match="negative"):
        dense_crf(torch.zeros(4, 4, 3, dtype=torch.uint8), torch.full((2, 4, 4), 0.5), iterations=-1)
