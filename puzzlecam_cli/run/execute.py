"""Carry out a plan: step after step, each remembered in the ledger when it is whole."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import replace as with_changes
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.engine.kept_memory import give_back_memory
from puzzlecam_cli.events import Doing, Emit, Machine, Note, StageEnded, StageKept, StageStarted
from puzzlecam_cli.files import remove_leftovers, write_text
from puzzlecam_cli.group.interrupt import stop_asked, stop_if_asked
from puzzlecam_cli.run import made
from puzzlecam_cli.run.folder import UNFINISHED, RunFolder
from puzzlecam_cli.run.ledger import ENGINE, LARGEST, Record, State, digest, now, versions
from puzzlecam_cli.run.ownership import make_whole, replace
from puzzlecam_cli.run.pipeline import Stage, Step
from puzzlecam_cli.run.plan import ANY_ENGINE, PRECISION, TF32, Decision, fingerprint, inputs_of
from puzzlecam_cli.run.run import Run

if TYPE_CHECKING:
    from accelerate import Accelerator


def execute(
    run: Run,
    chosen: Iterable[Stage],
    decisions: list[Decision],
    accelerator: Accelerator | None,
    emit: Emit,
) -> None:
    """Run what the decisions say.

    Args:
        accelerator: made when the first step needs it, if None.
    """
    is_main = accelerator is None or accelerator.is_main_process
    by_step, is_said = {decision.step: decision for decision in decisions}, False
    for stage in chosen:
        todo = [step for step in stage.steps if by_step[step.name].action != "keep"]
        if not todo:
            emit(StageKept(stage.name, by_step[stage.steps[0].name].because))
            continue
        from puzzlecam_cli.engine.accelerator import gpu_name, make_accelerator
        from puzzlecam_cli.engine.precision import said

        accelerator = accelerator or make_accelerator(run.recipe.runtime)
        if not is_said:
            emit(Machine(gpu_name(accelerator.device) or accelerator.device.type.upper(), accelerator.num_processes))
            if text := said(run.recipe.runtime, accelerator.mixed_precision):
                emit(Note("run", text))
        is_said = True
        stop_if_asked()
        emit(StageStarted(stage.name, by_step[todo[0].name].because))
        began, state = time.monotonic(), "failed"
        try:
            if is_main:
                _remove_leftovers(run)
                if not run.ledger.is_there:  # the mark of a run folder comes first
                    run.ledger.write()
            for step in todo:
                _make(run, stage.name, step, by_step[step.name], accelerator, emit)
            state = "done"
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        finally:
            with suppress(OSError) if state != "done" else nullcontext():
                emit(StageEnded(stage.name, state, time.monotonic() - began))


def write_recipe(run: Run, emit: Emit) -> None:
    """`recipe.yaml`: the resolved recipe, every default written out; one that somebody else changed is kept as well."""
    path, text = run.folder.recipe, run.text
    if path.is_file() and path.stat().st_size <= LARGEST and path.read_bytes() == text.encode():
        run.ledger.recipe = digest(path)
        return
    if path.is_file() and not run.ledger.wrote(path):
        kept = next(other for number in count(1) if not (other := path.with_name(f"recipe.own-{number}.yaml")).exists())
        path.rename(kept)
        emit(Note("run", f"{path} was changed since the run wrote it: that is kept as {kept.name}"))
    write_text(path, text)
    run.ledger.recipe = digest(path)


def _make(run: Run, stage: str, step: Step, decision: Decision, accelerator: Accelerator, emit: Emit) -> None:
    from puzzlecam_cli.engine.accelerator import gpu_name
    from puzzlecam_cli.engine.precision import has_tf32, tf32
    from puzzlecam_cli.run.context import Context
    from puzzlecam_cli.run.crf_engines import added_to, check_agreed, engine_versions, mixed

    engine, ledger = engine_versions(run.recipe, step, accelerator.device), run.ledger
    check_agreed(engine, accelerator)
    has_rounded = run.recipe.runtime.tf32 and has_tf32(accelerator.device)
    found = {PRECISION: accelerator.mixed_precision, TF32: has_rounded}
    if engine:
        found[f"{step.crf}{ANY_ENGINE}"] = engine[ENGINE]
    inputs = inputs_of(run, step, found)
    before, repaired = ledger.get(step.name), decision.action == "repair"
    staged = before is not None and before.is_made and not repaired
    made_of, name = (before.inputs, before.fingerprint) if before and repaired else (inputs, fingerprint(inputs))
    begun = (ledger.get_coming(step.name) if staged else before) if decision.action != "run" else None
    record = Record(
        "running",
        name,
        made_of,
        started=now(),
        versions=versions(gpu_name(accelerator.device)) | added_to(begun, engine),
    )
    began = time.monotonic()
    folder = with_changes(run.folder, staged=frozenset({step.name}) if staged else frozenset())

    def note(state: State) -> None:
        if accelerator.is_main_process:
            record.state, record.seconds = state, round(time.monotonic() - began, 3)
            record.ended = before.ended if repaired and before else now()
            record.files = made.count(folder.base(step.name), step)
            remember()

    def remember() -> None:
        if repaired and record.state != "done":
            return  # it stays the artifact that it was, some of whose files are not there
        if staged and record.state != "done":
            ledger.put_coming(stage, step.name, record)
        else:
            ledger.put(stage, step.name, record)

    context = Context(stage, run, folder, accelerator, emit)
    if accelerator.is_main_process:
        for said in mixed(ledger, step, begun, engine):
            emit(Note(stage, said))
        emit(Doing(stage, f"preparing {step.name}"))
        run.photos.prepare(context.counted("writing pictures"))  # before other processes look for them
        _begin(run, folder, step, decision)
    try:
        if accelerator.is_main_process:
            if not staged:  # else it tells of what is finished until that is replaced
                write_recipe(run, emit)
            remember()
        accelerator.wait_for_everyone()
        stop_if_asked()
        with tf32(run.recipe.runtime.tf32):
            step.make(context)
        give_back_memory()
        accelerator.wait_for_everyone()
    except BaseException as error:
        # others of a group or workers, asked to stop as well, may have gone first
        is_stop = isinstance(error, KeyboardInterrupt) or (stop_asked() and isinstance(error, RuntimeError))
        with suppress(OSError):  # where the disk is full, the first error is the one to tell
            note("interrupted" if is_stop else "failed")
        if is_stop:
            raise KeyboardInterrupt from None
        raise
    if staged:
        if accelerator.is_main_process:
            make_whole(folder, step)
            note("whole")
            replace(run.folder, step)
            write_recipe(run, emit)
        accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        folder = run.folder
        note("done")


def _begin(run: Run, folder: RunFolder, step: Step, decision: Decision) -> None:
    """Clear the place where a step's files will grow, and list them.

    Raises:
        UserError: files of somebody else are in the way.
    """
    base = folder.base(step.name)
    if step.name not in folder.staged:
        made.delete_own(run.folder.root / UNFINISHED, step)  # of a try that is given up
    if decision.action == "run":
        made.delete_own(base, step)
    for place in step.places:
        remove_leftovers(base / place)
    if step.each and (decision.action == "run" or _lacks_list(base, step)):
        made.claim(run.folder.root, base, step, made.names_of(run, step))


def _lacks_list(base: Path, step: Step) -> bool:
    """Whether a step was begun without listing its files, and has made none."""
    return made.claimed(base, step) is None and made.count(base, step) == 0


def finish_replacing(run: Run, steps: Iterable[tuple[str, Step]]) -> None:
    """Put what is whole in its place, where a run was killed just before that."""
    for stage, step in steps:
        record = run.ledger.get_coming(step.name)
        if record is not None and record.state == "whole":
            replace(run.folder, step)
            record.state = "done"
            _remove_leftovers(run)
            run.ledger.put(stage, step.name, record)


def _remove_leftovers(run: Run) -> None:
    for path in (run.folder.recipe, run.folder.ledger):
        remove_leftovers(path)
