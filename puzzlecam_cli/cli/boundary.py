"""Where errors end: what the user can mend becomes a message and exit code 2, an interrupt 130, our fault 1."""

from __future__ import annotations

import inspect
import os
import re
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

from puzzlecam_cli.cli.start import INTERRUPTED, said_of_interrupt
from puzzlecam_cli.cli.usage import as_usage
from puzzlecam_cli.errors import UserError, printable

_HEAD = r"× |╰─> |hint: | *"  # what follows a line of a message is set in by
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
        _fail(said_of_interrupt(), INTERRUPTED)
    except BrokenPipeError:  # whoever reads our output has had enough
        raise typer.Exit from None
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("typer", "click"):  # exits, and help that nobody asked for
            if (usage := as_usage(error)) is None:
                raise
            _fail(*_message(usage))
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
        return str(mendable) + _more(mendable), 2
    lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    ours = f"This is our fault, not yours. Please report the lines above: {ISSUES}"
    return "\n".join([*map(printable, lines), "", ours]), 1


def _more(error: UserError) -> str:
    """The end of a message: that `explain` tells more, where it does. Plugins have references of their own."""
    from puzzlecam_cli.session.explain import explanations

    try:
        known = error.reference in explanations()
    except (OSError, MemoryError):  # no file can be opened any more: that is what the message is about
        known = False
    if error.reference == "usage" or not known:
        return ""
    return ("\n      " if error.hint else "\n\nhint: ") + f"`puzzlecam explain {error.reference}` tells more"


def _fail(message: str, code: int) -> NoReturn:
    if code != 1 and sys.stderr is not None:  # a traceback is for us
        from puzzlecam_cli.view.lines import fitted

        lines = [fitted(line, sys.stderr, len(re.match(_HEAD, line)[0])) for line in message.split("\n")]  # type: ignore[index]
        message = "\n".join(lines)
    print(message, file=sys.stderr, flush=True)
    raise typer.Exit(code) from None


class BoundaryGroup(TyperGroup):
    """The commands, inside the boundary."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._hidden = {name: command for name, command in self.commands.items() if command.hidden}
        for name in self._hidden:  # what is listed is suggested
            del self.commands[name]
        _join_paragraphs(self)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, cmd_name) or self._hidden.get(cmd_name)

    def make_context(self, *given: Any, **options: Any) -> Any:
        try:
            return super().make_context(*given, **options)
        except Exception as error:
            if (usage := as_usage(error)) is None:
                raise
            _fail(*_message(usage))

    def invoke(self, ctx: Any) -> Any:
        with error_boundary():
            return super().invoke(ctx)


def _join_paragraphs(group: TyperGroup) -> None:
    """Leave it to the terminal where the paragraphs of `--help` are broken."""
    for command in group.commands.values():
        paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        if isinstance(command, TyperGroup):
            _join_paragraphs(command)
