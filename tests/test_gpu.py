"""What is marked `gpu` passes where there is one. See `tests/gpu/`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import GPUS


@pytest.mark.skipif(not os.environ.get(GPUS), reason="there is no GPU here")
def test_what_is_marked_gpu_passes_on_the_gpu_of_this_machine() -> None:
    """In a process of its own: this one sees no GPU. It takes a minute, most of it to start PyTorch and its kernels."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "gpu", "-n0", "-p", "no:cacheprovider"],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": os.environ.get(GPUS, "")},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_ordinary_tests_and_what_they_start_see_no_gpu() -> None:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
