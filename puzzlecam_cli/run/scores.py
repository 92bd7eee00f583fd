"""Read `scores.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Scores = dict[str, Any]


def read_scores(path: Path) -> Scores:
    """What `eval` wrote.

    Raises:
        UserError: it is not there, or damaged.
    """
    from puzzlecam_cli.run.arrays import damaged_files  # NumPy is not for a plan

    with damaged_files(path, "eval"):
        scores: Scores = json.loads(path.read_text(encoding="utf-8"))
        if scores["schema"] != 1 or not all({"what", "split", "miou"} <= result.keys() for result in scores["results"]):
            raise ValueError("it holds no scores")
        if not all(isinstance(name, str) for name in scores.get("classes", [])):
            raise ValueError("its classes are none")
    return scores
