"""The device that is compared with the CPU, and how far apart they may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor


class Beside(NamedTuple):
    """A device beside the CPU; the CPU itself, with other kernels, where there is no other."""

    device: torch.device

    @contextmanager
    def computing(self) -> Iterator[None]:
        """What is computed on that device is computed in this."""
        before = torch.backends.mkldnn.enabled
        torch.backends.mkldnn.enabled = before and self.device.type != "cpu"
        try:
            yield
        finally:
            torch.backends.mkldnn.enabled = before


def reset_accelerate() -> None:
    """It keeps device and precision for the whole process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def distance(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest value: 1e-7 is float32's rounding."""
    assert found.shape == expected.shape
    assert found.isfinite().all()
    return float((found.cpu().double() - expected.double()).abs().max() / expected.double().abs().max())
