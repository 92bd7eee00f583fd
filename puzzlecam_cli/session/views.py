"""What shows the events of a session."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from puzzlecam_cli.events import Emit, Event
from puzzlecam_cli.session.member import Member


@contextmanager
def open_views(member: Member, root: Path, plain: bool) -> Iterator[Emit]:
    """The display on stderr and `events.jsonl`; for one of a group, the way to its parent, or nothing.

    Args:
        plain: log lines, also on a terminal.
    """
    if not member.is_shown:
        yield member.tell
        return
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.view.event_file import EventFile
    from puzzlecam_cli.view.plain import PlainView

    views: list[Callable[[Event], None]] = [EventFile(RunFolder(root).events)]
    with ExitStack() as stack:
        if plain or not has_terminal() or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
            views.append(stack.enter_context(PlainView()))
        else:
            from puzzlecam_cli.view.dashboard import Dashboard

            views.append(stack.enter_context(Dashboard()))

        def emit(event: Event) -> None:
            for view in views:
                view(event)

        yield emit


def has_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr))
