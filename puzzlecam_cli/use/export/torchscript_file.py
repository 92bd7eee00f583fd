"""TorchScript, for PyTorch without this package, also from C++; the metadata lie beside it as extra files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from puzzlecam_cli.models.description import Description
from puzzlecam_cli.use.export.kinds import Array, Runner
from puzzlecam_cli.use.export.portable import portable, quietly, traced_photos

jit: Any = torch.jit  # whose functions have no types


def write(network: nn.Module, description: Description, out: Path, precision: str, photos: Iterable[Array]) -> None:
    """See `Writer`."""
    with quietly(), torch.no_grad():
        traced = jit.trace(
            portable(network, description, half=precision == "fp16"), (traced_photos(),), check_trace=False
        )
        stream = io.BytesIO()
        extra = description.metadata() | {"precision": precision}
        jit.save(traced, stream, _extra_files={name: text.encode() for name, text in extra.items()})
    out.write_bytes(stream.getvalue())


def open_runner(path: Path) -> Runner:
    """See `Writer`."""
    with quietly():
        network = jit.load(str(path), map_location="cpu").eval()

    @torch.inference_mode()
    def run(images: Array) -> tuple[Array, Array]:
        with quietly(), jit.optimized_execution(False):  # that compiles anew for each size
            labels, probabilities = network(torch.from_numpy(images))
        return labels.numpy(), probabilities.numpy()

    return run
