"""The memory of helping processes."""

from __future__ import annotations

import sys
from multiprocessing import get_context

import pytest

from puzzlecam_cli.bench.memory import children_peak

HOLD = "held = b'1' * 2**26\ndel held\nready.set()\nend.wait()"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_child_counts_with_the_most_that_it_held() -> None:
    context = get_context("spawn")
    ready, end = context.Event(), context.Event()
    before = children_peak()
    child = context.Process(target=exec, args=(HOLD, {"ready": ready, "end": end}))
    child.start()
    try:
        assert ready.wait(30)
        assert 64 <= (children_peak() - before) / 2**20 <= 160  # and Python itself
    finally:
        end.set()
        child.join()
    assert children_peak() == before
