"""`events.jsonl`: everything that happened, a JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path

from puzzlecam_cli.events import Event, as_record
from puzzlecam_cli.files import append_line, drop_torn_line
from puzzlecam_cli.run.ledger import now


class EventFile:
    def __init__(self, path: Path):
        self.path = path
        drop_torn_line(path)

    def __call__(self, event: Event) -> None:
        append_line(self.path, json.dumps({"time": now()} | as_record(event)))
