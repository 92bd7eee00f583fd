"""Which programs can infer in a dense CRF: one file and one row each. Without PyTorch: a plan can ask what is there."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple


class CrfEngine(NamedTuple):
    """An engine: the module that must be installed for it, what brings it, how, and `module:class` of its field."""

    needs: str
    distribution: str
    install: str
    field: str


# Best first.
ENGINES = {
    "pydensecrf": CrfEngine(
        "pydensecrf",
        "pydensecrf2",
        "python -m pip install pydensecrf2 (Python 3.11 or 3.12)",
        "puzzlecam_cli.method.crf_pydensecrf:PydensecrfField",
    ),
}


def installed_engines() -> list[str]:
    """Names of the engines that can be used here, best first."""
    return [name for name, engine in ENGINES.items() if find_spec(engine.needs) is not None]


def load_field(engine: str) -> Any:
    """The class of an engine's field; of the best that is installed for `auto`.

    Raises:
        ValueError: no engine is called so.
        ModuleNotFoundError: it is not installed.
    """
    if engine != "auto" and engine not in ENGINES:
        raise ValueError(f"no CRF engine is called {engine!r}")
    name = next(iter(installed_engines()), next(iter(ENGINES))) if engine == "auto" else engine
    module, _, field = ENGINES[name].field.partition(":")
    return getattr(import_module(module), field)
