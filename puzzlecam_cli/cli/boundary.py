"""Where errors end: what the user can mend becomes a message and exit code 2, an interrupt 130, our fault 1."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from puzzlecam_cli.cli.start import CONTINUES, INTERRUPTED
from puzzlecam_cli.errors import UserError, printable

ISSUES = "https://github.com/puzzlecam/puzzlecam-cli/issues"


@contextmanager
def error_boundary() -> Iterator[None]:
    """Turn exceptions into messages on stderr and exit codes."""
    try:
        with _signals_raise():
            _check_working_folder()
            yield
            sys.stdout.flush()  # a full disk shows here at the latest
    except KeyboardInterrupt:
        exec("")  # Python would end by SIGINT if it came in code made of strings, as in dataclasses; so it forgets that
        _fail(CONTINUES, INTERRUPTED)
    except BrokenPipeError:  # whoever reads our output has had enough
        raise typer.Exit from None
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("typer", "click"):  # exits and usage errors: they say it all
            raise
        _fail(*_message(error))


@contextmanager
def _signals_raise() -> Iterator[None]:
    """In the block SIGINT and SIGTERM raise KeyboardInterrupt, so that what was begun is tidied up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: int | FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_working_folder() -> None:
    """Whether relative paths mean anything.

    Raises:
        UserError: somebody deleted the folder this process was started in.
    """
    try:
        os.getcwd()  # noqa: PTH109
    except OSError as error:
        problem = f"the working folder cannot be used: {error.strerror}"
        raise UserError("working-folder", problem, hint="cd into a folder that is there") from None


def _message(error: Exception) -> tuple[str, int]:
    """What to say about an error, and the exit code."""
    from puzzlecam_cli.cli.mendable import as_mendable
    from puzzlecam_cli.group.watch import RankFailed

    if isinstance(error, RankFailed):
        return str(error), error.exit_code
    mendable = error if isinstance(error, UserError) else as_mendable(error)
    if mendable is not None:
        return str(mendable), 2
    lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    ours = f"This is our fault, not yours. Please report the lines above: {ISSUES}"
    return "\n".join([*map(printable, lines), "", ours]), 1


def _fail(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    raise typer.Exit(code) from None


class BoundaryGroup(TyperGroup):
    """The commands, inside the boundary."""

    def invoke(self, ctx: Any) -> Any:
        with error_boundary():
            return super().invoke(ctx)
