"""compare: runs beside the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.photos import Tell, Tick, silent
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import Result, Scores, read_scores
from puzzlecam_cli.text import shell
from puzzlecam_cli.use.comparison.facts import StageCosts, made_with, recipe_differences, stage_costs

WHATS = ("cams", "rw", "pseudo-labels", "predictions")


@dataclass(frozen=True)
class Told:
    """What a comparison was asked: runs as they were named, resamples and seed of the bootstrap."""

    runs: tuple[str, ...]
    resamples: int
    seed: int


@dataclass(frozen=True)
class Comparison:
    """What runs score on the photos that all of them have, and in what they differ.

    Args:
        results: see `puzzlecam_cli.use.comparison.scored.compare_result`, one for each artifact that was scored.
        notes: what a reader must know, a sentence each.
    """

    told: Told
    results: tuple[dict[str, Any], ...]
    recipe: dict[str, tuple[Any, ...]]
    stages: tuple[StageCosts, ...]
    made_with: dict[str, tuple[str | None, ...]]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1} | asdict(self.told) | {key: value for key, value in asdict(self).items() if key != "told"}


def compare(
    paths: Sequence[str],
    *,
    changes: Sequence[str] = (),
    resamples: int = 2000,
    seed: int = 0,
    told: Callable[[str], Tick] = lambda task: lambda done, total: None,
    tell: Tell = silent,
) -> Comparison:
    """Compare finished runs with the first of them; nothing of theirs is changed, no network is computed.

    Args:
        paths: folders of two runs or more, all scored by `eval`.
        changes: `dotted.key=YAML value` for all, to find data that were moved, or to score by other masks.
        resamples: of photos, for the intervals.
        told: gives for what is counted what is told of (done, total) photos.

    Raises:
        UserError: `runs-differ`: their classes or masks differ, or they have no photo in common; `usage`; a run is not
            there, not scored, or its data are not.
    """
    if len(paths) < 2:
        raise UserError("usage", "one run cannot be compared", hint="name two or more: puzzlecam compare RUN RUN")
    own = [Run.of(Path(path), tell) for path in paths]
    scores = [_scores(run, path) for run, path in zip(own, paths, strict=True)]
    runs = [Run.at(load_recipe(str(run.folder.recipe), changes), run.folder.root, tell) for run in own]
    _check_classes(runs, paths)
    names, notes = names_of(paths), [*_said_of_tags(scores, names_of(paths))]
    from puzzlecam_cli.use.comparison.scored import compare_result  # loads PyTorch

    results = []
    for what in WHATS:
        asked = [_result(each, what) for each in scores]
        if any(asked):
            compared, said = compare_result(what, runs, asked, names, resamples, seed, told)
            results += [compared] if compared else []
            notes += said
    if any(result["runs"][0] and any(result["runs"][1:]) for result in results):
        notes += _said_of_intervals(results)
    elif all(each["results"] for each in scores):
        problem = f"no result of {names[0]} can be set beside one of the others"
        raise UserError("runs-differ", problem, shorten(notes), "compare runs that were scored on the same photos")
    else:
        unscored = [name for name, each in zip(names, scores, strict=True) if not each["results"]]
        notes.append(f"Nothing is scored in {' and '.join(unscored)}, as there are no masks: no score can be compared.")
    for run, name in zip(own, names, strict=True):
        notes += _said_of_stale(run, name)
    return Comparison(
        Told(tuple(paths), resamples, seed),
        tuple(results),
        recipe_differences(own),
        tuple(stage_costs(own)),
        made_with(own),
        tuple(dict.fromkeys(notes)),
    )


def names_of(paths: Sequence[str]) -> list[str]:
    """What runs are called in tables: the last part of their paths, all of it where that is not enough."""
    last = [Path(path).name or path for path in paths]
    return last if len(set(last)) == len(set(paths)) else list(paths)


def _scores(run: Run, path: str) -> Scores:
    if not run.folder.scores.is_file():
        problem = f"{path} is not scored yet"
        raise UserError("stage-missing", problem, hint=f"`puzzlecam eval {shell(path)}` scores it")
    return read_scores(run.folder.scores)


def _result(scores: Scores, what: str) -> Result | None:
    return next((result for result in scores["results"] if result["what"] == what), None)


def _check_classes(runs: Sequence[Run], paths: Sequence[str]) -> None:
    for run in runs:  # what lies in another place may still seem to have classes
        run.photos.photos(run.photos.splits.train)
    first = runs[0].photos.classes
    for run, path in zip(runs[1:], paths[1:], strict=True):
        if (other := run.photos.classes) != first:
            where = [f"{name}: {', '.join(shorten(list(known)))}" for name, known in ((paths[0], first), (path, other))]
            hint = "compare runs of the same data"
            raise UserError("runs-differ", "the runs know different classes", tuple(where), hint)


def _said_of_tags(scores: Sequence[Scores], names: Sequence[str]) -> Iterator[str]:
    found = [each.get("tags_from") for each in scores]
    if len(set(found)) > 1:
        told = "; ".join(f"of {name} from {source}" for name, source in zip(names, found, strict=True))
        yield f"The runs were told tags by different sources: {told}."


def _said_of_stale(run: Run, name: str) -> Iterator[str]:
    """Whether a run is still what its recipe makes, as far as its own records tell."""
    from puzzlecam_cli.run.opened import stale_steps

    if run.ledger.get("seg/model") and (stale := stale_steps(run.folder.root)):
        again = f"`puzzlecam run-all {shell(str(run.folder.root))}` makes it anew"
        yield f"{name} is not what its recipe makes any more ({stale[0]}): {again}."


FEW = 30  # photos, below which a bootstrap is known to give too narrow intervals


def _said_of_intervals(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield (
        "Intervals tell how much of a difference may be due to the choice of photos. Another seed would move scores as "
        "well: before a small difference is believed, it is to be seen with several."
    )
    if any(0 < result["photos"] < FEW for result in results):
        yield f"Of fewer than {FEW} photos intervals come out too narrow."
