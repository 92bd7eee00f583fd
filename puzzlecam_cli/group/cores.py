"""How many cores there are for this process, and with how many others of its group it shares them."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from math import ceil, inf
from pathlib import Path

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # of Linux: its limits, and which of them are ours


def cores() -> int:
    """Cores this process may use: those it is bound to, and no more than its container is given.

    `os.cpu_count` tells those of the machine, whoever else has them.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, ceil(min([bound, *_quotas()])))


def processor() -> str:
    """The name of the processor's model; Linux tells it in a file only."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def processes_here() -> int:
    """Processes of this one's group on this machine, which share its cores and its memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _quotas() -> Iterator[float]:
    """What the control groups of this process, and those above them, leave it: cores, or parts of one."""
    for line in OWN.read_text().splitlines() if OWN.is_file() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = GROUPS / "cpu" if controllers else GROUPS  # version 1, version 2
        folder = root / path.lstrip("/")
        # in a container a path may be the host's, of which the container sees the end as its root
        for group in (folder, *folder.parents):
            if group.is_relative_to(root):
                yield _quota(group)


def _quota(group: Path) -> float:
    texts = [file.read_text() for name in FILES if (file := group / name).is_file()]
    numbers = " ".join(texts).split()[:2]
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers):  # `max` or -1: none
        return inf
    return int(numbers[0]) / max(int(numbers[1]), 1)


FILES = ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us")  # microseconds of so many; the first has both
