"""Mean-field inference in dense CRFs (Krähenbühl and Koltun, NeurIPS 2011) by PyTorch, on any of its devices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from puzzlecam_cli.method.constants import Kernels
from puzzlecam_cli.method.permutohedral import Lattice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]
BLOCK = 2**14  # pixels that go through a step together: they stay in the cache of a processor
KEPT = 2**18  # pixels up to which lattices of places are kept for the next photo: 48 bytes each
MANY = 16  # labels from which on PyTorch's own softmax is the faster one on a processor


class TorchFields:
    """The pairwise terms of several photos, which may differ in size, for unary terms of any number of labels.

    Args:
        images: each (H, W, 3) uint8; where they are, it is computed.
        kernels: of smoothness and colour.

    Raises:
        ValueError: deviations of a kernel are too small for the photos.
    """

    def __init__(self, images: Sequence[Tensor], kernels: Kernels):
        sizes = tuple((image.shape[0], image.shape[1]) for image in images)
        self._pixels = [height * width for height, width in sizes]
        device = images[0].device
        smoothness = _smoothness if sum(self._pixels) <= KEPT else _smoothness.__wrapped__
        smooth = smoothness(sizes, kernels.smooth_xy, kernels.smooth_weight, device)
        places, photo = _places(sizes, device)
        colours = torch.cat([image.reshape(-1, 3) for image in images])
        colour = Lattice(torch.cat([places / kernels.colour_xy, colours / kernels.colour_rgb], dim=1), photo)
        colour.normalise(kernels.colour_weight)
        self._lattices = smooth, colour

    @torch.no_grad()
    def infer(self, unaries: Sequence[Tensor], iterations: int) -> list[Tensor]:
        """(K, H·W) energies of each photo → (K, H·W) float32 probabilities after mean-field steps."""
        given = torch.cat([unary.t() for unary in unaries]).neg_()
        found = torch.empty_like(given)
        at_once = BLOCK if given.device.type == "cpu" else len(given)
        blocks = [(begin, min(begin + at_once, len(given))) for begin in range(0, len(given), at_once)]
        for begin, end in blocks:
            _softmax(given[begin:end].clone(), found[begin:end])
        for _ in range(iterations):
            held = [lattice.splat(found) for lattice in self._lattices]
            for begin, end in blocks:
                first, second = (
                    lattice.slice(corners, begin, end) for lattice, corners in zip(self._lattices, held, strict=True)
                )
                _softmax(first.add_(second).add_(given[begin:end]), found[begin:end])
        return [photo.t().contiguous() for photo in torch.split(found, self._pixels)]


def _softmax(logits: Tensor, out: Tensor) -> None:
    """The softmax of each row of (n, K) logits, which it uses up."""
    labels = logits.unbind(1)
    if logits.device.type != "cpu" or len(labels) >= MANY:
        torch.softmax(logits, 1, out=out)
        return
    # PyTorch takes several times as long for short rows
    greatest = labels[0].clone()
    for label in labels[1:]:
        torch.maximum(greatest, label, out=greatest)
    for label in labels:
        label.sub_(greatest)
    logits.exp_()
    total = labels[0].clone()
    for label in labels[1:]:
        total.add_(label)
    total.reciprocal_()
    for label, share in zip(labels, out.unbind(1), strict=True):
        torch.mul(label, total, out=share)


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
        self._fields = TorchFields([_tensor(image, device)], kernels)

    def infer(self, unary: NDArray[np.float32], iterations: int) -> NDArray[np.float32]:
        """(K, H·W) energies → (K, H·W) probabilities after mean-field steps."""
        found: NDArray[np.float32]
        found = self._fields.infer([_tensor(unary, self._device)], iterations)[0].cpu().numpy()
        return found


def _tensor(array: NDArray[Any], device: torch.device | str) -> Tensor:
    """Of the same memory where PyTorch can take it."""
    import numpy as np

    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)


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
