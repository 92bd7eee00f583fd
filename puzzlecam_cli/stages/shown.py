"""What labels show where no masks say how good they are: in how many photos each class is seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from puzzlecam_cli.data.pixels.mask_file import read_labels
from puzzlecam_cli.engine.pool import map_unordered
from puzzlecam_cli.run.scores import Result


def count_shown(what: str, split: str, files: Sequence[Path], classes: Sequence[str], workers: int) -> Result:
    """The row of `scores.json` under `shown`: photos by class, and those that show nothing but background.

    Args:
        files: the labels that are there.
        classes: without the background.
        workers: processes that read.
    """
    seen: Counter[int] = Counter()
    empty = 0
    for found in map_unordered(partial(_classes_in, len(classes)), files, workers):
        seen.update(found)
        empty += not found
    by_class = {name: seen[number] for number, name in enumerate(classes, start=1)}
    return {"what": what, "split": split, "images": len(files), "empty": empty, "classes": by_class}


def _classes_in(number: int, path: Path) -> list[int]:
    """The classes 1..`number` of a label file."""
    counts = np.bincount(read_labels(path).ravel(), minlength=number + 1)
    return [int(label) for label in np.flatnonzero(counts[: number + 1]) if label]
