"""`puzzlecam watch`: the display of a run that was started elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from puzzlecam_cli.cli.options import JsonOption, RunArgument
from puzzlecam_cli.errors import printable

if TYPE_CHECKING:
    from puzzlecam_cli.view.watching import Watched, Watcher

OnceOption = Annotated[bool, typer.Option("--once", help="Draw once, and leave. \\[when not a terminal]")]

EVERY = 0.5  # seconds between two looks
WIDTH, HEIGHT = 100, 1000  # where there is no terminal


def watch(run: RunArgument, once: OnceOption = False, as_json: JsonOption = False) -> None:
    """Show a run that was started elsewhere: in another terminal, as a job of a cluster, or one that died.

    It is only looked at. Ctrl-C leaves; the run goes on.
    """
    from puzzlecam_cli.files import as_json as to_json
    from puzzlecam_cli.view.watching import Watcher

    watcher = Watcher(Path(run))
    if as_json:
        print(to_json(watcher.look().as_json(), indent=1))
        return
    follows = not once and sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    found = follow(watcher) if follows else show_once(watcher)
    if found is not None and found.command:
        print(f"\nto go on:\n{printable(found.command, 5000)}")  # in one line, however long, to be copied
    if found is not None and found.state == "finished":
        from puzzlecam_cli.cli.stages import tell_outcome

        tell_outcome(Path(run), [stage.name for stage in found.snapshot.stages])


def show_once(watcher: Watcher) -> Watched:
    """Print the display as it is now."""
    import time

    from rich.console import Console

    from puzzlecam_cli.view.strokes import Pen
    from puzzlecam_cli.view.watching import draw_watched

    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH)
    found = watcher.look()
    for line in draw_watched(found, time.time(), console.width, HEIGHT, Pen(console.encoding)):
        console.print(line, no_wrap=True, crop=True)
    return found


def follow(watcher: Watcher) -> Watched | None:
    """Draw the display again and again, until the run is over; None: it was left before."""
    import time

    from rich.console import Console

    from puzzlecam_cli.view.dashboard import Frame
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.watching import draw_watched

    found = watcher.look()
    frame = Frame(Console(), lambda width, height, pen: draw_watched(found, time.time(), width, height, pen))
    try:
        with frame.live:
            while not found.is_over:
                time.sleep(EVERY)
                found = watcher.look()
            frame.live.refresh()
    except KeyboardInterrupt:
        say("left; the run goes on" if found.holder else "left")
        return None
    return found
