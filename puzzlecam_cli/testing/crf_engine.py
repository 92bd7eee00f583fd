"""The test of a CRF engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from puzzlecam_cli.method.constants import Kernels
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.registry import crf_engine

HEIGHT, WIDTH, LABELS, STEPS = 18, 25, 3, 5
KERNELS = Kernels(smooth_xy=2, smooth_weight=3, colour_xy=6, colour_rgb=30, colour_weight=4)
AWAY, ALIKE = 0.05, 0.95  # most mean distance of probabilities from the plain sums; least share of equal labels
TOLERANCE = 1e-3

Floats = NDArray[np.float32]


def check_crf_engine(engine: str | FieldOf) -> FieldOf:
    """Hold a CRF engine to its promises: see `puzzlecam_cli.method.crf_engines.Field`.

    These are: finite float32 probabilities of the energies' shape that sum to 1, near those of the plain sums over all
    pairs of pixels; the energies themselves where kernels weigh nothing, and after no step; the same each time, from
    one field or two; photos and energies that are read-only, or views of others, left as they are; photos of one pixel
    in width, and of one colour.

    Args:
        engine: its name, or what makes a field.

    Returns:
        What makes a field, for further tests.

    Raises:
        AssertionError: a promise is broken: which one.
        UserError: there is no such engine, or its plugin is broken.
    """
    made = crf_engine(engine) if isinstance(engine, str) else engine
    name = engine if isinstance(engine, str) else getattr(engine, "__name__", "the engine")
    photo, unary = _photo(), _energies(LABELS)
    photo_before, unary_before = photo.copy(), unary.copy()
    field = made(photo, LABELS, KERNELS)
    first = _inferred(name, field, unary, STEPS)
    assert np.array_equal(photo, photo_before), f"{name} changes the photo it is given: work on a copy"
    assert np.array_equal(unary, unary_before), f"{name} changes the energies it is given: work on a copy"
    assert np.array_equal(first, _inferred(name, field, unary, STEPS)), (
        f"{name} gives something else a second time: let `infer` leave no trace in the field"
    )
    assert np.array_equal(first, _inferred(name, made(photo, LABELS, KERNELS), unary, STEPS)), (
        f"{name} gives something else with a second field of the same photo: leave chance out"
    )
    _check_near_sums(name, first, photo, unary)
    _check_inputs(name, made, first, photo, unary)
    _check_edges(name, made)
    return made


def _check_near_sums(name: str, found: Floats, photo: NDArray[np.uint8], unary: Floats) -> None:
    expected = mean_field(photo, unary, KERNELS, STEPS)
    away = float(np.abs(found - expected).mean())
    alike = float((found.argmax(0) == expected.argmax(0)).mean())
    assert away <= AWAY and alike >= ALIKE, (  # noqa: PT018
        f"{name} is {away:.3f} away from the plain sums over all pairs (at most {AWAY}) and gives {alike:.0%} of the "
        f"same labels (at least {ALIKE:.0%}): compare its kernels, their normalisation and weights with `Field`"
    )


def _check_inputs(name: str, made: FieldOf, first: Floats, photo: NDArray[np.uint8], unary: Floats) -> None:
    """Read-only arrays, and views that are not contiguous."""
    wide = np.zeros((HEIGHT, 2 * WIDTH, 4), dtype=np.uint8)
    wide[:, ::2, :3] = photo
    view = wide[:, ::2, :3]
    energies = np.asfortranarray(unary)
    for array in (view, energies):
        array.flags.writeable = False
    try:
        again = _inferred(name, made(view, LABELS, KERNELS), energies, STEPS)
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"{name} cannot take read-only arrays and views: copy them first (numpy.array(x, order='C')): {error}"
        ) from error
    assert np.abs(again - first).max() <= TOLERANCE, (
        f"{name} reads views of arrays wrongly: copy them first (numpy.array(x, order='C'))"
    )


def _check_edges(name: str, made: FieldOf) -> None:
    photo = _photo()
    for labels in (2, 21):
        unary = _energies(labels)
        given = _softmax(-unary)
        nothing = _inferred(name, made(photo, labels, KERNELS._replace(smooth_weight=0, colour_weight=0)), unary, 1)
        assert np.abs(nothing - given).max() <= TOLERANCE, (
            f"{name} changes probabilities though both kernels weigh nothing: a step is softmax(−unary + Σ weight ...)"
        )
        begun = _inferred(name, made(photo, labels, KERNELS), unary, 0)
        assert np.abs(begun - given).max() <= TOLERANCE, f"{name} must give softmax(−unary) after no step"
    for what, odd in (
        ("one pixel in width", photo[:, :1]),
        ("one pixel", photo[:1, :1]),
        ("one colour", np.zeros((6, 7, 3), dtype=np.uint8)),
    ):
        unary = _energies(2)[:, : odd.shape[0] * odd.shape[1]]
        try:
            _inferred(f"{name}, of a photo of {what},", made(odd, 2, KERNELS), unary, 2)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{name} fails with a photo of {what}: {type(error).__name__}: {error}") from error


def _inferred(name: str, field: Any, unary: Floats, steps: int) -> Floats:
    found = field.infer(unary, steps)
    assert isinstance(found, np.ndarray), f"{name} gives a {type(found).__name__}, not a numpy array"
    assert found.dtype == np.float32, f"{name} gives {found.dtype}, not float32: `.astype(numpy.float32)`"
    assert found.shape == unary.shape, f"{name} gives {found.shape} for energies of {unary.shape}: give (K, H·W)"
    assert np.isfinite(found).all(), f"{name} gives values that are not finite"
    off = float(np.abs(found.sum(axis=0) - 1).max())
    assert off <= TOLERANCE and found.min() >= 0, (  # noqa: PT018
        f"{name} gives probabilities that are negative or sum to 1 ± {off:.3g}: end a step with a softmax of labels"
    )
    return found


def mean_field(photo: NDArray[np.uint8], unary: Floats, kernels: Kernels, steps: int) -> NDArray[np.float64]:
    """The plain sums over all pairs of pixels that engines come near to: (K, H·W) energies → probabilities.

    It takes memory for (H·W)² numbers: for photos of some hundred pixels.
    """
    height, width = photo.shape[:2]
    places = np.indices((height, width)).reshape(2, -1).T.astype(float)
    colours = photo.reshape(-1, 3).astype(float)
    apart = _squared_distances(places)
    alike = apart / kernels.colour_xy**2 + _squared_distances(colours) / kernels.colour_rgb**2
    pairs = kernels.smooth_weight * _normalised(apart / kernels.smooth_xy**2)
    pairs += kernels.colour_weight * _normalised(alike)
    probabilities = _softmax(-unary.astype(float))
    for _ in range(steps):
        probabilities = _softmax(probabilities @ pairs - unary)
    found: NDArray[np.float64] = probabilities
    return found


def _squared_distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.square(points[:, None] - points[None]).sum(axis=-1)
    return found


def _normalised(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = np.exp(-squared / 2)
    scale = 1 / np.sqrt(kernel.sum(axis=1))
    kernel *= scale[:, None] * scale[None]
    return kernel


def _softmax(energies: Any) -> Any:
    shifted = np.exp(energies - energies.max(axis=0))
    return shifted / shifted.sum(axis=0)


def _photo() -> NDArray[np.uint8]:
    """(H, W, 3): two grainy halves, red and blue."""
    photo = np.random.default_rng(0).integers(0, 60, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    photo[:, : WIDTH // 2, 0] += 150
    photo[:, WIDTH // 2 :, 2] += 150
    return photo


def _energies(labels: int) -> Floats:
    """(K, H·W): noise, in which the left half leans to the first label."""
    noise = np.random.default_rng(1).normal(size=(labels, HEIGHT, WIDTH))
    noise[0, :, : WIDTH // 2] += 1
    energies: Floats = (-np.log(_softmax(noise))).reshape(labels, -1).astype(np.float32)
    return energies
