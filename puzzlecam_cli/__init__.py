"""Puzzle-CAM: learn to segment from image tags alone. The paper's equations are in `puzzlecam_cli.method`.

From Python, `run_stages` does what the commands do, `Run` reads what they left, `load_model` predicts with it, and
`UserError` tells what you can mend. Importing this package loads nothing heavy.
"""

from __future__ import annotations

TYPE_CHECKING = False  # to import `typing` takes milliseconds, in which Ctrl-C would end in a traceback
if TYPE_CHECKING:
    from puzzlecam_cli.errors import UserError as UserError
    from puzzlecam_cli.session.stages import run_stages as run_stages
    from puzzlecam_cli.use.model import Model as Model
    from puzzlecam_cli.use.model import Prediction as Prediction
    from puzzlecam_cli.use.model import load_model as load_model
    from puzzlecam_cli.use.run import Run as Run

__version__ = "0.1.0"
_PUBLIC = {
    "Model": "puzzlecam_cli.use.model",
    "Prediction": "puzzlecam_cli.use.model",
    "Run": "puzzlecam_cli.use.run",
    "UserError": "puzzlecam_cli.errors",
    "load_model": "puzzlecam_cli.use.model",
    "run_stages": "puzzlecam_cli.session.stages",
}

if not TYPE_CHECKING:  # a checker would take it for all names, those misspelt as well

    def __getattr__(name: str) -> object:
        """The public names, loaded when they are first asked for."""
        from importlib import import_module

        if name not in _PUBLIC:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
