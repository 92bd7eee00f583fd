"""`--help` without what it does not use.

Typer's help imports Rich's Markdown and tracebacks, and with them a parser and Pygments. Ours has no Markdown, and no
traceback is ever drawn: without both, help comes in two thirds of the time.
"""

from __future__ import annotations

import sys
from types import ModuleType

UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


def load_help() -> None:
    """Import Typer's help with stand-ins for what it does not use, which are gone afterwards."""
    stand_ins: dict[str, ModuleType] = {}
    for name, needed in UNUSED.items():
        if name not in sys.modules:
            stand_ins[name] = sys.modules[name] = ModuleType(name)
            setattr(stand_ins[name], needed, type(needed, (), {}))
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in stand_ins:
            del sys.modules[name]


def wants_help(arguments: list[str]) -> bool:
    """Whether a command line shows help: by `--help`, or as it names no command."""
    return not arguments or "--help" in arguments
