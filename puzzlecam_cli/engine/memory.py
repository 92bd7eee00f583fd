"""Whether a step of a training fits into memory, and what to do where it does not."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from puzzlecam_cli.engine.free_memory import free_memory
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.fit import unfit
from puzzlecam_cli.recipe.schema import Training

SPARE = 1.3  # measured: a step on a CPU takes 1.25 to 1.28 times what its tensors hold
MOST = 40_000  # bytes a pixel of a view that any network is taken to keep: ResNeSt-101 keeps 8,000, tiles included


def held_bytes(module: nn.Module, batch: Mapping[str, Tensor]) -> int:
    """What a step holds at most beside the weights, forwards and backwards, found without computing anything.

    A module that asks for values gets none: what was held until then counts.
    """
    own: dict[str, Tensor] = {
        f"module.{name}": torch.empty_like(value, device="meta").requires_grad_(value.requires_grad)
        for name, value in (*module.named_parameters(), *module.named_buffers())
    }
    bare = {key: value.to("meta") for key, value in batch.items()}
    held = _Held((*own.values(), *bare.values()))
    with suppress(Exception), torch.random.fork_rng(devices=()), held:
        torch.func.functional_call(_Step(module), own, (bare,))
    return held.most


class _Step(nn.Module):
    """A pass and its gradients in one call, for which parameters can be replaced."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, batch: Mapping[str, Tensor]) -> None:
        losses = [value for value in self.module(batch).values() if value.requires_grad]
        torch.autograd.backward(torch.stack(losses).sum())


class _Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of the tensors that were made while it is on and are still there, and the most that there were.

    Args:
        given: tensors that were there before; views of them are none that were made.
    """

    def __init__(self, given: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._given = {value.untyped_storage()._cdata for value in given}
        self._there: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        output = function(*arguments, **(options or {}))
        for value in tree_leaves(output):
            if isinstance(value, Tensor):
                self._note(value.untyped_storage())
        return output

    def _note(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place in self._there or place in self._given:
            return

        def gone(_: object) -> None:
            self.now -= size
            del self._there[place]

        self._there[place] = weakref.ref(storage, gone)
        self.now += size
        self.most = max(self.most, self.now)


def lacking(
    module: nn.Module, batch: Mapping[str, Tensor], precision: str, spare: float = 1.0
) -> tuple[float, float] | None:
    """Bytes that a step on a CPU takes at least and bytes that are free, where these are fewer; else None.

    Nothing tells when a CPU's memory is used up: the process is killed.

    Args:
        batch: what goes through the network at once.
        precision: that the network has.
        spare: how many times as much must be free.
    """
    free = free_memory()
    if batch["image"].device.type != "cpu" or batch["image"][:, 0].numel() * MOST < free:
        return None
    needed = held_bytes(module, batch) * (1.0 if precision == "no" else 0.5)
    return (needed, free) if spare * needed > free else None


def out_of_memory(
    stage: str,
    settings: Training,
    precision: str,
    processes: int,
    backbone: Backbone,
    parts: int,
    lack: tuple[float, float] | None = None,
) -> UserError:
    """Up to three settings that would help a training, and by about how much: activations fill most of the memory.

    Args:
        precision: that the networks have.
        parts: of a batch, that were tried.
        lack: bytes that are needed and that are free, where they are known.
    """
    section = stage.replace("-", "_")
    help_: list[str] = []
    times = 2 if lack is None else max(2, math.ceil(lack[0] / max(0.7 * lack[1], 1)))
    if settings.accumulate != "auto" and (more := min(times * parts, settings.batch // processes)) > parts:
        help_.append(f"--set {section}.accumulate={more}: about {parts / more:.0%} of the memory; as good, slower")
    if crop := _smaller_crop(settings, backbone):
        help_.append(f"--set {section}.crop={crop}: about {(crop / settings.crop) ** 2:.0%}; smaller views")
    if precision == "no":
        help_.append("--mixed-precision bf16: 60 to 75%")
    if settings.accumulate != "auto" and (batch := settings.batch // 2) >= processes:
        help_.append(f"--set {section}.batch={batch}: about 50%; other steps")
    images = f"{settings.batch} images of {settings.crop}×{settings.crop} a step"
    problem = f"{stage} does not fit into memory: {images}" + (f", in {parts} parts," if parts > 1 else "")
    if lack is not None:
        problem += f" take at least {lack[0] / 1e9:.1f} GB, and {lack[1] / 1e9:.1f} GB are free"
    return UserError("out-of-memory", problem, tuple(help_[:3]), "one of these; then the same command continues")


def _smaller_crop(settings: Training, backbone: Backbone) -> int | None:
    """The largest up to 3/4 of the crop's side that the backbone and the recipe take, in whole cells."""
    cell = backbone.strides[-1]
    for crop in range(settings.crop * 3 // 4 // cell * cell, 31, -cell):
        if not unfit(backbone, settings.model_copy(update={"crop": crop})):
            return crop
    return None
