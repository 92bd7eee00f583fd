"""Work on many photos without a network, spread over processes (pydensecrf holds the GIL: threads would not help).

PyTorch is not loaded here, so that photos can be looked at without.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from puzzlecam_cli.engine.free_memory import free_memory
from puzzlecam_cli.group.cores import cores, processes_here
from puzzlecam_cli.group.interrupt import follow_parent, signals_held_back
from puzzlecam_cli.recipe.runtime import FIRST_WORKERS, WORKER_BYTES, Runtime

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_unordered(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`function` of each item, in the order they finish; at most 2 items a worker are under way.

    Beyond `FIRST_WORKERS` processes one after the other begins, while the memory holds as many again of the largest.

    Args:
        function: importable from the top of a module; so are its argument and its result picklable.
        items: taken one by one, so they may be made on the way.
        workers: processes; 0 or 1 works in this one. None of them is left, whatever ends this.
    """
    if workers < 2:
        yield from map(function, items)
        return
    rest = iter(items)
    under_way = 2 * workers if workers <= FIRST_WORKERS else FIRST_WORKERS  # each may begin a process
    # Taken before there is a pool: a process that making items forks would inherit its pipes, and where all workers
    # die, what is on its way to them would wait for ever.
    first = list(islice(rest, under_way))
    if len(first) < 2:  # done before a process would have begun
        yield from map(function, first)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(os.getpid(),)
    ) as pool:
        try:
            with signals_held_back():
                running: set[Future[Result]] = {pool.submit(function, item) for item in first}
            del first
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()  # before the next item is taken, which may take long to make
                    more = under_way < 2 * workers and has_room()
                    under_way += more
                    running |= {pool.submit(function, item) for item in islice(rest, 1 + more)}
        except BaseException:
            # It waits for those at work: what they write would outlive its folder. Told once not to, it never does.
            pool.shutdown(cancel_futures=True)
            raise


def has_room() -> bool:
    """Whether the memory holds another process as large as the largest of this one's, and as much again."""
    import psutil

    largest = 0
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended
            largest = max(largest, child.memory_info().rss)
    return free_memory() > 2 * largest


def _begin(parent: int) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # of PyTorch, should what is to be done load it
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    follow_parent(parent)


def pool_workers(runtime: Runtime) -> int:
    """Processes for CRFs, scores and photos: one a core, as far as the free memory goes.

    Both are divided over the processes of a group on this machine.
    """
    if runtime.workers is not None:
        return runtime.workers
    here = processes_here()
    return max(1, min(cores() // here, int(free_memory() / here / WORKER_BYTES)))
