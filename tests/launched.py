"""Two processes of a group on this machine, started as torchrun starts them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys


def two_processes(program: str, commands: list[list[str]], seconds: float) -> list[str]:
    """What two processes on a CPU write to stderr, started as a launcher starts them, each by `program` on commands."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    group |= {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", program, json.dumps(commands)],
            env=os.environ | group | {"RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        errors = [rank.communicate(timeout=seconds)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], errors
    return errors
