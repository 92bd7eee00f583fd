"""Table 1 of the paper on anybody's photos: its four rows as recipes, and what their scores say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.data import VocData
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.scores import Scores

Summary = dict[str, Any]


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


def recipe_of(recipe: Recipe, data: VocData, row: Row, seed: int) -> Recipe:
    """The recipe with one row's losses, one seed, and data that all rows share.

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
    return recipe.model_copy(update={"seed": seed, "data": data, "train_cls": train_cls})


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
        "what": "mIoU of the class activation maps",
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


def ablation_table(summary: Summary) -> list[tuple[str, ...]]:
    """Heading and rows: losses, mIoU, gain over L_cls seed by seed, the paper's mIoU and gain."""
    baseline = summary["rows"][0]["paper"]
    seeds = f"{len(summary['seeds'])} seeds" if len(summary["seeds"]) > 1 else "1 seed"
    rows: list[tuple[str, ...]] = [("losses", f"mIoU, {seeds}", "gain over L_cls", "paper", "paper's gain")]
    for row in summary["rows"]:
        gain = _plus_minus(row["gain"], signed=True) if row["gain"] else ""
        paper_gain = f"{row['paper'] - baseline:+.3f}" if row["gain"] else ""
        rows.append((row["title"], _plus_minus(row), gain, f"{row['paper']:.3f}", paper_gain))
    return rows


def ablation_notes(summary: Summary) -> list[str]:
    """What a reader of the table must know."""
    notes = [
        f"{summary['what']} on `{summary['split']}`, {summary['images']} images, {summary['backbone']}; each run at "
        f"the background threshold best on {summary['threshold_from']}; mean ± standard deviation over seeds "
        f"{', '.join(map(str, summary['seeds']))}.",
        f"L_re: {', '.join(f'{key} {value}' for key, value in summary['puzzle'].items())}.",
        f"Paper: {summary['paper']}.",
    ]
    return notes + (["The tags were read off pixel masks."] if summary["tags_from"] == "masks" else [])


def ablation_markdown(summary: Summary) -> str:
    heading, *rows = ablation_table(summary)
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", *ablation_notes(summary)]) + "\n"


def _maps(scores: Scores) -> dict[str, Any]:
    return next(result for result in scores["results"] if result["what"] == "cams")


def _mean_and_spread(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": round(fmean(values), 6), "sd": round(stdev(values), 6) if len(values) > 1 else None}


def _plus_minus(found: Mapping[str, Any], signed: bool = False) -> str:
    mean = f"{found['mean']:+.3f}" if signed else f"{found['mean']:.3f}"
    return mean if found["sd"] is None else f"{mean} ± {found['sd']:.3f}"
