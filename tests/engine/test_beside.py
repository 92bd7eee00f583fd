"""Files are read and written in threads while the device computes: in order, few at a time, and none stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from puzzlecam_cli.engine.beside import beside, to_host

PATIENCE = 60.0  # seconds that nothing here takes


def threads_left() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("beside")]


def test_results_come_in_order_whatever_finishes_first() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.05 if number % 4 == 0 else 0.0)
        return number

    assert list(beside(slow_first, range(20))) == list(range(20))
    assert not threads_left()


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    """The work on the first waits for the second to be made."""
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    assert list(beside(lambda number: second.wait(PATIENCE), items())) == [True, True]


def test_what_was_read_ahead_is_there_when_it_is_asked_for() -> None:
    """While the first result is used, the second is made."""
    second, done = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        second.set()
        yield 1

    def read(number: int) -> int:
        second.wait(PATIENCE)
        if number == 1:
            done.set()
        return number

    results = beside(read, items())
    assert next(results) == 0
    assert done.wait(PATIENCE)
    assert list(results) == [1]


def test_no_more_items_are_held_than_said() -> None:
    taken: list[int] = []
    may_end = threading.Event()

    def items() -> Iterator[int]:
        for number in range(30):
            taken.append(number)
            if len(taken) == 6:
                may_end.set()  # only now is there a first result
            yield number

    given = 0
    for _ in beside(lambda number: may_end.wait(PATIENCE), items(), ahead=5):
        given += 1
        assert len(taken) <= given + 5
    assert given == 30


def test_an_error_is_raised_in_its_turn_and_nothing_is_begun_after_it() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise OSError("the disk is full")
        return number

    results, given = beside(work, range(100), ahead=4), []
    with pytest.raises(OSError, match="the disk is full"):
        given.extend(results)
    assert max(begun) <= 3 + 5
    seen = len(begun)
    assert not threads_left()
    assert len(begun) == seen


def test_an_error_of_what_makes_the_items_ends_the_threads() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        list(beside(abs, items()))
    assert not threads_left()


def test_whoever_takes_no_more_leaves_no_thread() -> None:
    for _ in beside(abs, range(100)):
        break
    assert not threads_left()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_copies_to_the_host_are_whole_when_they_were_waited_for(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    values = [torch.full((300, 400), float(number), device=device).cumsum(0) for number in range(4)]
    (found,) = beside(lambda waited: waited(), [to_host(values)])
    wanted: Any = [torch.full((300, 400), float(number)).cumsum(0) for number in range(4)]
    assert all(tensor.device.type == "cpu" for tensor in found)
    assert all(map(torch.equal, found, wanted))
    assert to_host([])() == []
