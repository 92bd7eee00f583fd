"""The ways to compute a batch that does not fit into memory at once, from the fastest to the one that needs least."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from puzzlecam_cli.engine.recompute import has_blocks

LEAST = 2  # images at once whose batch normalisation looks at them: of one, pooled features have no variance


@dataclass(frozen=True)
class Way:
    """How one process computes its share of a batch.

    Args:
        parts: one after the other; the gradients add up.
        recomputes: blocks of the network are computed again for the gradients (`recompute_blocks`): the same result.
    """

    parts: int = 1
    recomputes: bool = False


def ways_to_try(network: nn.Module, images: int, begun: Way = Way()) -> list[Way]:
    """One at least. Where batch normalisation looks at what goes through at once, parts come last: they change it.

    Args:
        network: in training mode.
        images: of the smallest share of a batch that a process has.
        begun: the way that the training went until now; none before it is tried.
    """
    looks, blocks = looks_at_batch(network), has_blocks(network)
    most = max(1, images // (LEAST if looks else 1))
    parts = [2**power for power in range(most.bit_length()) if 2**power < most] + [most]
    if looks:
        ways = [Way(), *(Way(number, blocks) for number in parts if number > 1 or blocks)]
    else:
        ways = [*(Way(number) for number in parts), *([Way(most, True)] if blocks else [])]
    left = [way for way in ways if way.parts >= min(begun.parts, most) and way.recomputes >= begun.recomputes]
    return left or ways[-1:]


def looks_at_batch(network: nn.Module) -> bool:
    """Whether a batch normalisation takes its statistics from the images that go through at once."""
    norms = (module for module in network.modules() if isinstance(module, BatchNorm))
    return any(norm.training or norm.running_mean is None for norm in norms)


def in_words(way: Way, images: int, stage: str, network: nn.Module) -> str:
    """What there is to say of a way that is not the first.

    Args:
        images: of the batch of all processes.
    """
    again = "blocks of the network are computed again for the gradients"
    said = f"{images} images do not fit into memory at once: "
    if way.parts == 1:
        return f"{said}{again}; the same result, slower"
    said += f"they go through in {way.parts} parts" + (f", and {again}" if way.recomputes else "")
    if not looks_at_batch(network):
        return f"{said}; as good, slower"
    section = stage.replace("-", "_")
    return f"{said}; batch normalisation looks at each part alone, unlike {section}.batchnorm: frozen"
