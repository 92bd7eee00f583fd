"""Which programs can infer in a dense CRF: one file and one row each. Without PyTorch: a plan can ask what is there.

Others' come as plugins; `puzzlecam_cli.registry` finds them and hands them to `DenseCrf`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol

from puzzlecam_cli.method.constants import Kernels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Field(Protocol):
    """The pairwise terms of one photo: two Gaussian kernels, of places and of places and colours.

    Each is normalised symmetrically, k(i, j) / √(Σ k(i, ·) Σ k(·, j)), with its own pixel in the sums; a step is
    Q ← softmax(−unary + Σ weight · kernel · Q), and Q begins with softmax(−unary).
    """

    def infer(self, unary: NDArray[np.float32], iterations: int) -> NDArray[np.float32]:
        """(K, H·W) energies → (K, H·W) float32 probabilities after mean-field steps; `unary` stays as it is."""


# What makes a field: of a photo (H, W, 3) uint8, of any strides and possibly read-only, a number of labels from 2 up,
# and the kernels. It is used in several processes.
FieldOf = Callable[["NDArray[np.uint8]", int, Kernels], Field]


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
    "torch": CrfEngine("torch", "torch", "python -m pip install torch", "puzzlecam_cli.method.crf_torch:TorchField"),
}


def installed_engines() -> list[str]:
    """Names of the engines that can be used here, best first."""
    return [name for name, engine in ENGINES.items() if find_spec(engine.needs) is not None]


def load_field(engine: str) -> FieldOf:
    """The class of an engine's field; of the best that is installed for `auto`.

    Raises:
        ValueError: no engine is called so.
        ModuleNotFoundError: it is not installed.
    """
    if engine != "auto" and engine not in ENGINES:
        raise ValueError(f"no CRF engine is called {engine!r}")
    name = next(iter(installed_engines()), next(iter(ENGINES))) if engine == "auto" else engine
    module, _, field = ENGINES[name].field.partition(":")
    found: FieldOf = getattr(import_module(module), field)
    return found
