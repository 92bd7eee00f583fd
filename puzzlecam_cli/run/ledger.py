"""`run.json`: what was made, from which inputs, when. It marks a folder as a run's, and follows what it tells of."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import as_json, write_text
from puzzlecam_cli.group.cores import cores, processor

State = Literal["running", "whole", "done", "failed", "interrupted", "cleaned"]
Inputs = dict[str, Any]
PACKAGES = ("puzzlecam-cli", "torch", "timm", "accelerate", "numpy", "pillow")
ENGINE, MACHINE = "crf.engine", "machine"  # of a record's versions
LARGEST = 64 * 2**20  # bytes
DEEPEST = 20  # lists in lists of a recipe's values


@dataclass
class Record:
    """A step as it was last begun. `made` names this making of the artifact: whoever reads it remembers the name.

    What is `cleaned` was made, and deleted since to free the disk: made again, it is the same artifact.
    """

    state: State
    fingerprint: str
    inputs: Inputs
    started: str
    ended: str | None = None
    seconds: float = 0.0
    files: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def is_made(self) -> bool:
        """Whether it was made whole, though its files may be cleaned away."""
        return self.state in ("done", "cleaned")

    @property
    def made(self) -> str:
        return f"{self.fingerprint} {self.ended}"

    def __post_init__(self) -> None:
        """Refuse what a damaged file may hold: other code relies on these."""
        if self.state not in get_args(State):
            raise ValueError(f"there is no state {str(self.state)[:40]!r}")
        texts = (self.fingerprint, self.started, self.ended or "")
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a record's times and fingerprint are no text")
        if type(self.files) is not int or type(self.seconds) not in (int, float) or self.files < 0:
            raise ValueError("a record's numbers are none")
        if not (isinstance(self.inputs, dict) and isinstance(self.versions, dict)):
            raise ValueError("a record's inputs or versions are no section")
        if not all(isinstance(version, str) for version in self.versions.values()):
            raise ValueError("a record's versions are no text")
        if not all(map(_is_plain, self.inputs.values())):
            raise ValueError("a record's inputs are no values of a recipe")


def engines_of(record: Record | None) -> tuple[str, ...]:
    """All that a step was made with; none where that is not known."""
    return tuple(record.versions[ENGINE].split(", ")) if record and ENGINE in record.versions else ()


def _is_plain(value: Any, deep: int = 0) -> bool:
    if isinstance(value, list):
        return deep < DEEPEST and all(_is_plain(item, deep + 1) for item in value)
    return value is None or type(value) in (bool, int, float, str)


Records = dict[str, dict[str, Record]]
SCHEMA = 1


class Ledger:
    """The records of a run folder by stage and step name.

    `coming` are those of artifacts that will replace finished ones, which stay as `records` tell until then.
    """

    def __init__(self, path: Path):
        self.path = path
        self.records: Records = {}
        self.coming: Records = {}
        self.recipe: str | None = None  # a digest of `recipe.yaml` as it was written; empty: by an older version
        self.checked: str | None = None  # a digest of the data's files whose lists, tags and masks were in order
        self.is_there = os.path.lexists(path)
        if self.is_there:
            self.records, self.coming, self.recipe, self.checked = _read(path)

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

    def wrote(self, recipe: Path) -> bool:
        """Whether `recipe.yaml` is as the run wrote it, as far as is known."""
        return self.recipe == "" or self.recipe == digest(recipe)

    def write(self) -> None:
        write_text(self.path, as_json(self.as_json(), indent=1) + "\n")
        self.is_there = True

    def as_json(self) -> dict[str, Any]:
        coming = {stage: _plain(steps) for stage, steps in self.coming.items() if steps}
        stages = {name: _stage_json(steps) for name, steps in self.records.items()}
        content = {"schema": SCHEMA, "recipe": self.recipe, "checked": self.checked, "stages": stages}
        return content | ({"coming": coming} if coming else {})


def _of(records: Records, step: str) -> Record | None:
    return next((steps[step] for steps in records.values() if step in steps), None)


def _plain(steps: dict[str, Record]) -> dict[str, Any]:
    return {name: asdict(record) for name, record in steps.items()}


def _read(path: Path) -> tuple[Records, Records, str | None, str | None]:
    """The records, those coming, and the digests of the recipe and of the data.

    Raises:
        UserError: the file is not a run's, or a newer program's.
    """
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise ValueError("it is no file of ours")
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number, parse_float=_number)
        if type(schema := content["schema"]) is int and schema > SCHEMA:
            raise UserError(
                "run-newer",
                f"{path} was written by a newer version of puzzlecam",
                hint="update puzzlecam, or name another folder with --run",
            )
        recipe, checked = content.get("recipe", ""), content.get("checked")
        if schema != SCHEMA or not all(isinstance(digest, str | None) for digest in (recipe, checked)):
            raise ValueError("it is no ledger of a run")
        stages = {stage: entry["steps"] for stage, entry in content["stages"].items()}
        records, coming = (
            {
                stage: {name: Record(**record) for name, record in steps.items()}
                for stage, steps in found.items()
                if steps
            }
            for found in (stages, content.get("coming", {}))
        )
        return records, coming, recipe, checked
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise UserError(
            "run-unreadable",
            f"{path} is damaged, or was not written by puzzlecam: {_in_words(error)}",
            hint="name another folder with --run; if this is a run whose file was damaged, move the file away, and "
            "the stages are made anew in a new folder",
        ) from None


def _in_words(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"line {error.lineno} is no JSON"
        case UnicodeDecodeError():
            return f"byte {error.start} is no text"
        case RecursionError():
            return "it is nested too deeply"
        case OSError():
            return str(error.strerror)
        case KeyError():
            return f"it has no `{error.args[0]}`"
        case ValueError():
            return " ".join(str(error).split())[:200]
    return "it does not hold what it should"  # Python's words: one thing is not what another relies on


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _number(text: str) -> float:
    value = float(text)
    return value if isfinite(value) else _no_number(text)


def digest(path: Path) -> str:
    """Of a file's content, as the ledger keeps it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


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


def versions(gpu: str | None = None) -> dict[str, str]:
    """What a step is made with: Python, packages, and the machine, with the GPU that is worked on."""
    has = cores()
    machine = ", ".join(filter(None, (processor(), f"{has} core{'s' * (has > 1)}", gpu)))
    return {"python": platform.python_version()} | _installed() | {MACHINE: machine}


@cache  # each is looked for in all folders of `sys.path`
def _installed() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}
