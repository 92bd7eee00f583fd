"""What a GPU computes equals what the CPU computes: `python -m pytest -m gpu`, in IEEE float32 unless said otherwise.

Without a GPU the same tests compare the CPU with itself, computing by PyTorch's own kernels where they can take the
place of oneDNN's: they differ by rounding, as a GPU's do, so that these tests are tried on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from puzzlecam_cli.engine.precision import tf32
from tests.gpu.beside import Beside, reset_accelerate


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def beside(request: pytest.FixtureRequest) -> Iterator[Beside]:
    """What is compared with the CPU."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("PyTorch finds no GPU")
    reset_accelerate()
    with tf32(False):
        yield Beside(torch.device(request.param))
    reset_accelerate()
