"""`run.json`: what was made, from which inputs, when. It marks a folder as a run's, and follows what it tells of."""

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

State = Literal["running", "whole", "done", "failed", "interrupted"]
Inputs = dict[str, Any]
PACKAGES = ("puzzlecam-cli", "torch", "timm", "accelerate", "numpy", "pillow")
LARGEST = 64 * 2**20  # bytes


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

    def __post_init__(self) -> None:
        """Refuse what a damaged file may hold: other code relies on these."""
        texts = (self.state, self.fingerprint, self.started, self.ended or "")
        numbers = (self.seconds, self.files)
        if not (all(isinstance(text, str) for text in texts) and all(type(n) in (int, float) for n in numbers)):
            raise TypeError("a record holds values of other kinds")
        if not isinstance(self.inputs, dict):
            raise TypeError("inputs are no section")


Records = dict[str, dict[str, Record]]


class Ledger:
    """The records of a run folder by stage and step name.

    `coming` are those of artifacts that will replace finished ones, which stay as `records` tell until then.
    """

    def __init__(self, path: Path):
        self.path = path
        self.records: Records = {}
        self.coming: Records = {}
        self.is_there = path.exists() or path.is_symlink()
        if self.is_there:
            content = _read(path)
            self.records, self.coming = content["stages"], content["coming"]

    def get(self, step: str) -> Record | None:
        return _of(self.records, step)

    def get_coming(self, step: str) -> Record | None:
        return _of(self.coming, step)

    def put(self, stage: str, step: str, record: Record) -> None:
        """Remember a step; what was coming in its place has come."""
        self.records.setdefault(stage, {})[step] = record
        self.coming.get(stage, {}).pop(step, None)
        self.write()

    def put_coming(self, stage: str, step: str, record: Record | None) -> None:
        """Remember what will replace a finished artifact; None: nothing any more."""
        if record is None:
            self.coming.get(stage, {}).pop(step, None)
        else:
            self.coming.setdefault(stage, {})[step] = record
        self.write()

    def write(self) -> None:
        write_text(self.path, json.dumps(self.as_json(), indent=1) + "\n")
        self.is_there = True

    def as_json(self) -> dict[str, Any]:
        coming = {stage: _plain(steps) for stage, steps in self.coming.items() if steps}
        stages = {name: _stage_json(steps) for name, steps in self.records.items()}
        return {"schema": 1, "stages": stages} | ({"coming": coming} if coming else {})


def _of(records: Records, step: str) -> Record | None:
    return next((steps[step] for steps in records.values() if step in steps), None)


def _plain(steps: dict[str, Record]) -> dict[str, Any]:
    return {name: asdict(record) for name, record in steps.items()}


def _read(path: Path) -> dict[str, Records]:
    """The records and those coming.

    Raises:
        UserError: the file is not a run's.
    """
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise ValueError("it is no file of ours")
        content = json.loads(path.read_text(encoding="utf-8"))
        stages = {stage: entry["steps"] for stage, entry in content["stages"].items()}
        return {
            key: {stage: {name: Record(**record) for name, record in steps.items()} for stage, steps in found.items()}
            for key, found in (("stages", stages), ("coming", content.get("coming", {})))
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise UserError(
            "run-unreadable",
            f"{path} is damaged, or was not written by puzzlecam: {error}",
            hint="name another folder with --run; if this is a run whose file was damaged, move the file away, and "
            "the stages are made anew in a new folder",
        ) from None


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
        "steps": _plain(steps),
    }


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}
