"""`events.jsonl`: everything that happened, a JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path

from puzzlecam_cli.events import Event, as_record
from puzzlecam_cli.run.ledger import now


class EventFile:
    def __init__(self, path: Path):
        self.path = path

    def __call__(self, event: Event) -> None:
        line = json.dumps({"time": now()} | as_record(event))
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
