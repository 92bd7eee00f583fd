"""Carry out a plan: step after step, each remembered in the ledger when it is whole."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from puzzlecam_cli.events import Emit, StageEnded, StageKept, StageStarted
from puzzlecam_cli.files import remove_leftovers, write_text
from puzzlecam_cli.interrupt import stop_asked, stop_if_asked
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger, Record, State, now, versions
from puzzlecam_cli.run.pipeline import Stage, Step
from puzzlecam_cli.run.plan import Decision, fingerprint, inputs_of

if TYPE_CHECKING:
    from accelerate import Accelerator


def execute(
    recipe: Recipe,
    folder: RunFolder,
    ledger: Ledger,
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
    by_step = {decision.step: decision for decision in decisions}
    for stage in chosen:
        todo = [step for step in stage.steps if by_step[step.name].action != "keep"]
        if not todo:
            emit(StageKept(stage.name, by_step[stage.steps[0].name].because))
            continue
        if accelerator is None:
            from puzzlecam_cli.engine.accelerator import make_accelerator

            accelerator = make_accelerator(recipe.runtime)
        stop_if_asked()
        emit(StageStarted(stage.name, by_step[todo[0].name].because))
        began, state = time.monotonic(), "failed"
        try:
            if is_main:
                for path in (folder.recipe, folder.ledger):
                    remove_leftovers(path)
                write_recipe(folder, recipe)
            for step in todo:
                _make(recipe, folder, ledger, stage.name, step, by_step[step.name], accelerator, emit)
            state = "done"
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        finally:
            with suppress(OSError) if state != "done" else nullcontext():
                emit(StageEnded(stage.name, state, time.monotonic() - began))


def write_recipe(folder: RunFolder, recipe: Recipe) -> None:
    """`recipe.yaml`: the resolved recipe, every default written out."""
    values = recipe.model_dump(mode="json")
    write_text(folder.recipe, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _make(
    recipe: Recipe,
    folder: RunFolder,
    ledger: Ledger,
    stage: str,
    step: Step,
    decision: Decision,
    accelerator: Accelerator,
    emit: Emit,
) -> None:
    from puzzlecam_cli.run.context import Context

    inputs = inputs_of(recipe, folder, ledger, step)
    before, repaired = ledger.get(step.name), decision.action == "repair"
    record = Record("running", fingerprint(inputs), inputs, started=now(), versions=versions())
    began = time.monotonic()

    def note(state: State) -> None:
        if accelerator.is_main_process:
            record.state, record.seconds = state, round(time.monotonic() - began, 3)
            record.ended = before.ended if repaired and before else now()
            record.files = step.found(folder.root)
            ledger.put(stage, step.name, record)

    context = Context(stage, recipe, folder, accelerator, emit)
    try:
        if accelerator.is_main_process:
            for name in step.own:
                if decision.action == "run":
                    _delete(folder.root / name)
                remove_leftovers(folder.root / name)
            ledger.put(stage, step.name, record)
            _ = context.data  # synthetic pictures are written now, before other processes look for them
        accelerator.wait_for_everyone()
        stop_if_asked()
        step.make(context)
        accelerator.wait_for_everyone()
    except BaseException as error:
        # others of a group or workers, asked to stop as well, may have gone first
        is_stop = isinstance(error, KeyboardInterrupt) or (stop_asked() and isinstance(error, RuntimeError))
        with suppress(OSError):  # where the disk is full, the first error is the one to tell
            note("interrupted" if is_stop else "failed")
        if is_stop:
            raise KeyboardInterrupt from None
        raise
    note("done")


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
