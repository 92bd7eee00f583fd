"""How fast the work goes, and what it takes of the machine, as displays tell it; nothing is computed by it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

import torch

from puzzlecam_cli.events import Pace

EVERY = 5.0  # seconds between two readings: what is told by them changes slowly

Batch = TypeVar("Batch")


class Gauge:
    """A reading is of the time since the one before it.

    Args:
        device: that is computed on; of a GPU, memory and use are told.
        images: of a step of a training, of all processes together; 0: images are counted elsewhere.
    """

    def __init__(self, device: torch.device, images: int = 0):
        self._device, self._images = device, images
        self._read_at: float | None = None
        self._steps, self._waited = 0, 0.0

    def waiting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches, while it is measured how long they are waited for."""
        coming = iter(batches)
        while True:
            began = time.monotonic()
            try:
                batch = next(coming)
            except StopIteration:
                return
            self._waited += time.monotonic() - began
            yield batch
            self._steps += 1

    def read(self, stage: str) -> Pace | None:
        """What was measured, if it is time to tell it; the first reading, after what comes once, only begins to."""
        at = time.monotonic()
        if self._read_at is None:
            self._read_at, self._steps, self._waited = at, 0, 0.0
            return self._pace(stage, None, None) if self._device.type == "cuda" else None
        if at - self._read_at < EVERY:
            return None
        seconds = at - self._read_at
        speed = self._steps * self._images / seconds if self._images else None
        wait = min(self._waited / seconds, 1.0) if self._images else None
        self._read_at, self._steps, self._waited = at, 0, 0.0
        pace = self._pace(stage, speed, wait)
        return pace if pace != Pace(stage) else None

    def _pace(self, stage: str, speed: float | None, wait: float | None) -> Pace:
        return Pace(stage, speed, wait, *_gpu(self._device))


def _gpu(device: torch.device) -> tuple[int | None, int | None, float | None]:
    """Bytes in use and in all, and how busy it is; None for what is not known."""
    if device.type != "cuda":
        return None, None, None
    free, total = torch.cuda.mem_get_info(device)
    busy: float | None = None
    with suppress(Exception):  # of NVIDIA's library, which may not be there, or not know: a part of a GPU has no use
        busy = torch.cuda.utilization(device) / 100
    return total - free, total, busy
