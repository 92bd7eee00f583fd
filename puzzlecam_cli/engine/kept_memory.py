"""Memory that networks on a CPU let go of stays with this process, for the next tensor of that size.

glibc gives each large one back to the system at once, and gets it again page by page, each cleared: that took a quarter
to two fifths of the processor's time in training steps of `small_photos`.
"""

from __future__ import annotations

import ctypes
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's <malloc.h>
NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """From now on, until the process ends; another C library than glibc is left alone."""
    if (library := _glibc()) is not None:
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, NEVER)


def give_back_memory() -> None:
    """Let others have what is free: the next step needs other sizes, and processes beside this one."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def _glibc() -> Any:
    """The C library of this process, if it is glibc."""
    try:
        library = ctypes.CDLL(None)
        return library if library.gnu_get_libc_version and library.mallopt and library.malloc_trim else None
    except (OSError, AttributeError, TypeError):  # TypeError: Windows has no library of the process itself
        return None
