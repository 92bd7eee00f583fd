"""The test of a saliency method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from puzzlecam_cli.registry import saliency_method

Method = Callable[[Any], Any]
SIZES = ((48, 64), (64, 48), (1, 7), (1, 1))


def check_saliency(method: str | Method) -> Method:
    """Hold a saliency method to its promises: a photo (H, W, 3) uint8 → (H, W) in [0, 1].

    These are: finite numbers in [0, 1], one a pixel, of photos of any size, of one colour, read-only and views of
    others; the same each time; the photo left as it is.

    Args:
        method: its name, or the callable.

    Returns:
        The callable, for further tests.

    Raises:
        AssertionError: a promise is broken: which one.
        UserError: there is no such method, or its plugin is broken.
    """
    made = saliency_method(method) if isinstance(method, str) else method
    name = method if isinstance(method, str) else getattr(method, "__name__", "the method")
    for size in SIZES:
        photo = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        before = photo.copy()
        first = _found(name, made, photo)
        assert np.array_equal(photo, before), f"{name} changes the photo it is given: work on a copy"
        assert np.array_equal(first, _found(name, made, photo)), f"{name} gives something else a second time"
    wide = np.zeros((48, 128, 4), dtype=np.uint8)
    view = wide[:, ::2, :3]
    view.flags.writeable = False
    _found(f"{name}, of a read-only view of one colour,", made, view)
    return made


def _found(name: str, made: Method, photo: NDArray[np.uint8]) -> NDArray[Any]:
    try:
        found = np.asarray(made(photo))
    except Exception as error:
        raise AssertionError(f"{name} fails with a photo of {photo.shape}: {type(error).__name__}: {error}") from error
    assert found.shape == photo.shape[:2], f"{name} gives {found.shape} for a photo of {photo.shape}: give (H, W)"
    assert found.dtype.kind == "f", f"{name} gives {found.dtype}: give float32 in [0, 1]"
    assert found.min() >= 0 and found.max() <= 1, (  # noqa: PT018
        f"{name} gives values from {found.min():g} to {found.max():g}: give those in [0, 1]"
    )
    return found
