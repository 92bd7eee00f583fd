"""Several processes on one machine: a parent that touches no GPU starts them and watches over them.

Each runs the same command on one resolved recipe, in a session of its own, so that Ctrl-C on the terminal reaches the
parent alone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Emit
from puzzlecam_cli.group.cores import cores
from puzzlecam_cli.group.environment import place, threads
from puzzlecam_cli.group.rank import LIFELINE, REPORTS
from puzzlecam_cli.group.watch import Rank, stop_signals, watch
from puzzlecam_cli.recipe.resolved import as_yaml
from puzzlecam_cli.recipe.schema import Recipe, Runtime

if TYPE_CHECKING:
    from accelerate import Accelerator

CROWD = 4  # processes a core, at most: more only wait for one another

Value = TypeVar("Value")


def launched() -> bool:
    """Whether `run_group`, torchrun or `accelerate launch` started this process and decided how many there are."""
    return "WORLD_SIZE" in os.environ or "ACCELERATE_MIXED_PRECISION" in os.environ


def in_group() -> bool:
    """Whether this process is one of several.

    Raises:
        UserError: the environment says what cannot be.
    """
    return place().size > 1


def check_launch(wanted: int | None, runtime: Runtime) -> None:
    """Whether as many processes as `--num-processes` says are possible here, and agree with the launcher.

    Raises:
        UserError: they are not or do not, or the environment says what cannot be.
    """
    started = place().size
    if wanted is None:
        return
    group_size(wanted, runtime)
    if launched() and wanted != started:
        raise UserError(
            "usage",
            f"--num-processes is {wanted}, but the launcher started {started}",
            hint="leave --num-processes out under `accelerate launch` and torchrun",
        )


def group_size(wanted: int | None, runtime: Runtime) -> int:
    """How many processes do the work: as wanted, else one a visible GPU, one without GPUs.

    Raises:
        UserError: there would be none, or more than GPUs, or far more than cores.
    """
    if wanted is not None and wanted < 1:
        raise UserError("usage", f"--num-processes is {wanted}", hint="1 or more; leave it out for one a visible GPU")
    if launched() or wanted == 1:
        return 1
    gpus = visible_gpus(runtime)
    if wanted is None:
        return max(gpus, 1)
    if 0 < gpus < wanted:
        raise UserError(
            "too-many-processes",
            f"{wanted} processes need as many GPUs, and {gpus} can be seen",
            hint=f"--num-processes {gpus}, or --cpu",
        )
    there = cores()
    if not gpus and wanted > CROWD * there:
        raise UserError(
            "too-many-processes",
            f"{wanted} processes are too many for {there} cores; {CROWD * there} are possible",
            hint="one process uses all cores already: leave --num-processes out on a CPU",
        )
    return wanted


def visible_gpus(runtime: Runtime) -> int:
    """GPUs the work may use, counted without a CUDA context."""
    if runtime.cpu:
        return 0
    import torch

    return torch.cuda.device_count()


def run_group(command: Sequence[str], recipe: Recipe, root: Path, processes: int, emit: Emit) -> None:
    """Run a command in several processes, to its end.

    Args:
        command: its name and options, without recipe, `--run` and `--set`.
        recipe: what all processes read, whatever becomes of the files it came from.
        root: the run folder.
        emit: receives the events of rank 0.

    Raises:
        RankFailed: a process failed or was killed; the others are ended.
        KeyboardInterrupt: all were asked to stop and have stopped.
    """
    with TemporaryDirectory(prefix="puzzlecam-") as scratch:
        resolved = Path(scratch, "recipe.yaml")
        resolved.write_text(as_yaml(recipe), encoding="utf-8")
        name, *options = command
        run_processes([name, str(resolved), "--run", str(root), *options], recipe.runtime, processes, emit)


def run_processes(command: Sequence[str], runtime: Runtime, processes: int, emit: Emit) -> None:
    """The same with a command as it stands, to its last option."""
    with TemporaryDirectory(prefix="puzzlecam-") as scratch, stop_signals() as signals, _lifeline() as lifeline:
        program = [sys.executable, "-m", "puzzlecam_cli", *command]
        shared = _environment(processes, on_cpu=visible_gpus(runtime) == 0)
        ranks: list[Rank] = []
        try:
            for number in range(processes):
                own = {"RANK": str(number), "LOCAL_RANK": str(number)}
                log = Path(scratch, f"rank-{number}.log")
                title = f"rank {number} of {processes}"
                ranks.append(_start(program, shared | own, lifeline, title, log))
            watch(ranks, signals, emit)
        finally:
            for rank in ranks:
                rank.kill()


@contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe that every rank reads: nothing ever comes, and it closes when this process is gone."""
    inner, outer = os.pipe()
    try:
        yield inner
    finally:
        os.close(inner)
        os.close(outer)


def _environment(processes: int, on_cpu: bool) -> dict[str, str]:
    """What every rank finds in its environment.

    On a CPU each computes with as many threads as one process alone, however many there are: with another number, sums
    are added up in another order, and maps would not be the same bit for bit. Threads that wait fall asleep.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    share = max(1, cores() // processes)
    of_kind = {"ACCELERATE_USE_CPU": "1"} if on_cpu else {"OMP_NUM_THREADS": str(threads() or share)}
    return (
        dict(os.environ)
        | {
            "PYTHONIOENCODING": "utf-8",  # of the log that the parent reads
            "WORLD_SIZE": str(processes),
            "LOCAL_WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        | of_kind
    )


def _start(program: list[str], environment: dict[str, str], lifeline: int, title: str, log: Path) -> Rank:
    """Start one rank; what it prints goes to its log, what it reports to a pipe."""
    reports, written = os.pipe()
    with log.open("wb") as output:
        process = subprocess.Popen(
            program,
            env=environment | {REPORTS: str(written), LIFELINE: str(lifeline)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(written, lifeline),
            start_new_session=True,
        )
    os.close(written)
    return Rank(title, process, reports, log)


def agreed(value: Value, accelerator: Accelerator | None) -> Value:
    """The main process's value, in every process."""
    if accelerator is None or accelerator.num_processes == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]  # type: ignore[no-any-return]
