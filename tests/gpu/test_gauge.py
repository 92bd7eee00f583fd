"""What a display tells of a GPU."""

from __future__ import annotations

import pytest
import torch

from puzzlecam_cli.engine.accelerator import gpu_name
from puzzlecam_cli.engine.gauge import Gauge


@pytest.mark.gpu
def test_memory_in_use_of_a_gpu_is_told() -> None:
    device = torch.device("cuda")
    held = torch.zeros(1 << 28, dtype=torch.uint8, device=device)
    pace = Gauge(device).read("seg")
    assert pace is not None
    assert pace.gpu_memory is not None
    assert pace.gpu_memory_total is not None
    assert held.numel() <= pace.gpu_memory <= pace.gpu_memory_total
    assert pace.gpu_use is None or 0 <= pace.gpu_use <= 1
    assert gpu_name(device) == torch.cuda.get_device_name(0)
