"""Work on many photos without a network, spread over processes (pydensecrf holds the GIL: threads would not help)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

import torch

from puzzlecam_cli.group.interrupt import follow_parent, signals_held_back

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_unordered(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`function` of each item, in the order they finish; at most 2 items a worker are under way.

    Args:
        function: importable from the top of a module; so are its argument and its result picklable.
        items: taken one by one, so they may be made on the way.
        workers: processes; 0 or 1 works in this one.
    """
    if workers < 2:
        yield from map(function, items)
        return
    rest = iter(items)
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(os.getpid(),)
    ) as pool:
        try:
            first = list(islice(rest, 2 * workers))
            with signals_held_back():
                running: set[Future[Result]] = {pool.submit(function, item) for item in first}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()  # before the next item is taken, which may take long to make
                    running |= {pool.submit(function, item) for item in islice(rest, 1)}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(parent: int) -> None:
    torch.set_num_threads(1)
    follow_parent(parent)
