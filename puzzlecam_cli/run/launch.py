"""Several processes on one machine: a parent that touches no GPU starts them and watches over them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from accelerate import Accelerator

Value = TypeVar("Value")


def in_group() -> bool:
    """Whether this process is one of several, started by `launch_group`, torchrun or `accelerate launch`."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def launch_group(processes: int, cpu: bool) -> int:
    """Start this same command as a group; returns the exit code. One that fails takes the others down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": processes,
        "LOCAL_WORLD_SIZE": processes,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    if cpu:
        shared |= {"ACCELERATE_USE_CPU": "1"}
    command = [sys.executable, "-m", "puzzlecam_cli", *sys.argv[1:]]
    group = [
        subprocess.Popen(
            command,
            env=os.environ | {key: str(value) for key, value in (shared | {"RANK": n, "LOCAL_RANK": n}).items()},
        )
        for n in range(processes)
    ]
    try:
        while True:
            codes = [process.poll() for process in group]
            failed = [code for code in codes if code]
            if failed:
                return failed[0] if failed[0] > 0 else 1
            if all(code == 0 for code in codes):
                return 0
            time.sleep(0.1)
    finally:
        for process in group:
            process.terminate()
        for process in group:
            process.wait()


def agreed(value: Value, accelerator: Accelerator | None) -> Value:
    """The main process's value, in every process."""
    if accelerator is None or accelerator.num_processes == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]  # type: ignore[no-any-return]
