"""What the figures were measured on."""

from __future__ import annotations

import os
from dataclasses import dataclass

from puzzlecam_cli.group.cores import cores, processor


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int
    threads: int  # that PyTorch works with
    torch: str
    load: float | None  # programs at work in the last minute; more than a few tenths make figures too slow
    gpu: str | None

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        words = [f"{self.processor} ({self.cores} cores)", self.gpu, f"torch {self.torch}", threads]
        words += [] if self.load is None else [f"load {self.load:.1f} before"]
        return ", ".join(word for word in words if word)

    @property
    def busy(self) -> str:
        """A sentence where others leave it too few cores to be timed well, beside one at work for us; else nothing."""
        if self.load is None or self.load <= max(1.5, 0.75 * self.cores):
            return ""
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        return f"the machine is busy (load {self.load:.0f} on {cores}): on an idle one less"


def this_machine(threads: int | None = None, *, gpu: bool = False) -> Machine:
    """This machine as it is now.

    Args:
        threads: that are measured; None: as many as PyTorch takes.
        gpu: whether one is used, if it is there.
    """
    import torch

    return Machine(
        processor(),
        cores(),
        threads or torch.get_num_threads(),
        torch.__version__,
        round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        torch.cuda.get_device_name() if gpu and torch.cuda.is_available() else None,
    )


def gpu_memory() -> int | None:
    """Bytes of the GPU that would be worked on; None without one. PyTorch is loaded for it."""
    import torch

    return torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
