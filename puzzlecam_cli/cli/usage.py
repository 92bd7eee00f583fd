"""A command line that cannot be: what Typer says of it, in the form of all messages."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from puzzlecam_cli.errors import UserError

WORDS = (  # pydantic's, and ours
    (r"Value error, ", ""),
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it must be \1 or less"),
    (r"Input should be a valid integer.*", "it must be a whole number"),
    (r"Input should be a valid number.*", "it must be a number"),
)


def as_usage(error: Any) -> UserError | None:
    """Typer's error in our form, with how the command is called; None for all others, and for help that is shown."""
    if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
        return None
    context = getattr(error, "ctx", None)
    if context is None:
        return UserError("usage", _problem(error), hint="`puzzlecam --help` lists the commands")
    usage = " ".join(re.sub(r"[{}]", "", context.get_usage()).removeprefix("Usage:").split()).replace("......", "...")
    hint = f"`{context.command_path} --help` tells of all that it takes"
    return UserError("usage", _problem(error), (usage,), hint)


def _problem(error: Any) -> str:
    said = " ".join(str(error.format_message()).split()).rstrip(".")
    for theirs, ours in WORDS:
        said = re.sub(theirs, ours, said)
    if " is not one of " in said:
        given, *known = re.findall(r"'([^']*)'", said.partition(": ")[2])
        close = get_close_matches(given, known, 1)
        said += f". Did you mean {close[0]!r}?" if close else ""
    return said[:1].lower() + said[1:]
