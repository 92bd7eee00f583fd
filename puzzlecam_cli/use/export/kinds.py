"""The kinds of files a network is exported as: a row of the table and a module each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from puzzlecam_cli.models.description import Description

Array: TypeAlias = "NDArray[Any]"
# (B, 3, H, W) uint8 → labels (B, H, W) uint8, probabilities (B, C+1, H, W) float32
Runner: TypeAlias = "Callable[[Array], tuple[Array, Array]]"


class Writer(Protocol):
    """What the module of a kind has."""

    def write(
        self, network: nn.Module, description: Description, out: Path, precision: str, photos: Iterable[Array]
    ) -> None:
        """Write a network, in eval mode, to a file.

        Args:
            precision: one of the kind's.
            photos: (1, 3, H, W) uint8 each, to calibrate with.

        Raises:
            RuntimeError: the network does what cannot be expressed.
        """

    def open_runner(self, path: Path) -> Runner:
        """What runs a file that `write` wrote, in its own runtime, on the CPU."""


@dataclass(frozen=True)
class Kind:
    """A kind of exported files.

    Args:
        module: a `Writer`.
        suffix: of its files.
        precisions: in which it can be written.
        packages: that it needs, of the extra `onnx`.
        is_copy: it holds the same tensors and nothing that computes, so these are compared.
    """

    module: str
    suffix: str
    precisions: tuple[str, ...]
    packages: tuple[str, ...] = ()
    is_copy: bool = False

    @property
    def writer(self) -> Writer:
        return cast(Writer, import_module(f"puzzlecam_cli.use.export.{self.module}"))


KINDS = {
    "onnx": Kind("onnx_file", ".onnx", ("fp32", "fp16", "int8"), ("onnx", "onnxruntime")),
    "torchscript": Kind("torchscript_file", ".pt", ("fp32", "fp16")),
    "safetensors": Kind("safetensors_file", ".safetensors", ("fp32",), is_copy=True),
}
