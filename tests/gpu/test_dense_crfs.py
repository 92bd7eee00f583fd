"""Dense CRFs on a GPU are those of the CPU, within rounding, and in the ways that stages take."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from puzzlecam_cli.engine.dense_crfs import engine_of, map_crfs
from puzzlecam_cli.method.constants import PREDICTION_KERNELS
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.method.crf_torch import TorchField
from puzzlecam_cli.recipe.schema import Crf, Runtime

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]


def given(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A photo of its own size, two grainy halves, and the energies of five labels."""
    numbers = np.random.default_rng(seed)
    photo = numbers.integers(0, 60, (90 + seed, 120, 3), dtype=np.uint8)
    photo[:, :60, 0] += 150
    return photo, numbers.random((5, photo.shape[0] * 120), dtype=np.float32)


def inferred(seed: int, fields: FieldOf) -> tuple[int, int, NDArray[np.float32]]:
    photo, unary = given(seed)
    return seed, threading.get_ident(), fields(photo, 5, PREDICTION_KERNELS).infer(unary, 10)


def test_photos_go_through_the_gpu_in_threads_and_come_out_as_on_the_cpu() -> None:
    cuda = torch.device("cuda")
    assert engine_of(Crf(), cuda) == "torch"
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.max_memory_allocated()
    for seed, thread, found in map_crfs(inferred, range(12), Crf(), cuda, Runtime(), lambda text: pytest.fail(text)):
        photo, unary = given(seed)
        wanted = TorchField(photo, 5, PREDICTION_KERNELS).infer(unary, 10)
        assert thread != threading.get_ident()
        assert np.abs(found - wanted).mean() < 1e-4
        assert (found.argmax(0) == wanted.argmax(0)).mean() > 0.999
    assert torch.cuda.max_memory_allocated() > before, "the GPU did nothing"
