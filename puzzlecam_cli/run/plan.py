"""Keep, resume or run: decided from recipe, data and ledger, with the reason in words. Changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from operator import getitem
from typing import Any, Literal

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.model import model_of
from puzzlecam_cli.run.automatic import RULE, rule_inputs
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Inputs
from puzzlecam_cli.run.made import claimed, count, files_below
from puzzlecam_cli.run.pipeline import Stage, Step, all_steps
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.saliency import FILES, saliency_inputs

Action = Literal["keep", "repair", "resume", "run"]
NOT_THERE = "not there"
NOT_MADE = "not made yet"
CLEANED = "cleaned to free the disk"
CLEANED_AWAY = "cleaned away"
_NO_KEY = object()
ANY_NUMBER = ".accumulate"  # ends keys whose `auto` is content with what was made by any number
PRECISION = "runtime.mixed_precision"  # what it was is remembered; `auto` is content with any
TF32 = "runtime.tf32"  # likewise; true allows it, and is content with what was made without
ANY_ENGINE = ".engine"  # ends keys of dense CRFs, of which `auto` is content with any
_DATA_CHANGED = "the photos, tags or masks of {} changed"
BEFORE_ITS_KEY = {"seg.first_weights": "pytorch"}  # what older programs did, where a key they lack has another default
UNFINISHED_STATES = {
    "running": "was interrupted",
    "interrupted": "was interrupted",
    "whole": "was interrupted",
    "failed": "had failed",
}


@dataclass(frozen=True)
class Decision:
    """What is to be done with a step, and why.

    `repair` makes lost or cleaned files of a finished artifact again, which stays the same artifact to those made
    from it.
    """

    stage: str
    step: str
    action: Action
    because: str


def plan(
    run: Run,
    pipeline: tuple[Stage, ...],
    chosen: Iterable[Stage],
    force: bool = False,
) -> list[Decision]:
    """One decision a step of the chosen stages, in order.

    Raises:
        UserError: a stage outside the chosen ones is needed, but missing or out of date.
    """
    chosen_names = {stage.name for stage in chosen}
    decisions: dict[str, Decision] = {}
    for stage in pipeline:
        for step in stage.steps:
            coming = {d.step for d in decisions.values() if d.action in ("resume", "run") and d.stage in chosen_names}
            forced = force and stage.name in chosen_names
            decisions[step.name] = _decide(run, stage.name, step, coming, forced)
    _ask_for_cleaned(run, pipeline, chosen_names, decisions)
    _check_earlier(pipeline, chosen_names, decisions)
    _check_there(run, pipeline, chosen_names, decisions)
    return [decision for decision in decisions.values() if decision.stage in chosen_names]


def inputs_of(run: Run, step: Step, found: Inputs | None = None) -> Inputs:
    """All that decides what a step makes, by name.

    Args:
        found: what keys of the recipe come to on the machine where the step is made.
    """
    inputs: Inputs = {"version": step.version}
    values = run.recipe.model_dump(mode="json")
    for key in step.keys:
        inputs |= {
            name: value
            for name, value in flatten(key, reduce(getitem, key.split("."), values))
            if step.reads(name, run.recipe)
        }
    inputs |= {key: value for key, value in (found or {}).items() if key in inputs}
    inputs |= rule_inputs(inputs) | saliency_inputs(run, step)
    for wanted in step.data:
        inputs |= _data_input(run, wanted, step.takes_what_is_there)
    for need in step.needs:
        record = run.ledger.get(need)
        inputs[need] = record.made if record and record.is_made else _found(run.folder, need)
        if step.takes_what_is_there and record and record.state == "cleaned":
            inputs[need] = CLEANED_AWAY
    return inputs


def fingerprint(inputs: Inputs) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A section as dotted keys and plain values."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from flatten(f"{name}.{key}", below)
    else:
        yield name, value


@cache
def _defaults() -> Inputs:
    """Every recipe key that has a default, with it."""
    values = {"recipe": 1, "data": {"kind": "synthetic"}, "backbone": "none"}
    bare = model_of(values).model_validate(values)
    return {name: value for key, below in bare.model_dump(mode="json").items() for name, value in flatten(key, below)}


def _data_input(run: Run, wanted: str, tolerant: bool) -> Inputs:
    which, *extra = wanted.split()
    split = run.photos.splits.named(which)
    if split is None:
        return {f"data.{which}": None}
    try:
        value = run.photos.fingerprint(split, tags="tags" in extra, masks="masks" in extra)
        if "masks" in extra and (left := len(run.photos.left_out(split)) + len(run.photos.masks_left_out(split))):
            value = f"{value}, {left} left out"  # which scores tell
    except UserError:
        if not tolerant:
            raise
        value = NOT_THERE
    return {f"data.{which}": f"{split} {value}"}


def _found(folder: RunFolder, need: str) -> str:
    """A hash of files that no step is known to have made, for steps that take what is there."""
    stats = [
        f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
        for path in sorted(folder.root / need / name for name in files_below(folder.root / need))
        if path.is_file()
    ]
    return f"found {hashlib.sha256(' '.join(stats).encode()).hexdigest()[:16]}" if stats else NOT_THERE


def _decide(run: Run, stage: str, step: Step, before: set[str], force: bool) -> Decision:
    def decision(action: Action, because: str) -> Decision:
        return Decision(stage, step.name, action, because)

    record, coming = run.ledger.get(step.name), run.ledger.get_coming(step.name)
    if record is None:
        return decision("run", NOT_MADE)
    if force:
        return decision("run", "asked for")
    renewed = [need for need in step.needs if need in before]
    if renewed:
        return decision("run", f"{renewed[0]} is made anew")
    inputs = inputs_of(run, step)
    changes = what_changed(record.inputs, inputs | _read_before_cleaning(run, record.inputs, inputs))
    if changes and coming and not what_changed(coming.inputs, inputs):
        return decision("resume", UNFINISHED_STATES[coming.state])
    if changes:
        return decision("run", in_words(changes) + _why(run, step, changes[0]))
    if record.state == "cleaned":
        return decision("keep", f"{CLEANED}; made again where something needs it")
    if record.state != "done":
        return decision("resume", UNFINISHED_STATES[record.state])
    missing = record.files - count(run.folder.root, step)
    if missing > 0:
        lost = f"{missing} of {record.files} files are not there any more{_such_as(run, step)}"
        return decision("repair" if missing < record.files else "run", lost)
    return decision("keep", "recipe and inputs unchanged")


def _read_before_cleaning(run: Run, before: Inputs, inputs: Inputs) -> Inputs:
    """The inputs that a step took before they were cleaned away, which is no change of them."""
    away = [need for need, value in inputs.items() if value == CLEANED_AWAY]
    return {need: before[need] for need in away if (r := run.ledger.get(need)) and before.get(need) == r.made}


def _ask_for_cleaned(run: Run, pipeline: tuple[Stage, ...], chosen: set[str], decisions: dict[str, Decision]) -> None:
    """Repair what was cleaned where a step that is made now reads it, or where its stage alone was asked for."""
    steps = {step.name: step for step in all_steps(pipeline)}
    for name in reversed(steps):  # from the last back: what is repaired needs others in turn
        decision, record = decisions[name], run.ledger.get(name)
        if decision.action != "keep" or record is None or record.state != "cleaned":
            continue
        readers = [
            d.step
            for d in decisions.values()
            if name in steps[d.step].needs
            and d.action != "keep"
            and (d.stage in chosen or d.because.startswith(CLEANED))
        ]
        if readers:
            decisions[name] = replace(decision, action="repair", because=f"{CLEANED}, and {readers[0]} needs it")
        elif chosen == {decision.stage}:
            decisions[name] = replace(decision, action="repair", because=f"{CLEANED}, and asked for")


def _why(run: Run, step: Step, change: str) -> str:
    """What the data know of why they changed."""
    for which in (wanted.split()[0] for wanted in step.data):
        split = run.photos.splits.named(which)
        if split is not None and change == _DATA_CHANGED.format(f"data.{which}"):
            return run.photos.why_changed(split)
    return ""


def _such_as(run: Run, step: Step) -> str:
    """A file of a step that is lost, if its list tells."""
    root = run.folder.root
    name = next((name for name in claimed(root, step) or () if not (root / name).is_file()), None)
    return f", such as {root / name}" if name else ""


def what_changed(before: Inputs, after: Inputs) -> list[str]:
    """The differences, each in words.

    A key that came with a newer program leaves older runs as they are if it has its default, or what was done before.
    """
    before = {key: value for key, value in BEFORE_ITS_KEY.items() if key in after} | before
    after = {key: value for key, value in after.items() if key in before or value != _defaults().get(key, _NO_KEY)}
    changes = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key), after.get(key)
        if key in before and key in after and (old == new or _is_content(key, new)):
            continue
        if key in ("version", RULE):
            changes.append("the program makes it differently now")
        elif key.startswith("data."):
            changes.append(_DATA_CHANGED.format(key))
        elif key == FILES and old and new:
            changes.append("the saliency maps changed")
        elif isinstance(new, str) and (key in ("cams",) or "/" in key):
            changes.append(f"{key} was made anew")
        else:
            changes.append(f"{key} changed: {json.dumps(old)} → {json.dumps(new)}")
    return changes


def _is_content(key: str, value: Any) -> bool:
    """Whether a recipe's value leaves it open what a step is made with."""
    if key == TF32:
        return value is True
    return value == "auto" and (key == PRECISION or key.endswith((ANY_NUMBER, ANY_ENGINE)))


