"""All that a report tells of a run. Each part is read for itself: one that is missing or damaged leaves the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import read_file
from puzzlecam_cli.run.ablation import FILES, WHAT, Summary
from puzzlecam_cli.run.how_made import how_made
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.run.run import Run as Working
from puzzlecam_cli.run.scores import Scores
from puzzlecam_cli.use.card_facts import current_scores, in_yaml, shareable_recipe
from puzzlecam_cli.use.report.curves import Training, read_training
from puzzlecam_cli.use.report.sample import Shown, sample
from puzzlecam_cli.use.report.stages import Noted, StageFact, read_notes, stage_facts
from puzzlecam_cli.use.run import Run

Found = TypeVar("Found")
TRAINED = ("train-cls", "affinity", "seg")
LARGEST = 1 << 26  # bytes of a file of numbers


@dataclass(frozen=True)
class Confusion:
    """Pixels by true class (rows) and class found, (C+1, C+1), of one result of the scores."""

    what: str
    split: str
    classes: tuple[str, ...]
    pixels: NDArray[np.int64]


@dataclass(frozen=True)
class Facts:
    """What is known of a run.

    Args:
        name: of its folder.
        title: of its recipe, as it was called.
        recipe: of paths in it only the last name.
        classes: None: not known.
        scores: of what is there now.
        outdated: whether there are others, of what was made before.
        evaluated: whether `eval` has run; without masks it scores nothing.
        supervision: by stage, what its network's file says of tags, masks and so on.
        ablation: Table 1 on this run's photos.
        photos: a sample, with what was made of each.
        missing: what is not there or cannot be read, a sentence each.
    """

    name: str
    title: str
    recipe: str
    seed: int
    backbone: str
    classes: tuple[str, ...] | None
    stages: tuple[StageFact, ...]
    scores: Scores | None
    outdated: bool
    evaluated: bool
    confusions: tuple[Confusion, ...]
    trainings: tuple[Training, ...]
    supervision: dict[str, dict[str, str]]
    made_with: dict[str, list[str]]
    notes: tuple[Noted, ...]
    ablation: Summary | None
    photos: tuple[Shown, ...]
    counts: dict[str, int]
    missing: tuple[str, ...]


def gather(path: Path, *, photos: int) -> Facts:
    """Read a run's files.

    Args:
        path: its folder.
        photos: how many are shown, at most.

    Raises:
        UserError: it is not a run's folder, or its recipe or ledger is damaged.
    """
    run = Run(path)
    working = Working.of(path)
    missing: list[str] = []

    def tried(what: str, read: Callable[[], Found]) -> Found | None:
        try:
            return read()
        except UserError as error:
            missing.append(f"{what}: {error.problem}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            missing.append(f"{what} cannot be read: {why or 'damaged, or not written by puzzlecam'}")
        return None

    folder = working.folder
    stages = stage_facts(working)
    told = tried("scores", partial(current_scores, working))
    scores, outdated = told or (None, False)
    classes = tried("names of classes", lambda: run.classes)
    trainings, supervision = [], {}
    for stage in TRAINED:
        log, model = folder.metrics(stage), folder.model(stage)
        if log.is_file() and (training := tried(f"curves of {stage}", partial(read_training, stage, log))):
            trainings.append(training)
        if model.is_file() and (described := tried(f"model of {stage}", partial(read_description, model))):
            supervision[stage] = dict(described.supervision)
    events = tried("events", partial(read_notes, folder.events)) if folder.events.is_file() else None
    notes, title = events or ((), None)
    shown = tried("photos", partial(sample, run, most=photos)) if classes else None
    ablation = path / "ablation" / FILES[0]
    return Facts(
        name=path.resolve().name,
        title=title or path.resolve().name,
        recipe=in_yaml(shareable_recipe(run.recipe)),
        seed=run.recipe.seed,
        backbone=run.recipe.backbone.name,
        classes=classes,
        stages=stages,
        scores=scores,
        outdated=outdated,
        evaluated=next(stage.state for stage in stages if stage.name == "eval") == "done",
        confusions=_confusions(folder.confusion, scores, tried),
        trainings=tuple(trainings),
        supervision=supervision,
        made_with=how_made(working.ledger),
        notes=notes,
        ablation=tried("ablation", partial(read_ablation, ablation)) if ablation.is_file() else None,
        photos=shown.photos if shown else (),
        counts=shown.counts if shown else {},
        missing=(*missing, *(shown.missing if shown else ())),
    )


def _confusions(path: Path, scores: Scores | None, tried: Callable[..., Any]) -> tuple[Confusion, ...]:
    """Of the results that are told of."""
    if scores is None or not path.is_file():
        return ()
    wanted = {result["what"] for result in scores["results"]}
    found = tried("confusion of classes", partial(read_confusions, path)) or ()
    return tuple(confusion for confusion in found if confusion.what in wanted)


def read_confusions(path: Path) -> tuple[Confusion, ...]:
    """What `eval` wrote.

    Raises:
        UserError: it cannot be read.
        ValueError, KeyError, TypeError: it is damaged.
    """
    content = json.loads(read_file(path, limit=LARGEST))
    classes = tuple(str(name) for name in content["classes"])
    found = []
    for result in content["results"]:
        pixels = np.array(result["pixels"], np.int64)
        if pixels.shape != (len(classes), len(classes)) or (pixels < 0).any():
            raise ValueError("not a count for each pair of classes")
        found.append(Confusion(str(result["what"]), str(result["split"]), classes, pixels))
    return tuple(found)


def read_ablation(path: Path) -> Summary:
    """The summary of an ablation.

    Raises:
        UserError: it cannot be read.
        ValueError, KeyError, TypeError: it is not ours, or damaged.
    """
    summary: Summary = json.loads(read_file(path, limit=1 << 20))
    if summary["what"] != WHAT or len(summary["rows"]) < 2:
        raise ValueError("not an ablation of ours")
    for row in summary["rows"]:
        _ = [float(value) for value in (*row["miou"], row["mean"], row["paper"])], str(row["title"])
    _ = [int(seed) for seed in summary["seeds"]], summary["puzzle"].items(), int(summary["images"])
    return summary
