"""Puzzle-CAM: learn to segment from image tags alone. The paper's equations are in `puzzlecam_cli.method`.

From Python, `run_stages` does what the commands do; importing this package loads nothing heavy.
"""

from __future__ import annotations

TYPE_CHECKING = False  # to import `typing` takes milliseconds, in which Ctrl-C would end in a traceback
if TYPE_CHECKING:
    from typing import Any

    from puzzlecam_cli.session.stages import run_stages as run_stages

__version__ = "0.1.0"
_PUBLIC = {"run_stages": "puzzlecam_cli.session.stages"}


def __getattr__(name: str) -> Any:
    """The public functions, loaded when they are first asked for."""
    from importlib import import_module

    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
