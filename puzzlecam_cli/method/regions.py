"""Connected regions: what touches belongs together."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from puzzlecam_cli.method.components import components
from puzzlecam_cli.method.labels import best

LEAST = 1e-12  # of a weight: a pixel that is certain of a class that its region rules out stays one of an object


def of_one_mind(probabilities: Tensor, power: float) -> Tensor:
    """Let the pixels of a region of objects decide together which objects these are [ours].

    A region is made of pixels, joined by their sides, whose best label is not the background. In it, the probability of
    a class is multiplied by (its sum over the region / the largest such sum)^power, and what a pixel leaves to objects,
    1 − its background, is divided anew: an animal that is a dog for most of its pixels is none in parts a cow, while
    where objects are does not change, and a small one far from others keeps its name.

    Args:
        probabilities: (C+1, H, W), summing to 1 over the classes, background first.
        power: how much a class with less of a region loses; 0: nothing.

    Returns:
        (C+1, H, W) of the same sum.
    """
    if power == 0 or len(probabilities) < 3:
        return probabilities
    inside = best(probabilities) > 0  # (H, W)
    if not inside.any():
        return probabilities
    where = inside.flatten().nonzero()[:, 0]  # (N,)
    found = regions(inside.numpy())[inside.numpy()]
    number = torch.from_numpy(np.unique(found, return_inverse=True)[1].reshape(-1))  # (N,) 0..R-1
    chances = probabilities.flatten(1)[1:, where]  # (C, N)
    shares = torch.zeros(len(chances), int(number.max()) + 1).index_add_(1, number, chances)  # (C, R)
    weighted = chances * (shares / shares.amax(dim=0)).pow_(power).clamp_(min=LEAST)[:, number]
    weighted *= chances.sum(dim=0) / weighted.sum(dim=0)
    result = probabilities.clone()
    result.flatten(1)[1:, where] = weighted
    return result


def regions(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(H, W) → (H, W): of each pixel inside, the number of the first that it is joined with by sides."""
    pixels = np.arange(inside.size).reshape(inside.shape)
    right, below = inside[:, 1:] & inside[:, :-1], inside[1:] & inside[:-1]
    first = np.concatenate([pixels[:, :-1][right], pixels[:-1][below]])
    second = np.concatenate([pixels[:, 1:][right], pixels[1:][below]])
    return components(inside.size, first, second).reshape(inside.shape)
