"""Read `scores.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Scores = dict[str, Any]


def read_scores(path: Path) -> Scores:
    scores: Scores = json.loads(path.read_text(encoding="utf-8"))
    return scores
