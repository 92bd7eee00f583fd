"""`events.jsonl`: everything that happened, a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from puzzlecam_cli.events import Event, as_record, kinds
from puzzlecam_cli.files import append_line, as_json, ready_to_append
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.run.ledger import now

LONGEST_LINE = 1 << 20  # bytes; no event of ours comes near it


class EventFile:
    def __init__(self, path: Path):
        self.path = path
        ready_to_append(path, '{"time": ')

    def __call__(self, event: Event) -> None:
        append_line(self.path, as_json({"time": now()} | as_record(event)))


class EventReader:
    """Reads what another process writes: whole lines, as they come.

    Events of a kind that is not known here, of a newer version perhaps, and lines that are damaged are passed over.
    """

    def __init__(self, path: Path):
        self.path = path
        self._at, self._time = 0, 0.0
        self._is_inside = False  # a line that is longer than any of ours

    def read(self) -> Iterator[tuple[float, Event]]:
        """The events since the last call, each with its time in seconds since 1970; none if there is no file."""
        if why_no_file(self.path):  # a pipe would be waited for
            return
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._at:  # it is another file
                    self._at = 0
                file.seek(self._at)
                while line := file.readline(LONGEST_LINE):
                    is_whole = line.endswith(b"\n")
                    if not is_whole and len(line) < LONGEST_LINE:  # it is being written
                        return
                    self._at += len(line)
                    passed_over, self._is_inside = self._is_inside, not is_whole
                    if is_whole and not passed_over and (found := _event(line)) is not None:
                        self._time = max(found[0], self._time) if found[0] else self._time
                        yield self._time, found[1]
        except OSError:
            return


def _event(line: bytes) -> tuple[float, Event] | None:
    """The time and the event of a line; None if it makes no sense."""
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        record: dict[str, Any] = json.loads(line, parse_int=_whole)
        time = record.pop("time")
        kind = record.pop("event")
        if isinstance(values := record.get("values"), dict):  # JSON has no number for what is not finite
            record["values"] = {name: float("nan") if value is None else value for name, value in values.items()}
        return datetime.fromisoformat(time).timestamp(), _checked(kind).validate_python(record)
    return None


def _whole(text: str) -> int:
    if len(text) > 16:
        raise ValueError("nothing is counted that far")
    return int(text)


@cache
def _checked(kind: str) -> Any:
    """What makes an event of a record, and raises ValueError where a value is not what it should be.

    Raises:
        KeyError: there is no such kind.
    """
    from pydantic import TypeAdapter

    return TypeAdapter(kinds()[kind])
