"""A run looked at from elsewhere, by what it leaves in its folder: nothing is written, and the run takes no notice."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.text import Text

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import RunEnded
from puzzlecam_cli.group.lock import Holder, here, left_by
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.view.drawing import clock, draw
from puzzlecam_cli.view.event_file import EventReader
from puzzlecam_cli.view.fold import after, caught_up, fold
from puzzlecam_cli.view.snapshot import START, Snapshot
from puzzlecam_cli.view.strokes import STYLES, Pen

State = Literal["waits", "begins", "runs", "finished", "failed", "interrupted", "dead"]
FINISHED = ("done", "kept")


@dataclass(frozen=True)
class Watched:
    """A run as it is now.

    Args:
        state: waits (nothing has happened), begins (a process is there, and has not said anything yet), runs, finished,
            failed, interrupted, or dead: its process is gone without a word.
        holder: the process that works on it, or did when it died.
        stage: that runs, or in which it ended before its end.
        command: that goes on with it; empty where nothing is to be gone on with.
    """

    state: State
    snapshot: Snapshot
    holder: Holder | None
    stage: str
    command: str

    @property
    def is_over(self) -> bool:
        return self.state in ("finished", "failed", "interrupted", "dead")

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "stage": self.stage,
            "reason": self.snapshot.reason,
            "goes_on": self.command,
            "process": self.holder and asdict(self.holder),
            **asdict(self.snapshot),
        }


class Watcher:
    """Looks at a run folder, again and again.

    Raises:
        UserError: there is no such folder.
    """

    def __init__(self, root: Path):
        if not root.is_dir():
            problem = f"{root} is no folder" if root.exists() else f"there is no folder {root}"
            raise UserError("run-missing", problem, hint="name the folder of a run: runs/quickstart")
        self.root = root
        self._reader = EventReader(RunFolder(root).events)
        self._snapshot = caught_up(list(self._reader.read()))

    def look(self) -> Watched:
        left = left_by(self.root)  # first: what a process that ends by now has said is read below
        self._snapshot = found = fold(self._reader.read(), self._snapshot)
        lives = left is not None and left[1]
        stage = next((one for one in found.stages if one.state not in ("waits", *FINISHED)), None)
        if found.began is None:
            state: State = "begins" if lives else "waits"
        elif lives:
            state = "begins" if found.ended else "runs"
        elif found.ended:
            state = {"failed": "failed", "interrupted": "interrupted"}.get(found.ended, "finished")  # type: ignore[assignment]
        elif stage is not None and stage.state in ("failed", "interrupted"):
            state = "failed" if stage.state == "failed" else "interrupted"
        else:  # versions before this one did not say that they ended
            state = "finished" if all(one.state in FINISHED for one in found.stages) else "dead"
        over = state in ("failed", "interrupted", "dead")
        name = stage.name if stage is not None and state != "finished" else ""
        return Watched(state, found, left[0] if left else None, name, go_on(found, self.root) if over else "")


def go_on(snapshot: Snapshot, root: Path) -> str:
    """The command that goes on with a run: the one that was typed, where that is known."""
    if not snapshot.command:
        return f"puzzlecam run-all {shlex.quote(str(root))}"
    is_elsewhere = snapshot.place and snapshot.place != here()
    return f"cd {shlex.quote(snapshot.place)} && {snapshot.command}" if is_elsewhere else snapshot.command


def draw_watched(watched: Watched, at: float, width: int, height: int, pen: Pen) -> list[Text]:
    """The display of a run with what `life` says; of one that is over, as it was when it ended."""
    snapshot = watched.snapshot
    if watched.state == "dead":
        snapshot = after(snapshot, snapshot.seen, RunEnded("failed"))
    moment = snapshot.seen if watched.is_over else at
    return draw(snapshot, moment, width, height, pen, above=[life(watched, at, pen)])


def life(watched: Watched, at: float, pen: Pen) -> Text:
    """Whether a run lives, a sentence."""
    holder, snapshot = watched.holder, watched.snapshot
    who = f"process {holder.pid} on {holder.host}" if holder else "its process"
    where = f" in {watched.stage}" if watched.stage not in ("", START) else " before its first stage"
    when = clock(snapshot.seen, at)
    reason = f": {snapshot.reason}" if snapshot.reason else ""
    gone = f"dead: {who} is gone without a word, last seen at {when}{where}"
    words, style = {
        "waits": ("nothing has happened in this folder yet: waiting for a run to begin", "yellow"),
        "begins": (f"{who} has begun; it reads the recipe and the data", "cyan"),
        "runs": (f"{who} works on it", "dim"),
        "finished": (f"finished at {when}", "green"),
        "failed": (f"failed at {when}{where}{reason}", STYLES["failed"]),
        "interrupted": (f"interrupted at {when}{where}", STYLES["interrupted"]),
        "dead": (f"{gone}. Killed, out of memory, or the machine went down", STYLES["failed"]),
    }[watched.state]
    line = pen.words(words)
    line.stylize(style, 0, len(words.split(":")[0].split(" at ")[0]))
    return line
