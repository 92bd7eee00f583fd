"""The live display: every stage, the bar of the running one, its loss and what was noted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import isfinite

from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from puzzlecam_cli.errors import for_terminal, printable
from puzzlecam_cli.events import (
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

MARKS = {"waits": "·", "runs": "▸", "kept": "✓", "done": "✓", "failed": "×", "interrupted": "‖"}
STYLES = {"waits": "dim", "runs": "bold", "failed": "red", "interrupted": "yellow"}
BARS = "▁▂▃▄▅▆▇█"
PLAIN_MARKS = {"waits": ".", "runs": ">", "kept": "=", "done": "+", "failed": "x", "interrupted": "|"}
PLAIN_BARS = "_.-:=+*#"


@dataclass
class StageLine:
    state: str = "waits"
    text: str = ""
    seconds: float | None = None


@dataclass
class Running:
    """The task under way; the rate is measured from its first report on."""

    task: str
    unit: str
    done: int
    total: int
    first: int
    since: float

    def rate(self, at: float) -> float:
        return (self.done - self.first) / max(at - self.since, 1e-9)


@dataclass
class Screen:
    """What the display knows; drawing it needs nothing else.

    Args:
        encoding: of the terminal. One without Unicode is shown marks and bars of ASCII.
    """

    encoding: str = "utf-8"
    title: str = ""
    stages: dict[str, StageLine] = field(default_factory=dict)
    running: Running | None = None
    losses: list[float] = field(default_factory=list)
    metric: str = ""
    notes: list[str] = field(default_factory=list)
    began: float = 0.0

    def take(self, event: Event, at: float) -> None:
        """Learn from an event that happened at a time in seconds."""
        match event:
            case RunStarted(recipe, folder, stages):
                self.title = f"{recipe}  {folder}"
                self.stages = {name: StageLine() for name in stages}
            case StageStarted(stage, because):
                self.stages[stage] = StageLine("runs", because)
                self.running, self.losses, self.metric, self.began = None, [], "", at
            case StageKept(stage, because):
                self.stages[stage] = StageLine("kept", f"kept, {because}")
            case Metric(_, _, values):
                self.metric = metric_words(values)
                self.losses.append(values["loss"])
            case Progress(_, task, done, total, unit):
                same = self.running and (self.running.unit, self.running.total) == (unit, total)
                if self.running and same and done >= self.running.done:
                    self.running.task, self.running.done = task, done
                else:
                    self.running = Running(task, unit, done, total, done, at)
            case Note(stage, text):
                self.notes.append(f"{stage}: {text}")
            case StageEnded(stage, state, seconds):
                last = self.running.task if self.running else ""
                loss = f"loss {self.losses[-1]:.3f}" if self.losses else ""
                self.stages[stage] = StageLine(state, f"{last}  {loss}".strip(), seconds)
                self.running = None

    def draw(self, at: float) -> RenderableType:
        marks = MARKS if self._has_unicode else PLAIN_MARKS
        overflow: OverflowMethod = "ellipsis" if self._has_unicode else "crop"
        table = Table.grid(padding=(0, 1))
        for name, line in self.stages.items():
            live = line.state == "runs"
            seconds = at - self.began if live else line.seconds
            table.add_row(
                Text(marks[line.state], STYLES.get(line.state, "green")),
                self._text(name, STYLES.get(line.state, "")),
                self._bar() if live and self.running else Text(""),
                self._text(
                    self._task() if live and self.running else line.text,
                    "" if live else "dim",
                    overflow,
                ),
                Text("" if seconds is None else duration(seconds), justify="right"),
            )
        rows: list[RenderableType] = [self._text(self.title, "bold"), table]
        if self.running:
            rows.append(self._text(self._detail(at), "dim"))
        rows += [self._text(note, "yellow") for note in self.notes[-4:]]
        return Group(*rows)

    @property
    def _has_unicode(self) -> bool:
        return self.encoding.lower().startswith("utf")

    def _text(self, words: str, style: str = "", overflow: OverflowMethod | None = None) -> Text:
        """Words that may be from data: nothing in them is markup or does anything to the terminal."""
        return Text(for_terminal(printable(words), self.encoding), style, overflow=overflow, no_wrap=bool(overflow))

    def _bar(self) -> RenderableType:
        assert self.running
        return ProgressBar(total=self.running.total, completed=self.running.done, width=24)

    def _task(self) -> str:
        assert self.running
        return f"{self.running.done / max(self.running.total, 1):4.0%}  {self.running.task}"

    def _detail(self, at: float) -> str:
        assert self.running
        run, rate = self.running, self.running.rate(at)
        left = f"  {duration((run.total - run.done) / rate)} left" if rate > 0 else ""
        return f"{run.done}/{run.total} {run.unit}  {rate:.1f} {run.unit}/s{left}  {self.metric}  {self._curve()}"

    def _curve(self) -> str:
        recent = [loss for loss in self.losses[-200:] if isfinite(loss)]
        bars = BARS if self._has_unicode else PLAIN_BARS
        picked = recent[:: max(1, len(recent) // 24)]
        low, high = min(picked, default=0.0), max(picked, default=0.0)
        return "".join(bars[round((value - low) / (high - low + 1e-12) * 7)] for value in picked)


class Dashboard:
    """The screen, live on the terminal that stderr is."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self.screen = Screen(console.encoding)
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=4)

    def __enter__(self) -> Dashboard:
        self._live.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._live.refresh()
        self._live.__exit__(None, None, None)

    def __call__(self, event: Event) -> None:
        self.screen.take(event, time.monotonic())

    def _draw(self) -> RenderableType:
        return self.screen.draw(time.monotonic())
