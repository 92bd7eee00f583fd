"""Memory that is let go of stays with the process, and goes back when it is told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from puzzlecam_cli.engine.kept_memory import _glibc

FAULTS = """
import resource, sys
import psutil, torch
from puzzlecam_cli.engine.kept_memory import give_back_memory, keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(12):  # until its place is found
    torch.ones(2**24)  # 64 MiB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
held = psutil.Process().memory_info().rss
give_back_memory()
print(held - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(_glibc() is None, reason="another C library gives memory back as it likes")
def test_a_tensor_of_the_same_size_takes_no_new_pages() -> None:
    """In processes of their own: it lasts as long as they do. The second is what would happen without."""
    program = [sys.executable, "-c", FAULTS]
    found = [subprocess.run([*program, how], capture_output=True, text=True, check=True) for how in ("keep", "plain")]
    kept, plain = ([int(line) for line in result.stdout.split()] for result in found)
    assert kept[0] < 100 < 4 * 2**24 * 4 // 2**21 <= plain[0]  # pages of 4 KiB, or of 2 MiB
    assert kept[1] > 60 * 2**20 > plain[1]
