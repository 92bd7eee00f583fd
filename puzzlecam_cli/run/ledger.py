"""`run.json`: what was made, from which inputs, when. Written whole, after the artifact it speaks of."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import write_text

State = Literal["running", "done", "failed", "interrupted"]
Inputs = dict[str, Any]
PACKAGES = ("puzzlecam-cli", "torch", "timm", "accelerate", "numpy", "pillow")


@dataclass
class Record:
    """A step as it was last begun. `made` names this making of the artifact: whoever reads it remembers the name."""

    state: State
    fingerprint: str
    inputs: Inputs
    started: str
    ended: str | None = None
    seconds: float = 0.0
    files: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def made(self) -> str:
        return f"{self.fingerprint} {self.ended}"


class Ledger:
    """The records of a run folder by stage and step name."""

    def __init__(self, path: Path):
        self.path = path
        self.records: dict[str, dict[str, Record]] = {}
        if not path.exists():
            return
        try:
            stages = json.loads(path.read_text(encoding="utf-8"))["stages"]
            for stage, entry in stages.items():
                self.records[stage] = {name: Record(**record) for name, record in entry["steps"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                "run-unreadable",
                f"{path} is damaged: {error}",
                hint="delete it; the stages are then made anew",
            ) from None

    def get(self, step: str) -> Record | None:
        return next((steps[step] for steps in self.records.values() if step in steps), None)

    def put(self, stage: str, step: str, record: Record) -> None:
        self.records.setdefault(stage, {})[step] = record
        write_text(self.path, json.dumps(self.as_json(), indent=1) + "\n")

    def as_json(self) -> dict[str, Any]:
        return {"schema": 1, "stages": {name: _stage_json(steps) for name, steps in self.records.items()}}


def _stage_json(steps: dict[str, Record]) -> dict[str, Any]:
    records = list(steps.values())
    unfinished = [record.state for record in records if record.state != "done"]
    last = records[-1]
    return {
        "state": unfinished[0] if unfinished else "done",
        "fingerprint": last.fingerprint,
        "inputs": {key: value for record in records for key, value in record.inputs.items()},
        "started": min(record.started for record in records),
        "ended": last.ended,
        "seconds": round(sum(record.seconds for record in records), 3),
        "versions": last.versions,
        "steps": {name: asdict(record) for name, record in steps.items()},
    }


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}
