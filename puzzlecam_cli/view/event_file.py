"""`events.jsonl`: everything that happened, a JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from puzzlecam_cli.events import Event
from puzzlecam_cli.run.ledger import now


class EventFile:
    def __init__(self, path: Path):
        self.path = path

    def __call__(self, event: Event) -> None:
        line = json.dumps({"time": now(), "event": type(event).__name__} | asdict(event))
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
