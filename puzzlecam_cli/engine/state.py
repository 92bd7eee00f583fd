"""What a network has learned, as tensors by name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def differences(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """In what names, types and shapes the state of a file is not that of a network; a line each, sorted."""
    lines = [f"{name[:80]} is missing" for name in wanted if name not in found]
    for name, tensor in found.items():
        if name not in wanted:
            lines.append(f"{name[:80]} is of no layer")
        elif (tensor.shape, tensor.dtype) != (wanted[name].shape, wanted[name].dtype):
            lines.append(f"{name[:80]} is {_kind(tensor)}, not {_kind(wanted[name])}")
    return sorted(lines)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape))}".rstrip()
