"""`events.jsonl`: everything that happened, a JSON object a line."""

from __future__ import annotations

from pathlib import Path

from puzzlecam_cli.events import Event, as_record
from puzzlecam_cli.files import append_line, as_json, ready_to_append
from puzzlecam_cli.run.ledger import now


class EventFile:
    def __init__(self, path: Path):
        self.path = path
        ready_to_append(path, '{"time": ')

    def __call__(self, event: Event) -> None:
        append_line(self.path, as_json({"time": now()} | as_record(event)))
