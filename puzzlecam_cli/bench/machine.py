"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int
    threads: int  # that PyTorch works with
    torch: str
    gpu: str | None = None

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        words = [f"{self.processor} ({self.cores} cores)", f"torch {self.torch}", threads]
        return ", ".join(words + ([self.gpu] if self.gpu else []))


def this_machine(threads: int | None = None, *, gpu: bool = False) -> Machine:
    """This machine, with the number of threads that are measured (None: PyTorch's own) and the GPU, if it is used."""
    import torch

    return Machine(
        _processor(),
        os.cpu_count() or 1,
        threads or torch.get_num_threads(),
        torch.__version__,
        torch.cuda.get_device_name() if gpu else None,
    )


def _processor() -> str:
    """The model's name; Linux tells it in a file only."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
