"""The losses and gradients of one step: of a batch in parts, on several processes, as if it were in one piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from typing import ClassVar

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import Batch

Losses = dict[str, Tensor]
Weights = Mapping[str, Tensor | float]


class LossModule(nn.Module, ABC):
    """A network with its loss, so that all of a step's forward passes lie in one `forward` (as DDP needs).

    A loss is a mean over images, tags, pixels or pairs. Of a part of a batch, each mean is multiplied by its weight:
    1 where the part is all there is. So losses and gradients of parts add up to those of the whole batch.
    """

    averaged_over: ClassVar[tuple[str, ...]]

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.weights: Weights = dict.fromkeys(self.averaged_over, 1.0)

    @abstractmethod
    def counts(self, batch: Batch) -> tuple[Tensor, ...]:
        """How many there are in a batch of each that is `averaged_over`: integers, known without the network."""

    @abstractmethod
    def forward(self, batch: Batch, step: int, steps: int) -> Losses:
        """A dictionary of scalars on one device; `loss` is minimised, all are logged."""

    def maps(self, batch: Batch) -> Tensor | None:
        """What the network sees in a batch, to be shown: (B, H, W) in [0, 1]; None: nothing."""
        return None


def add_gradients(
    module: LossModule, wrapped: nn.Module, batch: Batch, step: int, steps: int, parts: int, accelerator: Accelerator
) -> Losses:
    """Compute a batch part by part; processes exchange the sum of their gradients once, at the end.

    Args:
        module: what is trained, as a single process has it.
        wrapped: the same, as Accelerate prepared it.
        batch: this process's share of a batch.
        parts: how many; the same in all processes, and at most the images of each.

    Returns:
        detached losses, whose average over the processes are those of the whole batch.
    """
    pieces = _split(batch, parts)
    total: Losses = {}
    for number, (piece, weights) in enumerate(zip(pieces, _weights(module, pieces, accelerator), strict=True), start=1):
        module.weights = weights
        with nullcontext() if number == parts else accelerator.no_sync(wrapped):
            with accelerator.autocast():
                losses: Losses = wrapped(piece, step, steps)
            accelerator.backward(losses["loss"])
        for name, value in losses.items():
            total[name] = total[name] + value.detach() if name in total else value.detach()
    return total


def averages(losses: Losses, accelerator: Accelerator) -> dict[str, float]:
    """Over all processes, as numbers."""
    values = torch.stack([value.float() for value in losses.values()])
    if accelerator.num_processes > 1:
        values = accelerator.reduce(values, "mean")
    return dict(zip(losses, values.tolist(), strict=True))


def _split(batch: Batch, parts: int) -> list[Batch]:
    pieces = [value.tensor_split(parts) for value in batch.values()]
    return [dict(zip(batch, values, strict=True)) for values in zip(*pieces, strict=True)]


def _weights(module: LossModule, pieces: list[Batch], accelerator: Accelerator) -> list[Weights]:
    """Each piece's share of what all pieces of all processes count, times the processes, whose gradients are averaged.

    No process waits for a GPU here.
    """
    if len(pieces) == 1 and accelerator.num_processes == 1:
        return [dict.fromkeys(module.averaged_over, 1.0)]
    counts = torch.stack([torch.stack(module.counts(piece)) for piece in pieces])  # (parts, kinds) int64
    total = counts.sum(dim=0)
    if accelerator.num_processes > 1:
        total = accelerator.reduce(total, "sum")
    shares = counts * accelerator.num_processes / total.clamp(min=1)
    return [dict(zip(module.averaged_over, share, strict=True)) for share in shares]
