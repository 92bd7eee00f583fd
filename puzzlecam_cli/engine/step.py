"""The losses and gradients of one step: of a batch in parts, on several processes, as if it were in one piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import Batch

Terms = dict[str, Tensor]  # a scalar by name


class LossModule(nn.Module, ABC):
    """A network with what it minimises: the sum of weight · (sum / count) of some terms.

    A term's sum and count are those of a batch or of any part of one, and simply add up. The engine divides by the
    count of the whole batch, so that parts and processes train as if there were only one.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    @abstractmethod
    def forward(self, batch: Batch) -> Terms:
        """The sum of each term, all of a step's passes through the network in one `forward` (as DDP needs)."""

    @abstractmethod
    def counts(self, batch: Batch) -> Terms:
        """Over how many images, tags, pixels or pairs each term is averaged, known without the network.

        Integers, which add up exactly; sums of weights where a term is a weighted mean.
        """

    @abstractmethod
    def weights(self, step: int, steps: int) -> dict[str, float]:
        """The weight of each term at a step; one without is only logged."""

    def schedule(self, step: int, steps: int) -> dict[str, float]:
        """What else is logged, because it changes with the step."""
        return {}

    def maps(self, batch: Batch) -> Tensor | None:
        """What the network sees in a batch, to be shown: (B, H, W) in [0, 1]; None: nothing."""
        return None


def add_gradients(
    module: LossModule, wrapped: nn.Module, batch: Batch, step: int, steps: int, parts: int, accelerator: Accelerator
) -> Terms:
    """Compute a batch part by part; processes exchange the sum of their gradients once, at the end.

    Args:
        module: what is trained, as a single process has it.
        wrapped: the same, as Accelerate prepared it.
        batch: this process's share of a batch.
        parts: how many; the same in all processes, and at most the images of each.

    Returns:
        detached terms and `loss`, what is minimised; their averages over the processes are those of the whole batch.
    """
    counts, weights = counts_of(module, batch, accelerator), module.weights(step, steps)
    total: Terms = {}
    for number, piece in enumerate(pieces(batch, parts), start=1):
        with nullcontext() if number == parts else accelerator.no_sync(wrapped):
            found = gradients_of(wrapped, piece, counts, weights, accelerator)
        for name, value in found.items():
            total[name] = total[name] + value if name in total else value
    return total


def gradients_of(
    wrapped: nn.Module,
    piece: Batch,
    counts: Terms,
    weights: Mapping[str, float | Tensor],
    accelerator: Accelerator,
) -> Terms:
    """Compute a part of a batch, and add its gradients to those that are there: its detached terms and `loss`."""
    with accelerator.autocast():
        sums: Terms = wrapped(piece)
    terms = {name: value / counts[name] for name, value in sums.items()}
    loss = torch.stack([weight * terms[name] for name, weight in weights.items()]).sum()
    accelerator.backward(loss)
    return {name: value.detach() for name, value in (terms | {"loss": loss}).items()}


def averages(losses: Terms, accelerator: Accelerator) -> dict[str, float]:
    """Over all processes, as numbers."""
    values = torch.stack([value.float() for value in losses.values()])
    if accelerator.num_processes > 1:
        values = accelerator.reduce(values, "mean")
    return dict(zip(losses, values.tolist(), strict=True))


def counts_of(module: LossModule, batch: Batch, accelerator: Accelerator) -> Terms:
    """What terms are divided by: counts of all processes together, over their number, as their gradients are averaged.
    No process waits for a GPU here."""
    counts = module.counts(batch)
    values = torch.stack(list(counts.values()))
    if accelerator.num_processes > 1:
        values = accelerator.reduce(values, "sum")
    values = values.masked_fill(values == 0, 1)  # whose sum is 0; weights may add up to less than 1
    return dict(zip(counts, values / accelerator.num_processes, strict=True))


def pieces(batch: Batch, parts: int) -> list[Batch]:
    """A batch in so many parts, the largest first."""
    split = [value.tensor_split(parts) for value in batch.values()]
    return [dict(zip(batch, values, strict=True)) for values in zip(*split, strict=True)]
