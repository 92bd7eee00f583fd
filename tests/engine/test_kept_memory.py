"""Memory that is let go of stays with the process, and goes back when it is told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from puzzlecam_cli.engine.kept_memory import _glibc

FAULTS = """
import resource
import psutil, torch
from puzzlecam_cli.engine.kept_memory import give_back_memory, keep_freed_memory
def measure():
    for _ in range(12):  # until its place is found
        torch.ones(2**24)  # 64 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(2**24)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    held = psutil.Process().memory_info().rss
    give_back_memory()
    print(held - psutil.Process().memory_info().rss)
measure()
keep_freed_memory()
measure()
"""


@pytest.mark.skipif(_glibc() is None, reason="another C library gives memory back as it likes")
def test_a_tensor_of_the_same_size_takes_no_new_pages() -> None:
    """In a process of its own: it lasts as long as that does. First comes what would happen without."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    plain_faults, plain_given, kept_faults, kept_given = map(int, done.stdout.split())
    assert kept_faults < 100 < 4 * 2**24 * 4 // 2**21 <= plain_faults  # pages of 4 KiB, or of 2 MiB
    assert kept_given > 60 * 2**20 > plain_given
