"""Blocks of a network whose inner values are not kept for the gradients but computed again: the same result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from math import ceil, sqrt
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute_blocks(network: nn.Module) -> None:
    """Let a network keep, for its gradients, only what goes into groups of its blocks; in place.

    Gradients, running statistics and random numbers stay what they were, bit for bit on a CPU. The blocks are the items
    of those `nn.Sequential`s that hold more than single layers, innermost, in about √n groups of n, which keeps little
    between the groups and little within one (Chen et al. 2016, arXiv:1604.06174).
    """
    for sequence in _sequences(network):
        length = ceil(sqrt(len(sequence)))
        blocks = [*sequence]
        groups = [blocks[first : first + length] for first in range(0, len(blocks), length)]
        sequence.forward = partial(_in_groups, groups)  # type: ignore[method-assign]


def has_blocks(network: nn.Module) -> bool:
    """Whether there is anything to compute again."""
    return bool(_sequences(network))


def _sequences(network: nn.Module) -> list[nn.Sequential]:
    """Those that hold blocks, and none that do."""
    found = [
        module
        for module in network.modules()
        if isinstance(module, nn.Sequential)
        and type(module).forward is nn.Sequential.forward
        and any(any(item.children()) for item in module)
    ]
    return [one for one in found if not any(other in found for other in one.modules() if other is not one)]


def _in_groups(groups: Sequence[Sequence[nn.Module]], x: Any) -> Any:
    for group in groups:
        through = partial(_through, group)
        if torch.is_grad_enabled():
            contexts = partial(_contexts, group)
            x = checkpoint(through, x, use_reentrant=False, context_fn=contexts)
        else:
            x = through(x)
    return x


def _through(layers: Sequence[nn.Module], x: Any) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _contexts(layers: Sequence[nn.Module]) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of the first time and of the second."""
    return nullcontext(), _statistics_stay(layers)


@contextmanager
def _statistics_stay(layers: Sequence[nn.Module]) -> Iterator[None]:
    """The same batch is no further one: running statistics and their counters are left alone."""
    norms = [module for layer in layers for module in layer.modules() if isinstance(module, BatchNorm)]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm, _, counter in before:
        norm.momentum = 0.0
        norm.num_batches_tracked = None if counter is None else counter.clone()
    try:
        yield
    finally:
        for norm, momentum, counter in before:
            norm.momentum, norm.num_batches_tracked = momentum, counter
