"""What shows the events of a session."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from puzzlecam_cli.errors import UserError, printable
from puzzlecam_cli.events import Emit, Event, RunEnded
from puzzlecam_cli.session.member import Member


@contextmanager
def open_views(member: Member, root: Path, plain: bool) -> Iterator[Emit]:
    """The display on stderr and `events.jsonl`; for one of a group, the way to its parent, or nothing.

    How the block ends is the last event.

    Args:
        plain: log lines, also on a terminal.
    """
    if not member.is_shown:
        yield member.tell
        return
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.view.event_file import EventFile, EventReader
    from puzzlecam_cli.view.plain import PlainView

    file = RunFolder(root).events
    views: list[Callable[[Event], None]] = [EventFile(file)]
    with ExitStack() as stack:
        if plain or not has_terminal() or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
            views.append(stack.enter_context(PlainView()))
        else:
            from puzzlecam_cli.view.dashboard import Dashboard

            views.append(stack.enter_context(Dashboard(list(EventReader(file).read()))))

        def emit(event: Event) -> None:
            for view in views:
                view(event)

        try:
            yield emit
        except BaseException as error:
            with suppress(OSError):  # of a full disk, the first error is the one to tell
                emit(_end(error))
            raise
        emit(RunEnded("done"))


def _end(error: BaseException) -> RunEnded:
    """How a command ended that did not come to its end."""
    if isinstance(error, KeyboardInterrupt):
        return RunEnded("interrupted")
    reason = error.problem if isinstance(error, UserError) else str(error).strip().split("\n")[-1]
    return RunEnded("failed", printable(reason or type(error).__name__))


def has_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr))
