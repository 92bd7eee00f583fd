"""Where networks predict, and in which precision: one process of a run, or a device of one's own."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.fold import fold_batchnorms
from puzzlecam_cli.errors import UserError

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Place(Protocol):
    """A device and a precision; an `Accelerator` is one."""

    @property
    def device(self) -> torch.device: ...

    def autocast(self) -> AbstractContextManager[Any]:
        """What networks are called in."""


@dataclass(frozen=True)
class Device:
    """A place that needs no process group and changes nothing global.

    Args:
        device: of PyTorch.
        precision: `no`, `fp16` or `bf16`.
    """

    device: torch.device
    precision: str = "no"

    @classmethod
    def named(cls, name: str | None, precision: str = "no") -> Device:
        """A device by PyTorch's name, such as `cpu` or `cuda:1`; None: a GPU where there is one.

        Without a GPU fp16 is float32: a CPU has no use for it.

        Raises:
            UserError: there is no such device.
        """
        name = name or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(name)
            torch.zeros(1, device=device).item()  # `meta` is one by name, and computes nothing
        except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
            said = str(error).partition("\n")[0][:200]
            raise UserError(
                "device-missing", f"there is no device `{name!s:.50}`: {said}", hint="cpu or cuda"
            ) from None
        return cls(device, "no" if precision == "fp16" and device.type == "cpu" else precision)

    def autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "no":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=PRECISIONS[self.precision])


def for_inference(network: nn.Module, place: Place) -> nn.Module:
    """The network, where and how it predicts best; it cannot be trained any more."""
    network = network.to(place.device).eval()
    fold_batchnorms(network)
    return network.to(memory_format=torch.channels_last)


def on_device(images: Tensor, place: Place) -> Tensor:
    """(B, 3, H, W), where and how the networks want it."""
    return images.to(place.device, non_blocking=True).contiguous(memory_format=torch.channels_last)
