"""The log of a training's losses: `metrics.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path

from puzzlecam_cli.files import append_line, as_json, replacing


class MetricLog:
    """One object a logged step. Steps at or after `first_step` are of an interrupted try and go, as do torn lines."""

    def __init__(self, path: Path, first_step: int, active: bool):
        self.path, self.active = path, active
        if active:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_text(errors="replace").splitlines() if path.exists() and first_step else []
            kept = [line for line in lines if (step := _step(line)) is not None and step < first_step]
            with replacing(path) as temporary:
                temporary.write_text("".join(line + "\n" for line in kept))

    def write(self, values: dict[str, float]) -> None:
        if self.active:
            append_line(self.path, as_json(values))


def _step(line: str) -> int | None:
    """The step of a line that is whole."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return step if isinstance(step, int) else None
