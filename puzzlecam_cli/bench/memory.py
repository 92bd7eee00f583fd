"""The most memory that this process, its children and a GPU hold, as Linux and CUDA count it."""

from __future__ import annotations

import ctypes
import gc
import sys
from multiprocessing import active_children
from pathlib import Path

KNOWN = sys.platform == "linux"  # others do not tell


def forget_peaks() -> None:
    """Give back what is free, and let the peaks begin again at what is held now."""
    gc.collect()
    if KNOWN:
        ctypes.CDLL(None).malloc_trim(0)  # what earlier work gave back counts as new
        Path("/proc/self/clear_refs").write_text("5")


def held() -> int:
    """Bytes of this process, libraries included."""
    return _sum("self", "status", ("VmRSS",))


def peak() -> int:
    """The most bytes since `forget_peaks`."""
    return _sum("self", "status", ("VmHWM",))


def children_peak() -> int:
    """The sum of the most bytes that each living child held, without what it shares with others.

    An upper bound: they need not hold it at once.
    """
    total = 0
    for child in active_children() if KNOWN else ():
        try:
            private = _sum(str(child.pid), "smaps_rollup", ("Private_Clean", "Private_Dirty"))
            held, most = (_sum(str(child.pid), "status", (name,)) for name in ("VmRSS", "VmHWM"))
        except OSError:  # it has ended
            continue
        total += private + most - held
    return total


def _sum(process: str, file: str, names: tuple[str, ...]) -> int:
    """Bytes named in a file of /proc, whose lines are `Name:  kilobytes kB`."""
    lines = (line.split() for line in Path(f"/proc/{process}/{file}").read_text().splitlines())
    return sum(int(words[1]) * 1024 for words in lines if words[0].rstrip(":") in names)
