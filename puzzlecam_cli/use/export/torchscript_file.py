"""TorchScript, for PyTorch without this package, also from C++; the metadata lie beside it as extra files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from puzzlecam_cli.models.description import Description
from puzzlecam_cli.use.export.kinds import Array, Runner
from puzzlecam_cli.use.export.portable import portable, quietly, traced_photos


def write(network: nn.Module, description: Description, out: Path, precision: str, photos: Iterable[Array]) -> None:
    """See `Writer`."""
    with quietly(), torch.no_grad():
        traced = torch.jit.trace(
            portable(network, description, half=precision == "fp16"), (traced_photos(),), check_trace=False
        )
        stream = io.BytesIO()
        extra = description.metadata() | {"precision": precision}
        torch.jit.save(traced, stream, _extra_files={name: text.encode() for name, text in extra.items()})
    out.write_bytes(stream.getvalue())


def open_runner(path: Path) -> Runner:
    """See `Writer`."""
    with quietly():
        network = torch.jit.load(str(path), map_location="cpu").eval()

    @torch.inference_mode()
    def run(images: Array) -> tuple[Array, Array]:
        with quietly():
            labels, probabilities = network(torch.from_numpy(images))
        return labels.numpy(), probabilities.numpy()

    return run


def is_ours(path: Path) -> bool:
    """See `Writer`."""
    found = {"format": ""}
    try:
        with quietly():
            torch.jit.load(str(path), map_location="cpu", _extra_files=found)
    except (RuntimeError, ValueError):
        return False
    text = found["format"]
    return (text.decode(errors="replace") if isinstance(text, bytes) else text).startswith("puzzlecam-")
