"""Work on the CPU beside a device that computes: files are read and written in threads, copies are waited for there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 4  # decoding, compressing and copying let others work meanwhile
AHEAD = 8  # items


def beside(work: Callable[[Item], Result], items: Iterable[Item], *, ahead: int = AHEAD) -> Iterator[Result]:
    """`work` of each item, in their order, done in threads while the items after it are made.

    So a network may make the items that are written, or take the results that were read.

    Args:
        work: lets go of the interpreter for most of its time, as NumPy, PyTorch, Pillow and files do.
        items: taken one by one in this thread, as many ahead as `work` is slower than what is done between them.
        ahead: no more items than that are held.

    Raises:
        Whatever `work` raises, when its item's turn comes. What had not begun by then is left undone.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(THREADS, "beside")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            del item  # may be large
            if len(waiting) > ahead or waiting[0].done():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def to_host(tensors: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
    """Begin to copy tensors of one device to the CPU; what is returned waits for them, in whatever thread.

    Unlike `Tensor.cpu` it waits for nothing that the device was told to do later.
    """
    if not tensors or tensors[0].device.type != "cuda":
        return lambda: [tensor.cpu() for tensor in tensors]
    moved = [tensor.to("cpu", non_blocking=True) for tensor in tensors]  # into pinned memory
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(tensors[0].device))

    def waited() -> list[Tensor]:
        done.synchronize()
        return moved

    return waited
