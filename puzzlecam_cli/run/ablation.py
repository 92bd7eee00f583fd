"""Table 1 of the paper on anybody's photos: its four rows as recipes, and what their scores say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.scores import Scores

Summary = dict[str, Any]
WHAT = "mIoU of the class activation maps"
FILES = ("ablation.json", "ablation.md", "ablation.svg")


@dataclass(frozen=True)
class Row:
    """One row of Table 1: which of the puzzle losses are added to L_cls, and the paper's mIoU of the maps."""

    name: str
    title: str
    classify_tiles: bool
    compare_maps: bool
    paper: float


TABLE_1 = (
    Row("cls", "L_cls", classify_tiles=False, compare_maps=False, paper=0.4782),
    Row("p-cls", "L_cls + L_p-cls", classify_tiles=True, compare_maps=False, paper=0.4770),
    Row("re", "L_cls + L_re", classify_tiles=False, compare_maps=True, paper=0.4921),
    Row("all", "L_cls + L_p-cls + L_re", classify_tiles=True, compare_maps=True, paper=0.5153),
)


def recipe_of(recipe: Recipe, row: Row, seed: int) -> Recipe:
    """The recipe with one row's losses and one seed.

    Raises:
        UserError: the recipe has no L_re to leave out.
    """
    puzzle = recipe.train_cls.puzzle
    if puzzle.alpha == 0:
        raise UserError(
            "usage",
            "train_cls.puzzle.alpha is 0: the rows with and without L_re would be the same",
            hint="--set train_cls.puzzle.alpha=1, or the weight you want to look at",
        )
    changed = puzzle.model_copy(
        update={"classify_tiles": row.classify_tiles, "alpha": puzzle.alpha if row.compare_maps else 0.0}
    )
    train_cls = recipe.train_cls.model_copy(update={"puzzle": changed})
    return recipe.model_copy(update={"seed": seed, "train_cls": train_cls})


def summarise(recipe: Recipe, seeds: Sequence[int], scores: Mapping[tuple[str, int], Scores]) -> Summary:
    """Mean and spread of each row over the seeds, and of its difference to the first row, seed by seed.

    Args:
        scores: `scores.json` by row name and seed.

    Returns:
        What `ablation.json` holds; mIoU in [0, 1], spreads are sample standard deviations, null for one seed.
    """
    maps = {key: _maps(found) for key, found in scores.items()}
    puzzle = recipe.train_cls.puzzle
    first = maps[TABLE_1[0].name, seeds[0]]
    rows = []
    for row in TABLE_1:
        values = [maps[row.name, seed]["miou"] for seed in seeds]
        gains = [value - maps[TABLE_1[0].name, seed]["miou"] for value, seed in zip(values, seeds, strict=True)]
        rows.append(
            {
                "name": row.name,
                "title": row.title,
                "miou": [round(value, 6) for value in values],
                "threshold": [maps[row.name, seed]["threshold"] for seed in seeds],
                **_mean_and_spread(values),
                "gain": _mean_and_spread(gains) if row is not TABLE_1[0] else None,
                "paper": row.paper,
            }
        )
    return {
        "schema": 1,
        "what": WHAT,
        "split": first["split"],
        "images": first["images"],
        "threshold_from": first["threshold_from"],
        "tags_from": scores[TABLE_1[0].name, seeds[0]]["tags_from"],
        "backbone": recipe.backbone.name,
        "puzzle": puzzle.model_dump(mode="json", exclude={"classify_tiles"}),
        "seeds": list(seeds),
        "rows": rows,
        "paper": "Table 1: ResNet-50, VOC 2012 train, one run",
    }


def _maps(scores: Scores) -> dict[str, Any]:
    return next(result for result in scores["results"] if result["what"] == "cams")


def _mean_and_spread(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": round(fmean(values), 6), "sd": round(stdev(values), 6) if len(values) > 1 else None}
