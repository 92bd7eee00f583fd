"""Mean-field inference in dense CRFs (Krähenbühl and Koltun, NeurIPS 2011) by PyTorch, on any of its devices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from puzzlecam_cli.method.constants import Kernels
from puzzlecam_cli.method.permutohedral import Lattice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]


class TorchFields:
    """The pairwise terms of several photos, which may differ in size, for unary terms of any number of labels.

    Args:
        images: each (H, W, 3) uint8; where they are, it is computed.
        kernels: of smoothness and colour.
    """

    def __init__(self, images: Sequence[Tensor], kernels: Kernels):
        sizes = tuple((image.shape[0], image.shape[1]) for image in images)
        device = images[0].device
        self._pixels = [height * width for height, width in sizes]
        self._smooth = _smoothness(sizes, kernels.smooth_xy, kernels.smooth_weight, device)
        places, photo = _places(sizes, device)
        colours = torch.cat([image.reshape(-1, 3) for image in images]).float()
        points = torch.cat([places / kernels.colour_xy, colours / kernels.colour_rgb], dim=1)
        self._colour = Lattice(points, photo)
        self._colour.normalise(kernels.colour_weight)

    @torch.no_grad()
    def infer(self, unaries: Sequence[Tensor], iterations: int) -> list[Tensor]:
        """(K, H·W) energies of each photo → (K, H·W) float32 probabilities after mean-field steps."""
        given = torch.cat([unary.t() for unary in unaries]).neg_()
        found = given.softmax(dim=1)
        for _ in range(iterations):
            found = self._smooth.filter(found).add_(self._colour.filter(found)).add_(given).softmax(dim=1)
        return [photo.t().contiguous() for photo in torch.split(found, self._pixels)]


class TorchField:
    """The pairwise terms of one photo: a `Field` of `crf_engines`.

    Args:
        image: (H, W, 3) uint8.
        labels: number of labels K, at least 2.
        kernels: of smoothness and colour.
        device: where it is computed.
    """

    def __init__(self, image: NDArray[np.uint8], labels: int, kernels: Kernels, device: torch.device | str = "cpu"):
        self._device = device
        self._fields = TorchFields([torch.tensor(image.copy(), device=device)], kernels)

    def infer(self, unary: NDArray[np.float32], iterations: int) -> NDArray[np.float32]:
        """(K, H·W) energies → (K, H·W) probabilities after mean-field steps."""
        given = torch.tensor(unary.copy(), device=self._device)
        found: NDArray[np.float32] = self._fields.infer([given], iterations)[0].cpu().numpy()
        return found


@lru_cache(maxsize=8)
def _smoothness(sizes: tuple[Size, ...], deviation: float, weight: float, device: torch.device) -> Lattice:
    """The lattice of places, which is the same for all photos of a size."""
    places, photo = _places(sizes, device)
    lattice = Lattice(places / deviation, photo)
    lattice.normalise(weight)
    return lattice


def _places(sizes: Sequence[Size], device: torch.device) -> tuple[Tensor, Tensor | None]:
    """(N, 2) columns and rows of all pixels, and (N,) the photo of each, None if there is one."""
    places, photos = [], []
    for number, (height, width) in enumerate(sizes):
        rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
        grid = torch.meshgrid(rows, columns, indexing="ij")
        places.append(torch.stack(grid[::-1], dim=-1).reshape(-1, 2))
        photos.append(torch.full((height * width,), number, device=device))
    return torch.cat(places), torch.cat(photos) if len(sizes) > 1 else None
