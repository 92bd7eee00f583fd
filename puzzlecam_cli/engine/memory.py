"""Whether a step of a training fits into memory, and what to do where it does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress

import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.free_memory import free_memory
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.fit import unfit
from puzzlecam_cli.recipe.schema import Training

MOST = 40_000  # bytes a pixel of a view that any network is taken to keep: ResNeSt-101 keeps 8,000, tiles included


def kept_bytes(module: nn.Module, batch: Mapping[str, Tensor]) -> int:
    """What a step keeps of a batch for its gradients at least, found without computing anything.

    A module that asks for values gets none: what was kept until then counts.
    """
    own: dict[str, Tensor] = {
        name: torch.empty_like(value, device="meta").requires_grad_(value.requires_grad)
        for name, value in (*module.named_parameters(), *module.named_buffers())
    }
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(value: Tensor) -> Tensor:
        kept[value.untyped_storage()._cdata] = value.untyped_storage()
        return value

    bare = {key: value.to("meta") for key, value in batch.items()}
    watch = torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value)
    with suppress(Exception), torch.random.fork_rng(devices=()), watch:
        torch.func.functional_call(module, own, (bare,))
    for value in own.values():
        kept.pop(value.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in kept.values())


def lacking(module: nn.Module, batch: Mapping[str, Tensor], precision: str) -> tuple[float, float] | None:
    """Bytes that a step on a CPU takes at least and bytes that are free, where these are fewer; else None.

    Nothing tells when a CPU's memory is used up: the process is killed.

    Args:
        batch: what goes through the network at once.
        precision: that the network has.
    """
    free = free_memory()
    if batch["image"].device.type != "cpu" or batch["image"][:, 0].numel() * MOST < free:
        return None
    needed = kept_bytes(module, batch) * (1.0 if precision == "no" else 0.5)
    return (needed, free) if needed > free else None


def out_of_memory(
    stage: str,
    settings: Training,
    precision: str,
    processes: int,
    backbone: Backbone,
    lack: tuple[float, float] | None = None,
) -> UserError:
    """Up to three settings that would help a training, and by about how much: activations fill most of the memory.

    Args:
        precision: that the networks have.
        lack: bytes that are needed and that are free, where they are known.
    """
    section = stage.replace("-", "_")
    help_: list[str] = []
    times = 2 if lack is None else max(2, math.ceil(lack[0] / max(0.7 * lack[1], 1)))
    parts = min(times * settings.accumulate, settings.batch // processes)
    if parts > settings.accumulate:
        share = settings.accumulate / parts
        help_.append(f"--set {section}.accumulate={parts}: about {share:.0%} of the memory; as good, slower")
    if crop := _smaller_crop(settings, backbone):
        help_.append(f"--set {section}.crop={crop}: about {(crop / settings.crop) ** 2:.0%}; smaller views")
    if precision == "no":
        help_.append("--mixed-precision bf16: 60 to 75%")
    if (batch := settings.batch // 2) >= processes:
        help_.append(f"--set {section}.batch={batch}: about 50%; other steps")
    problem = f"{stage} does not fit into memory: {settings.batch} images of {settings.crop}×{settings.crop} a step"
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
