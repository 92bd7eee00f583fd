"""In how many bits networks compute: bfloat16 where a GPU has it, TF32 as far as the recipe lets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.schema import Runtime


def chosen(precision: str, device: torch.device) -> str:
    """What the recipe's `mixed_precision` is on a device: `auto` is bf16 on GPUs that compute in it, else float32."""
    if precision != "auto":
        return precision
    return "bf16" if has_bf16(device) else "no"


def chosen_together(runtime: Runtime) -> str:
    """The same for all processes of a group: where one GPU lacks bf16, none takes it."""
    if runtime.mixed_precision != "auto" or runtime.cpu or not torch.cuda.is_available():
        return chosen(runtime.mixed_precision, torch.device("cpu"))
    everyones = gather_object([chosen("auto", PartialState().device)])
    return str(everyones[0]) if len(set(everyones)) == 1 else "no"


def check_precision(runtime: Runtime) -> None:
    """Whether networks can compute in the recipe's precision.

    Raises:
        UserError: fp16 without a GPU.
    """
    if runtime.mixed_precision == "fp16" and (runtime.cpu or not torch.cuda.is_available()):
        raise UserError("fp16-needs-gpu", "fp16 needs a GPU", hint="--mixed-precision bf16 works on CPUs as well")


def said(runtime: Runtime, precision: str) -> str | None:
    """What `auto` has chosen, in words; None where it is float32, or the recipe says it."""
    if runtime.mixed_precision != "auto" or precision == "no":
        return None
    return f"networks compute in {precision} here: runtime.mixed_precision is auto. --mixed-precision no: in float32"


def has_bf16(device: torch.device) -> bool:
    """Whether it is a GPU that computes in bfloat16 by itself: with compute capability 8.0 or more."""
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def has_tf32(device: torch.device) -> bool:
    """Whether float32 there can mean TF32: on GPUs with compute capability 8.0 or more."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """What is computed in float32, in this context.

    Args:
        allowed: False: convolutions and matrix products keep all bits of IEEE float32. True: as PyTorch is set, which
            by default lets convolutions on GPUs round their factors to TF32, 10 bits behind the point.
    """
    settings = [] if allowed else _settings()
    before = [getattr(owner, name) for owner, name, _ in settings]
    try:
        for owner, name, off in settings:
            setattr(owner, name, off)
        yield
    finally:
        for (owner, name, _), value in zip(settings, before, strict=True):
            setattr(owner, name, value)


def _settings() -> list[tuple[Any, str, Any]]:
    """PyTorch's, each with the value that turns TF32 off. From 2.9 on the older ones warn, or refuse to be mixed in."""
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    if hasattr(convolutions, "conv"):
        return [(part, "fp32_precision", "ieee") for part in (convolutions.conv, products)]
    return [(part, "allow_tf32", False) for part in (convolutions, products)]
