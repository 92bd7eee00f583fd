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

LAYERS = 8  # single ones in a row, at least, that are computed again together


def recompute_blocks(network: nn.Module) -> None:
    """Let a network keep, for its gradients, only what goes into groups of its blocks; in place.

    Gradients, running statistics and random numbers stay what they were, bit for bit on a CPU. The blocks are the items
    of those `nn.Sequential`s that hold more than single layers, innermost, in about √n groups of n, which keeps little
    between the groups and little within one (Chen et al. 2016, arXiv:1604.06174); beside these, single layers in a row.
    """
    for sequence in _sequences(network):
        sequence.forward = partial(_in_groups, _groups(sequence))  # type: ignore[method-assign]


def _groups(sequence: nn.Sequential) -> list[list[nn.Module]]:
    length = max(ceil(sqrt(len(sequence))), 1 if _holds_blocks(sequence) else LAYERS)
    groups: list[list[nn.Module]] = [[]]
    for item in sequence:
        if len(groups[-1]) >= length and not _changes_input(item):
            groups.append([])
        groups[-1].append(item)
    return groups


def has_blocks(network: nn.Module) -> bool:
    """Whether there is anything to compute again."""
    return bool(_sequences(network))


def _sequences(network: nn.Module) -> list[nn.Sequential]:
    """Those that hold blocks but no others that do; and, outside of these, those of layers."""
    plain = [
        module
        for module in network.modules()
        if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
        if len(module) > 1 and not _changes_input(module)
    ]
    outer = [one for one in plain if _holds_blocks(one)]
    of_blocks = [one for one in outer if not any(other in outer for other in one.modules() if other is not one)]
    within = {module for one in of_blocks for module in one.modules()}
    return [*of_blocks, *(one for one in plain if one not in outer and one not in within)]


def _holds_blocks(sequence: nn.Sequential) -> bool:
    return any(any(item.children()) for item in sequence)


def _changes_input(module: nn.Module) -> bool:
    """Whether it begins in place: from what is left of its input nothing could be computed again."""
    first = next(layer for layer in module.modules() if not any(layer.children()))
    return bool(getattr(first, "inplace", False))


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
