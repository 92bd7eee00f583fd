"""In what runs differ besides their scores: recipes, time and disk a stage, and what they were made with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.how_made import how_made
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.made import files_below
from puzzlecam_cli.run.plan import flatten
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages import STAGE_NAMES


@dataclass(frozen=True)
class StageCosts:
    """Seconds that a stage took and bytes that its folder holds now, run by run; None where it was not made."""

    stage: str
    seconds: tuple[float | None, ...]
    bytes: tuple[int | None, ...]


def recipe_differences(runs: Sequence[Run]) -> dict[str, tuple[Any, ...]]:
    """The values of each key that is not the same in all recipes; None also for a key that a recipe has not."""
    recipes = [dict(_flat(run.recipe.model_dump(mode="json"))) for run in runs]
    return _differing(recipes)


def stage_costs(runs: Sequence[Run]) -> list[StageCosts]:
    """One entry a stage that any of the runs has made."""
    entries = []
    for stage in STAGE_NAMES:
        seconds = tuple(_seconds(run.ledger, stage) for run in runs)
        if any(value is not None for value in seconds):
            sizes = tuple(
                None if took is None else _size(run.folder, stage) for run, took in zip(runs, seconds, strict=True)
            )
            entries.append(StageCosts(stage, seconds, sizes))
    return entries


def made_with(runs: Sequence[Run]) -> dict[str, tuple[str | None, ...]]:
    """Versions, machines and precision that are not the same in all runs; several in one where its steps differ."""
    found = []
    for run in runs:
        records = [record for steps in run.ledger.records.values() for record in steps.values() if record.is_made]
        names = dict.fromkeys(name for record in records for name in record.versions)
        told = {name: _joined(record.versions.get(name) for record in records) for name in names}
        precision = how_made(run.ledger)["precision"]
        found.append(told | ({"precision": ", ".join(precision)} if precision else {}))
    return _differing(found)


def _differing(all_values: Sequence[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for values in all_values for name in values)
    rows = {name: tuple(values.get(name) for values in all_values) for name in names}
    return {name: row for name, row in rows.items() if any(_typed(value) != _typed(row[0]) for value in row)}


def _typed(value: Any) -> tuple[type, Any]:
    """For Python `True == 1`; for a recipe they are two values."""
    return type(value), value


def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        yield from flatten(key, value)


def _joined(values: Iterator[str | None]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))


def _seconds(ledger: Ledger, stage: str) -> float | None:
    records = [record for record in ledger.records.get(stage, {}).values() if record.is_made]
    return round(sum(record.seconds for record in records), 3) if records else None


def _size(folder: RunFolder, stage: str) -> int:
    place = folder.root / stage
    return sum((place / name).lstat().st_size for name in files_below(place))
