"""Runs side by side, set out as tables: rows of text for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.recipe.document import shown
from puzzlecam_cli.use.comparison.compared import Comparison, names_of
from puzzlecam_cli.view.scores import TITLES
from puzzlecam_cli.view.words import duration, size


class Table(NamedTuple):
    """A heading and rows of text; columns named in `numbers` are aligned to the right."""

    title: str
    rows: list[tuple[str, ...]]
    numbers: tuple[str, ...] = ()


def comparison_tables(found: Comparison) -> list[Table]:
    """Scores, recipe keys, time and disk, versions; of what does not differ, no table."""
    names = tuple(names_of(found.told.runs))
    return [
        table
        for table in (_scores(found), _recipe(found, names), _costs(found, names), _made_with(found, names))
        if len(table.rows) > 1
    ]


def _scores(found: Comparison) -> Table:
    heading = ("what", "photos", "run", "mIoU", "cut at", "gain", "95 % interval", "worse in")
    rows = [heading, *(row for result in found.results for row in _rows(result, names_of(found.told.runs)))]
    return Table("Scores", rows, ("photos", "mIoU", "cut at", "gain", "worse in"))


def _rows(result: dict[str, Any], names: list[str]) -> Iterator[tuple[str, ...]]:
    what, photos = TITLES[result["what"]], str(result["photos"])
    for name, run in zip(names, result["runs"], strict=True):
        if run is None:
            yield what, photos, name, "–", "", "", "", ""
        else:
            yield what, photos, name, _number(run["miou"]), _threshold(run), *difference_words(run["difference"])
        what = photos = ""


def difference_words(difference: dict[str, float] | None) -> tuple[str, str, str]:
    """Difference, interval and share of resamples that are worse; empty for the run that others are compared with."""
    if difference is None:
        return "", "", ""
    low, high = difference["low"], difference["high"]
    return f"{difference['miou']:+.3f}", f"{low:+.3f} to {high:+.3f}", f"{100 * difference['worse']:.1f} %"


def _recipe(found: Comparison, names: tuple[str, ...]) -> Table:
    rows = [(key, *map(shown, values)) for key, values in found.recipe.items()]
    return Table("Recipes, where they differ", [("key", *names), *rows])


def _costs(found: Comparison, names: tuple[str, ...]) -> Table:
    times, sizes = (tuple(f"{what}, {name}" for name in names) for what in ("time", "disk"))
    rows = []
    for costs in found.stages:
        took = ("–" if seconds is None else duration(seconds) for seconds in costs.seconds)
        holds = ("–" if count is None else size(count) for count in costs.bytes)
        rows.append((costs.stage, *took, *holds))
    return Table("Time and disk", [("stage", *times, *sizes), *rows], times + sizes)


def _made_with(found: Comparison, names: tuple[str, ...]) -> Table:
    rows = [(name, *(value or "–" for value in values)) for name, values in found.made_with.items()]
    return Table("Made with, where it differs", [("what", *names), *rows])


def _threshold(run: dict[str, Any]) -> str:
    if run["threshold_from"] is None:
        return ""
    return AUTO if run["threshold"] is None else f"{run['threshold']:.2f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
