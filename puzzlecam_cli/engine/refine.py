"""From the probabilities of a photo to its labels: the tags that are known, the CRF, the best class of each pixel.

A worker imports this module: it must stay light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from puzzlecam_cli.data.pixels.sizes import Size, size_within
from puzzlecam_cli.method.crf import dense_crf
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.method.labels import enlarged, highest
from puzzlecam_cli.method.regions import of_one_mind
from puzzlecam_cli.recipe.schema import Crf

LEAST = 1e-30  # of a probability where others are ruled out: no pixel is left without one


class Labels(NamedTuple):
    """What a photo shows: (H, W) uint8 classes, and (H, W) uint8 how sure each is, 255 for certain."""

    labels: Tensor
    confidence: Tensor


@dataclass(frozen=True)
class Segmented:
    """A photo as a network sees it. It travels to other processes.

    Args:
        image: (h, w, 3) uint8, as the CRF sees it.
        probabilities: (C+1, h, w) float32.
        size: (H, W) of the photo itself.
        tags: classes 1..C that are known to be in it, of which alone labels are made; None: of all.
        region_power: of `of_one_mind`.
    """

    image: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    size: Size
    tags: Sequence[int] | None = None
    region_power: float = 0.0

    def refined(self, crf: Crf, fields: FieldOf) -> Tensor:
        """(C+1, h, w) probabilities after the CRF."""
        probabilities = torch.from_numpy(self.probabilities)
        return refined(self.image, probabilities, crf, fields, self.tags, self.region_power)

    def labelled(self, crf: Crf, fields: FieldOf) -> Labels:
        """Labels at the photo's own size."""
        return labelled(self.refined(crf, fields), self.size)


def refined(
    image: NDArray[np.uint8],
    probabilities: Tensor,
    crf: Crf,
    fields: FieldOf,
    tags: Sequence[int] | None = None,
    region_power: float = 0.0,
) -> Tensor:
    """Probabilities of the background and of known tags alone, by regions, after the CRF: (C+1, h, w) → (C+1, h, w)."""
    pixels, options = torch.from_numpy(image), options_of(crf, fields)
    if tags is None:
        return dense_crf(pixels, of_one_mind(probabilities, region_power), **options)
    rows = [0, *sorted(set(tags))]
    kept = probabilities[rows].clamp(min=LEAST)
    found = torch.zeros_like(probabilities)
    found[rows] = dense_crf(pixels, of_one_mind(kept / kept.sum(dim=0), region_power), **options)
    return found


def labelled(probabilities: Tensor, size: Size) -> Labels:
    """The best class of each pixel, the first of equals: (C+1, h, w) → (H, W)."""
    score, index = highest(probabilities)
    sure = (score * 255).round_().clamp_(0, 255)
    if sure.shape != size:
        sure = F.interpolate(sure[None, None], size, mode="bilinear", align_corners=False)[0, 0].round_()
    return Labels(enlarged(index.to(torch.uint8), size), sure.to(torch.uint8))


def options_of(crf: Crf, fields: FieldOf) -> dict[str, Any]:
    """What the CRF itself is told."""
    return crf.model_dump(exclude={"largest_side"}) | {"engine": fields}


def pixels_within(photo: Image.Image, largest_side: int | None) -> NDArray[np.uint8]:
    """(h, w, 3): the photo, shrunk if its longer side is beyond that."""
    size = (photo.height, photo.width)
    within = size_within(size, largest_side)
    return np.array(photo if within == size else photo.resize(within[::-1], Image.Resampling.BOX))
