"""Work spread over processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import active_children
from typing import Any

import pytest
from accelerate import Accelerator

from puzzlecam_cli.engine import pool
from puzzlecam_cli.engine.accelerator import loader_workers
from puzzlecam_cli.engine.pool import pool_workers
from puzzlecam_cli.recipe.schema import Runtime


def threads(workers: int, **_: Any) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers)


def test_a_result_is_given_before_another_item_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items may take long to make: progress must not wait for those that come after."""
    monkeypatch.setattr(pool, "ProcessPoolExecutor", threads)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            taken.append(item)
            yield item

    given = []
    for given_before, result in enumerate(pool.map_unordered(abs, items(), 2)):
        assert len(taken) <= 4 + given_before
        given.append(result)
    assert sorted(given) == list(range(20))


@pytest.mark.parametrize(("room", "most"), [(False, 8), (True, 40)])
def test_more_than_a_few_processes_are_at_work_only_while_the_memory_allows(
    monkeypatch: pytest.MonkeyPatch, room: bool, most: int
) -> None:
    monkeypatch.setattr(pool, "ProcessPoolExecutor", threads)
    monkeypatch.setattr(pool, "has_room", lambda: room)
    taken: list[int] = []
    items = (taken.append(number) or number for number in range(200))  # type: ignore[func-returns-value]
    under_way = [len(taken) - given for given, _ in enumerate(pool.map_unordered(abs, items, 20))]
    assert len(under_way) == 200
    assert max(under_way) == most


@pytest.mark.parametrize(("gigabytes", "room"), [(1000.0, True), (0.001, False)])
def test_room_is_what_is_free_beside_the_largest_process(
    monkeypatch: pytest.MonkeyPatch, gigabytes: float, room: bool
) -> None:
    monkeypatch.setattr(pool, "free_memory", lambda: gigabytes * 1e9)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert pool.has_room() == room
        child.kill()


def test_one_item_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.ProcessPoolExecutor, "submit", None)
    assert list(pool.map_unordered(abs, [-3], workers=2)) == [3]


def test_no_process_is_at_work_after_an_item_that_fails() -> None:
    """What it writes would be left in a folder that is removed by then."""
    with pytest.raises(ValueError, match="non-negative"):
        list(pool.map_unordered(time.sleep, [-1.0, 0.5], 2))
    assert active_children() == []


@pytest.mark.parametrize(
    ("cores", "gigabytes", "processes", "workers"),
    [
        (16, 99, 1, 16),
        (16, 99, 4, 4),
        (3, 99, 2, 1),
        (2, 99, 4, 1),
        (64, 20.5, 1, 20),
        (64, 20.5, 4, 5),
        (8, 0.1, 1, 1),
    ],
)
def test_processes_on_one_machine_share_its_cores_and_its_memory(
    monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: float, processes: int, workers: int
) -> None:
    monkeypatch.setattr(pool, "cores", lambda: cores)
    monkeypatch.setattr(pool, "free_memory", lambda: gigabytes * 1e9)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert pool_workers(Runtime()) == workers
    assert pool_workers(Runtime(workers=5)) == 5
    assert loader_workers(Runtime(), Accelerator(cpu=True)) == 1
