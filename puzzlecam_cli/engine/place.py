"""Where networks predict, and in which precision: one process of a run, or a device of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from puzzlecam_cli.engine import precision as precisions
from puzzlecam_cli.engine.fold import fold_batchnorms
from puzzlecam_cli.engine.layout import keep_depthwise_out_of_cudnn, like_weights, memory_format
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
        tf32: as in the recipe.
    """

    device: torch.device
    precision: str = "no"
    tf32: bool = True

    @classmethod
    def named(cls, name: str | None, precision: str = "no", tf32: bool = True) -> Device:
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
        precision = precisions.chosen(precision, device)
        return cls(device, "no" if precision == "fp16" and device.type == "cpu" else precision, tf32)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """What networks are called in; nothing global stays changed."""
        dtype = PRECISIONS.get(self.precision)
        with precisions.tf32(self.tf32), torch.autocast(self.device.type, dtype) if dtype else nullcontext():
            yield


def for_inference(network: nn.Module, place: Place, note: Callable[[str], None] = lambda text: None) -> nn.Module:
    """The network, where and how it predicts best; it cannot be trained any more.

    Args:
        note: is told what makes it slower than others.
    """
    network = network.cpu().eval()
    if not fold_batchnorms(network):
        note("the network's batch normalisations cannot be made a part of its convolutions: same results, but slower")
    if place.device.type == "cuda":
        keep_depthwise_out_of_cudnn(network)
    return network.to(place.device).to(memory_format=memory_format(network, place.device, compiles=False))


def on_device(images: Tensor, place: Place, network: nn.Module) -> Tensor:
    """(B, 3, H, W), where and how a network that is there wants it."""
    return like_weights(images.to(place.device, non_blocking=True), network)
