"""Keep, resume or run: decided from recipe, data and ledger, with the reason in words. Changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from puzzlecam_cli.data.open import data_fingerprint, resolve_data
from puzzlecam_cli.data.voc import VocFolder
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.data import SyntheticData
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Inputs, Ledger
from puzzlecam_cli.run.pipeline import Stage, Step, all_steps

Action = Literal["keep", "repair", "resume", "run"]
NOT_THERE = "not there"
NOT_MADE = "not made yet"
_NO_KEY = object()


@dataclass(frozen=True)
class Decision:
    """What is to be done with a step, and why.

    `repair` makes some lost files of a finished artifact again, which stays the same artifact to those made from it.
    """

    stage: str
    step: str
    action: Action
    because: str


def plan(
    recipe: Recipe,
    folder: RunFolder,
    ledger: Ledger,
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
            decisions[step.name] = _decide(recipe, folder, ledger, stage.name, step, coming, forced)
    _check_earlier(pipeline, chosen_names, decisions)
    return [decision for decision in decisions.values() if decision.stage in chosen_names]


def inputs_of(recipe: Recipe, folder: RunFolder, ledger: Ledger, step: Step) -> Inputs:
    """All that decides what a step makes, by name."""
    inputs: Inputs = {"version": step.version}
    values = recipe.model_dump(mode="json")
    for key in step.keys:
        inputs |= {
            name: value
            for name, value in flatten(key, _lookup(values, key))
            if not any(name == skipped or name.startswith(skipped + ".") for skipped in step.without)
        }
    for wanted in step.data:
        inputs |= _data_input(recipe, folder, wanted, step.takes_what_is_there)
    for need in step.needs:
        record = ledger.get(need)
        inputs[need] = record.made if record and record.state == "done" else _found(folder, need)
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
    bare = Recipe.model_validate({"recipe": 1, "data": {"kind": "synthetic"}, "backbone": "none"})
    return {name: value for key, below in bare.model_dump(mode="json").items() for name, value in flatten(key, below)}


def _lookup(values: dict[str, Any], key: str) -> Any:
    found: Any = values
    for part in key.split("."):
        found = found[part]
    return found


def check_data(recipe: Recipe, folder: RunFolder, steps: Iterable[Step]) -> None:
    """Look at the lists, photos and tags that steps will read, before anything is written.

    Raises:
        UserError: what is wrong with them.
    """
    if isinstance(recipe.data, SyntheticData):
        return
    photos = VocFolder(recipe.data)
    for wanted in {wanted for step in steps if not step.takes_what_is_there for wanted in step.data}:
        which, *extra = wanted.split()
        if split := _split(recipe, folder, which):
            photos.photos(split, tags="tags" in extra)


def _split(recipe: Recipe, folder: RunFolder, which: str) -> str | None:
    settings = resolve_data(recipe.data, folder.root)
    return {"train": settings.train, "val": settings.val, "score": settings.score_split}[which]


def _data_input(recipe: Recipe, folder: RunFolder, wanted: str, tolerant: bool) -> Inputs:
    which, *extra = wanted.split()
    split = _split(recipe, folder, which)
    if split is None:
        return {f"data.{which}": None}
    try:
        value = data_fingerprint(recipe, folder.root, split, tags="tags" in extra, masks="masks" in extra)
    except UserError:
        if not tolerant:
            raise
        value = NOT_THERE
    return {f"data.{which}": f"{split} {value}"}


def _found(folder: RunFolder, need: str) -> str:
    """A hash of files that no step is known to have made, for steps that take what is there."""
    stats = [
        f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
        for path in sorted((folder.root / need).rglob("*"))
        if path.is_file()
    ]
    return f"found {hashlib.sha256(' '.join(stats).encode()).hexdigest()[:16]}" if stats else NOT_THERE


def _decide(
    recipe: Recipe,
    folder: RunFolder,
    ledger: Ledger,
    stage: str,
    step: Step,
    coming: set[str],
    force: bool,
) -> Decision:
    def decision(action: Action, because: str) -> Decision:
        return Decision(stage, step.name, action, because)

    record = ledger.get(step.name)
    if record is None:
        return decision("run", NOT_MADE)
    if force:
        return decision("run", "asked for")
    renewed = [need for need in step.needs if need in coming]
    if renewed:
        return decision("run", f"{renewed[0]} is made anew")
    known = record.inputs
    inputs = inputs_of(recipe, folder, ledger, step)
    # a key that came with a newer program leaves older runs as they are while it has its default
    inputs = {key: value for key, value in inputs.items() if key in known or value != _defaults().get(key, _NO_KEY)}
    if inputs != known:
        return decision("run", what_changed(known, inputs))
    if record.state != "done":
        return decision("resume", "was interrupted" if record.state != "failed" else "had failed")
    missing = record.files - step.found(folder.root)
    if missing > 0:
        lost = f"{missing} of {record.files} files are not there any more"
        return decision("repair" if missing < record.files else "run", lost)
    return decision("keep", "recipe and inputs unchanged")


def what_changed(before: Inputs, after: Inputs) -> str:
    """The first difference in words, and how many more there are."""
    changes = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key), after.get(key)
        if key in before and key in after and old == new:
            continue
        if key == "version":
            changes.append("the program makes it differently now")
        elif key.startswith("data."):
            changes.append(f"the photos, tags or masks of {key} changed")
        elif isinstance(new, str) and (key in ("cams",) or "/" in key):
            changes.append(f"{key} was made anew")
        else:
            changes.append(f"{key} changed: {json.dumps(old)} → {json.dumps(new)}")
    more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    return f"{changes[0]}{more}"


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
