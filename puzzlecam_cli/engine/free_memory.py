"""How much memory there is for more; without PyTorch."""

from __future__ import annotations

from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")  # of this container, where it is in one


def free_memory() -> float:
    """Bytes this process may still use: what is free, and what limits of the user and of a container leave."""
    import resource

    import psutil

    free = float(psutil.virtual_memory().available)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        free = min(free, limit - psutil.Process().memory_info().vms)
    most, used, parts = (_GROUP / f"memory.{name}" for name in ("max", "current", "stat"))
    if most.is_file() and used.is_file() and (text := most.read_text().strip()).isdigit():
        lines = (line.split() for line in parts.read_text().splitlines()) if parts.is_file() else ()
        files = sum(int(number) for name, number in lines if name in ("active_file", "inactive_file"))
        free = min(free, int(text) - int(used.read_text()) + files)  # copies of files give way
    return max(free, 0.0)
