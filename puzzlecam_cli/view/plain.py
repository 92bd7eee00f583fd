"""Log lines, for pipes, files and `--plain`."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from threading import Timer

from puzzlecam_cli.errors import LINE, printable
from puzzlecam_cli.events import (
    Doing,
    Event,
    Metric,
    Note,
    Progress,
    RunStarted,
    StageEnded,
    StageKept,
    StageStarted,
)
from puzzlecam_cli.view.words import duration, metric_words

EVERY = 10.0  # seconds between two lines of progress
SILENT = 2.0  # seconds of work that cannot be counted, after which it is told


class PlainView:
    """One line on stderr for each thing worth knowing."""

    def __init__(self) -> None:
        self._next = 0.0
        self._metric = ""
        self._silence: Timer | None = None

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        self._hear()
        if sys.stderr is not None:
            sys.stderr.flush()

    def __call__(self, event: Event) -> None:
        self._hear()
        match event:
            case RunStarted(recipe, folder, stages):
                self._say(f"{recipe}: {', '.join(stages)} in {folder}")
            case StageStarted(stage, because):
                self._next = 0.0
                self._metric = ""
                self._say(f"{stage}: started, {because}")
            case StageKept(stage, because):
                self._say(f"{stage}: kept, {because}")
            case Doing(stage, what):
                said = what if stage == "run" else f"{stage}: {what}"
                self._silence = Timer(SILENT, self._say, [said])
                self._silence.daemon = True
                self._silence.start()
            case Metric():
                self._metric = metric_words(event.values)
            case Progress(stage, task, done, total, unit):
                if time.monotonic() >= self._next or done == total:
                    self._next = time.monotonic() + EVERY
                    words = f"  {self._metric}" if unit == "steps" else ""
                    self._say(f"{stage}: {task}  {done}/{total} {unit}{words}".rstrip())
            case Note(stage, text):
                self._say(f"{stage}: {text}")
            case StageEnded(stage, state, seconds):
                self._say(f"{stage}: {state} after {duration(seconds)}")

    def _hear(self) -> None:
        """Something happens: what was done before has ended."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _say(self, text: str) -> None:
        """Without stderr, as under some services, there is nobody to tell."""
        if sys.stderr is not None:
            print(f"{datetime.now():%H:%M:%S}  {printable(text, 2 * LINE)}", file=sys.stderr, flush=True)
