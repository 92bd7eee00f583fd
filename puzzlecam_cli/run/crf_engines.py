"""Who infers in a step's dense CRF: kept with the step's versions, so that no run mixes two engines in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter

import torch
from accelerate import Accelerator

from puzzlecam_cli.engine.dense_crfs import engine_of
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group.launch import agreed
from puzzlecam_cli.recipe.schema import Crf, Recipe
from puzzlecam_cli.registry import crf_brought_by
from puzzlecam_cli.run.ledger import ENGINE, Ledger, Record, engines_of
from puzzlecam_cli.run.pipeline import Step


def engine_versions(recipe: Recipe, step: Step, device: torch.device) -> dict[str, str]:
    """What `crf.engine` is in a step, `auto` resolved, and the version of what brings it; nothing where no CRF is."""
    crf: Crf | None = attrgetter(step.crf)(recipe) if step.crf and step.reads(step.crf, recipe) else None
    if crf is None or not crf.iterations:
        return {}
    name = engine_of(crf, device)
    return {ENGINE: name, **dict([crf_brought_by(name)])}


def check_agreed(versions: Mapping[str, str], accelerator: Accelerator) -> None:
    """Whether all processes, on whatever machines, take one engine.

    Raises:
        UserError: this one takes another than the first.
    """
    first, here = agreed(versions, accelerator).get(ENGINE), versions.get(ENGINE)
    if first != here:
        said = f"dense CRFs would be of two engines: {first} on the first machine, {here} on this one"
        raise UserError("engines-differ", said, hint="install the same packages on all, or name one as crf.engine")


def added_to(begun: Record | None, versions: dict[str, str]) -> dict[str, str]:
    """The versions of a step that goes on: of two engines, where it was begun with another."""
    names = dict.fromkeys([*engines_of(begun), *([versions[ENGINE]] if versions else [])])
    return versions | ({ENGINE: ", ".join(names)} if names else {})


def mixed(ledger: Ledger, step: Step, begun: Record | None, versions: Mapping[str, str]) -> Iterator[str]:
    """What is to be said where labels of one run are of two engines.

    Args:
        begun: the step before it goes on; None where it is made anew.
        versions: its versions now.
    """
    if not versions:
        return
    here = (versions[ENGINE],)
    if (before := engines_of(begun)) and before != here:
        yield f"{step.name} was begun with the CRF engine {before[0]} and goes on with {here[0]}; --force makes it anew"
    for steps in ledger.records.values():
        for name, record in steps.items():
            if name == step.name:
                return  # those after it are made anew as well
            if (other := engines_of(record)) and other != here:
                yield f"{name} is of the CRF engine {other[-1]}, {step.name} of {here[0]}; crf.engine names one for all"