def in_words(changes: Sequence[str]) -> str:
    """The first difference, and how many more there are."""
    return changes[0] + (f" (and {len(changes) - 1} more)" if len(changes) > 1 else "")


def _check_earlier(pipeline: tuple[Stage, ...], chosen: set[str], decisions: dict[str, Decision]) -> None:
    """Whether all that the chosen stages need from others is there and up to date."""
    steps = {step.name: step for step in all_steps(pipeline)}
    needed = [
        need
        for step in steps.values()
        if decisions[step.name].stage in chosen and not step.takes_what_is_there
        for need in step.needs
    ]
    for need in needed:  # grows while it is read: what a needed step needs in turn
        needed += [below for below in steps[need].needs if below not in needed]
    late = [d for d in decisions.values() if d.step in needed and d.stage not in chosen and d.action != "keep"]
    if not late:
        return
    missing = any(decision.because == NOT_MADE for decision in late)
    raise UserError(
        "stage-missing" if missing else "stage-stale",
        f"an earlier stage has to be run first: {late[0].stage}",
        tuple(f"{decision.step}: {decision.because}" for decision in late),
        f"run `puzzlecam {late[0].stage}` with the same recipe, --run and --set, or `puzzlecam run-all`",
    )


def _check_there(run: Run, pipeline: tuple[Stage, ...], chosen: set[str], decisions: dict[str, Decision]) -> None:
    """Whether a step that takes what is there finds anything."""
    for step in all_steps(pipeline):
        if not step.takes_what_is_there or decisions[step.name].stage not in chosen:
            continue
        coming = any(decisions[need].action != "keep" and decisions[need].stage in chosen for need in step.needs)
        if not coming and not any(name for need in step.needs for name in files_below(run.folder.root / need)):
            raise UserError(
                "stage-missing",
                f"there is nothing to score in {run.folder.root}",
                hint="run `puzzlecam run-all` or the stages before `eval` first",
            )
