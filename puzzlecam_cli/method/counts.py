"""What a mean is divided by, where several processes share a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Over = Callable[[Tensor], Tensor]  # a count of this process → the average count of all


def alone(count: Tensor) -> Tensor:
    """The only process has the average count."""
    return count


def mean_over_images(values: Tensor, over: Over = alone) -> Tensor:
    """(B, ...) → a scalar: the mean of all values, of the images of all processes together."""
    images = over(torch.full((), float(len(values)), device=values.device))
    return values.flatten(1).mean(dim=1).sum() / images if values.ndim > 1 else values.sum() / images
