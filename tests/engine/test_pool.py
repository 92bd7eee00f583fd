"""Work spread over processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from puzzlecam_cli.engine import pool


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
