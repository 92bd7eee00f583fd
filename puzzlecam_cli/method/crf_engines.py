"""Which programs can infer in a dense CRF: one file and one row each. Without PyTorch: a plan can ask what is there.

Others' come as plugins; `puzzlecam_cli.registry` finds them and hands them to `DenseCrf`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

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
    """An engine: `module:class` of its field, the module that this needs, what brings that, and how.

    `install` is empty where that is always there. A field that can be on a GPU takes a `device` as well. `memory` is
    what it holds: bytes a pixel, and for each label; measured at 2 megapixels with 3 and 14 labels.
    """

    field: str
    needs: str
    distribution: str
    memory: tuple[int, int]
    install: str = ""
    on_gpu: bool = False


# The fastest on a CPU first.
ENGINES = {
    "pydensecrf": CrfEngine(
        "puzzlecam_cli.method.crf_pydensecrf:PydensecrfField",
        "pydensecrf",
        "pydensecrf2",
        (180, 34),
        "python -m pip install pydensecrf2 (Python 3.11 or 3.12, with a C++ compiler)",
    ),
    "torch": CrfEngine("puzzlecam_cli.method.crf_torch:TorchField", "torch", "torch", (480, 4), on_gpu=True),
}


def best_engine(device: str = "cpu") -> str:
    """What `auto` stands for: the fastest engine that is installed; on a GPU (`cuda`) one that computes there."""
    return next(name for name in usable_engines() if ENGINES[name].on_gpu or not device.startswith("cuda"))


def usable_engines() -> list[str]:
    """Those whose program is installed, the fastest on a CPU first."""
    return [name for name, engine in ENGINES.items() if find_spec(engine.needs) is not None]


def bytes_of(engine: str, labels: int) -> int:
    """What a dense CRF holds for each pixel; nothing is known of engines of others: as much as for `auto`."""
    a_pixel, a_label = ENGINES[engine if engine in ENGINES else best_engine()].memory
    return a_pixel + a_label * labels


def load_field(engine: str, device: str = "cpu") -> FieldOf:
    """What makes an engine's fields, on a device where it has a choice; `auto`: see `best_engine`.

    Raises:
        ValueError: no engine is called so.
        ModuleNotFoundError: it is not installed.
    """
    name = best_engine(device) if engine == "auto" else engine
    if name not in ENGINES:
        raise ValueError(f"no CRF engine is called {engine!r}")
    module, _, field = ENGINES[name].field.partition(":")
    found: Any = getattr(import_module(module), field)
    made: FieldOf = partial(found, device=device) if ENGINES[name].on_gpu else found
    return made
