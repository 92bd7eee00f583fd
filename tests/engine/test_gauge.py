"""What displays tell of speed, waiting and memory is what was measured since the last time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch

from puzzlecam_cli.engine import gauge
from puzzlecam_cli.engine.accelerator import gpu_name
from puzzlecam_cli.engine.gauge import EVERY, Gauge
from puzzlecam_cli.events import Pace

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which only goes on when a test says so."""
    now = [100.0]
    monkeypatch.setattr(gauge.time, "monotonic", lambda: now[0])
    return now


def test_speed_and_waiting_are_those_since_the_last_reading_without_the_first_step(clock: list[float]) -> None:
    def batches() -> Iterator[int]:
        for number in range(100):
            clock[0] += 50.0 if number == 0 else 0.5  # the first comes once
            yield number

    meter, read = Gauge(CPU, images=8), []
    for _ in meter.waiting(batches()):
        clock[0] += 1.5  # a step
        if pace := meter.read("seg"):
            read.append((clock[0], pace))
    assert {pace for _, pace in read[1:]} == {Pace("seg", 8 / 2.0, 0.25)}
    assert all(later - earlier >= EVERY for (earlier, _), (later, _) in pairwise(read))
    assert len(read) > 10


def test_where_images_are_counted_elsewhere_a_cpu_tells_nothing(clock: list[float]) -> None:
    meter = Gauge(CPU)
    for _ in range(5):
        clock[0] += 2 * EVERY
        assert meter.read("cams") is None
    assert gpu_name(CPU) is None


def test_of_a_gpu_memory_and_use_are_told_as_far_as_they_are_known(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (49, 80))
    monkeypatch.setattr(torch.cuda, "utilization", lambda _: 97)
    meter = Gauge(torch.device("cuda"))
    assert meter.read("cams") == Pace("cams", None, None, 31, 80, 0.97)

    class NVMLError(Exception):
        """As of NVIDIA's library, where a GPU is divided: nothing that PyTorch knows of."""

    for error in (ModuleNotFoundError("pynvml"), NVMLError("not supported")):

        def lacking(_: object, error: Exception = error) -> int:
            raise error

        monkeypatch.setattr(torch.cuda, "utilization", lacking)
        clock[0] += 2 * EVERY
        assert meter.read("cams") == Pace("cams", None, None, 31, 80, None)
