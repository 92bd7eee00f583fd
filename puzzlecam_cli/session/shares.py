"""A prediction's work, in one process or in several, each of which does its share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.disk.walk import MARK
from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.events import Doing, Emit, Note, Progress
from puzzlecam_cli.group.interrupt import gentle_stop, reporting
from puzzlecam_cli.recipe.runtime import Runtime
from puzzlecam_cli.session.member import joined, load_torch
from puzzlecam_cli.use.job import Job
from puzzlecam_cli.use.results import Results

if TYPE_CHECKING:
    from accelerate import Accelerator

TASK = "predict"


def spread(
    root: Path, runtime: Runtime, accelerator: Accelerator | None, num_processes: int | None, emit: Emit
) -> None:
    """Do what is to be done, in one process or in several."""
    from puzzlecam_cli.group.launch import group_size, run_processes

    load_torch(emit)
    processes = 1 if accelerator is not None else group_size(num_processes, runtime)
    if processes > 1:
        run_processes(["predict-share", str(root)], runtime, processes, emit)
        return
    from puzzlecam_cli.engine.accelerator import make_accelerator

    do_share(root, accelerator or make_accelerator(runtime), emit)


def predict_share(out: str) -> None:
    """The part of a prediction that one of several processes does, which `predict` started for it."""
    root = Path(out)
    job, _ = Job.read(root)
    with gentle_stop(), joined(job.settings.runtime, root / MARK, None) as member:
        assert member.accelerator is not None
        do_share(root, member.accelerator, member.tell)


def do_share(root: Path, accelerator: Accelerator, emit: Emit) -> None:
    emit(Doing(TASK, "loading the network"))
    job, todo = Job.read(root)
    results = Results(root, accelerator.process_index)
    results.open_list()
    from puzzlecam_cli.engine.precision import said, tf32

    if text := said(job.settings.runtime, accelerator.mixed_precision):
        emit(Note(TASK, text))
    with tf32(job.settings.runtime.tf32):
        if job.source == "pseudo":
            from puzzlecam_cli.use.pseudo import make_pseudo

            make_pseudo(job, todo, results, accelerator, emit)
        else:
            from puzzlecam_cli.use.predict import predict_photos

            def report(task: str, unit: str) -> Tick:
                return report_of(task, job.settings.runtime, emit, unit)

            predict_photos(job, todo, results, accelerator, report, cache(lambda text: emit(Note(TASK, text))))
    accelerator.wait_for_everyone()


def report_of(task: str, runtime: Runtime, emit: Emit, unit: str = "images") -> Tick:
    return reporting(lambda done, total: emit(Progress(TASK, task, done, total, unit)), runtime.log_seconds)
