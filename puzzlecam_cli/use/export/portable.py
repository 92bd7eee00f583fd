"""What is exported: photos in, labels and probabilities out, normalisation inside, and nothing else to know."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy

import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.fold import fold_batchnorms
from puzzlecam_cli.models.description import Description

# Sides that are even at some depths and odd at others, and a multiple of nothing: all that follows from the size of a
# photo is done in the pass that is traced, and so becomes a part of what is traced.
TRACED = (2, 3, 97, 131)


class Portable(nn.Module):
    """A network with its normalisation and its softmax.

    Args:
        network: normalised (B, 3, H, W) → (B, C+1, H, W) logits.
        description: the network's.
        half: whether the network computes in float16; normalisation and softmax do not.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, description: Description, *, half: bool = False):
        super().__init__()
        self.network = network
        self.half_inside = half
        mean, std = torch.tensor(description.mean), torch.tensor(description.std)
        self.register_buffer("scale", (1 / (255 * std))[:, None, None])
        self.register_buffer("shift", (mean / std)[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) uint8, RGB → labels (B, H, W) uint8 and probabilities (B, C+1, H, W) float32."""
        normalised = images.float() * self.scale - self.shift
        logits = self.network(normalised.half() if self.half_inside else normalised)
        probabilities = logits.float().softmax(dim=1)
        return probabilities.argmax(dim=1).to(torch.uint8), probabilities


def portable(network: nn.Module, description: Description, *, half: bool = False) -> Portable:
    """A copy of a network, made ready to be traced: batch normalisations folded, half of the bytes if wanted."""
    inside = deepcopy(network).eval().requires_grad_(False)
    fold_batchnorms(inside)
    return Portable(inside.half() if half else inside, description, half=half).eval()


def traced_photos() -> Tensor:
    """Photos of the size `TRACED`, the same each time."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, TRACED, dtype=torch.uint8, generator=generator)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep to ourselves what libraries warn of and print: what they write is tried out afterwards."""
    before = logging.root.manager.disable
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, before)
        yield
