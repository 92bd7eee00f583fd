"""How much loading processes may hand on: what they share lies in a file system of its own, small in containers.

A process that writes more into it than it holds is killed by a bus error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import NamedTuple

from puzzlecam_cli.group.cores import processes_here

SHARED = Path("/dev/shm")  # of Linux; elsewhere what is shared is memory like any other
USED = 0.8  # of what is free there: semaphores and GPUs that exchange gradients need some as well
AHEAD = 2  # items a process loads ahead, where there is room


class Loaders(NamedTuple):
    """Processes that load, how many items ahead each, and how many bytes such an item may have.

    Without processes nothing is loaded ahead.
    """

    workers: int
    ahead: int = AHEAD
    most: float = inf


def free_shared_memory() -> float:
    """Bytes this process may use: what is free is divided over the processes of a group on this machine."""
    if not SHARED.is_dir():
        return inf
    state = os.statvfs(SHARED)
    return USED * state.f_bavail * state.f_frsize / processes_here()


def forget_failed(error: str) -> None:
    """Delete the files that PyTorch could not fill, of which it would leave the beginning behind."""
    for name in re.findall(r"</(torch_\w+)>", error):
        (SHARED / name).unlink(missing_ok=True)


def loaders_within(room: float, workers: int, item: float, held: int) -> Loaders:
    """As many loaders as there is room for, with as much ahead as that leaves.

    Args:
        room: bytes for all items that are on their way.
        workers: wanted.
        item: bytes of one.
        held: items that the main process has besides.
    """
    possible = int(min(room / item, 1e9)) - held
    ahead = AHEAD if possible >= AHEAD * workers else 1
    found = max(0, min(workers, possible // ahead))
    return Loaders(found, ahead, room / max(1, found * ahead + held))


def loaders_for(workers: int, item: float, held: int, memory: float, note: Callable[[str], None]) -> Loaders:
    """The same by what is free now.

    Args:
        memory: bytes that may be used, whether shared or not.
        note: is told where that allows less than is wanted, and what to do.
    """
    shared = free_shared_memory()
    found = loaders_within(min(shared, memory), workers, item, held)
    if found[:2] != (workers, AHEAD):
        by = f"{found.workers} of {workers} processes, {found.ahead} at a time" if found.workers else "no process"
        where, hint = (SHARED, "; in a container: docker run --shm-size=8g") if shared <= memory else ("memory", "")
        room, size = (f"{number / 1e6:.3g} MB" for number in (min(shared, memory), item))
        note(f"photos are loaded ahead by {by}: they take {size} each time, and {where} has room for {room}{hint}")
    return found
