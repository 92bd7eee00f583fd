"""Read `scores.json` and set it out as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Scores = dict[str, Any]
HEADER = ("what", "split", "images", "mIoU", "FP", "FN", "threshold", "CRF")
TITLES = {"cams": "CAM", "rw": "CAM + RW", "pseudo-labels": "pseudo labels", "predictions": "predictions"}


def read_scores(path: Path) -> Scores:
    scores: Scores = json.loads(path.read_text(encoding="utf-8"))
    return scores


def score_rows(scores: Scores) -> list[tuple[str, ...]]:
    """One row a result, under `HEADER`."""
    return [
        (
            TITLES[result["what"]],
            result["split"],
            str(result["images"]),
            _number(result["miou"]),
            _number(result["fp"]),
            _number(result["fn"]),
            "" if result["threshold"] is None else f"{result['threshold']:.2f} ({result['threshold_from']})",
            "yes" if result["crf"] else "no",
        )
        for result in scores["results"]
    ]


def scores_table(scores: Scores) -> str:
    """The scores in Markdown: all results, then the IoU of each class."""
    lines = [_line(HEADER), _line(["---"] * len(HEADER)), *map(_line, score_rows(scores))]
    if scores["tags_from"] == "masks":
        lines += ["", "The tags were read off pixel masks."]
    if not scores["results"]:
        return "No masks: nothing was scored.\n"
    names = list(scores["results"][0]["iou"])
    lines += ["", _line(["IoU", *(TITLES[result["what"]] for result in scores["results"])])]
    lines += [_line(["---"] * (len(scores["results"]) + 1))]
    lines += [_line([name, *(_number(result["iou"][name]) for result in scores["results"])]) for name in names]
    return "\n".join(lines) + "\n"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
