"""Dense conditional random fields (Krähenbühl and Koltun, NeurIPS 2011) through pydensecrf."""

from __future__ import annotations

from types import ModuleType
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from puzzlecam_cli.method.constants import CONFIDENCE, PREDICTION_KERNELS

Engine = Literal["auto", "pydensecrf"]


def _load_pydensecrf() -> ModuleType:
    from pydensecrf import densecrf

    module: ModuleType = densecrf
    return module


class DenseCrf:
    """The pairwise terms of one photo and label count, to be used for several unary terms.

    Args:
        image: (H, W, 3) uint8.
        labels: number of labels K.
        smooth_xy, smooth_weight, colour_xy, colour_rgb, colour_weight: see `Kernels`; by default those for predictions.
        engine: `pydensecrf`; `auto` takes the best that is installed.

    Raises:
        ModuleNotFoundError: pydensecrf is not installed.
    """

    def __init__(
        self,
        image: Tensor,
        labels: int,
        *,
        smooth_xy: float = PREDICTION_KERNELS.smooth_xy,
        smooth_weight: float = PREDICTION_KERNELS.smooth_weight,
        colour_xy: float = PREDICTION_KERNELS.colour_xy,
        colour_rgb: float = PREDICTION_KERNELS.colour_rgb,
        colour_weight: float = PREDICTION_KERNELS.colour_weight,
        engine: Engine = "auto",
    ):
        if engine not in ("auto", "pydensecrf"):
            raise ValueError(f"no CRF engine is called {engine!r}")
        if image.dtype != torch.uint8:
            raise ValueError(f"the photo must be uint8, not {image.dtype}")
        self.height, self.width = image.shape[:2]
        self.labels = labels
        if labels < 2:
            return  # one label needs no inference, and pydensecrf divides by zero
        self._field = _load_pydensecrf().DenseCRF2D(self.width, self.height, labels)
        self._field.addPairwiseGaussian(sxy=smooth_xy, compat=smooth_weight)
        # pydensecrf wants the picture writable and in C order
        rgb = np.array(image.cpu().numpy(), dtype=np.uint8, order="C")
        self._field.addPairwiseBilateral(sxy=colour_xy, srgb=colour_rgb, rgbim=rgb, compat=colour_weight)

    def infer(self, probabilities: Tensor, iterations: int) -> Tensor:
        """(K, H, W) probabilities → (K, H, W) float32 after `iterations` mean-field steps.

        Raises:
            ValueError: they are of another shape, or not finite.
        """
        if probabilities.shape != (self.labels, self.height, self.width):
            raise ValueError(
                f"probabilities are {tuple(probabilities.shape)}, the photo needs "
                f"{(self.labels, self.height, self.width)}"
            )
        if not probabilities.isfinite().all():
            raise ValueError("probabilities must be finite")
        if self.labels < 2 or iterations == 0:
            return probabilities.float().cpu()
        unary = probabilities.float().clamp(1e-5, 1).log_().neg_().reshape(self.labels, -1)
        self._field.setUnaryEnergy(np.ascontiguousarray(unary.cpu().numpy()))
        result = np.array(self._field.inference(iterations), dtype=np.float32)
        return torch.from_numpy(result).reshape(self.labels, self.height, self.width)


def dense_crf(
    image: Tensor, probabilities: Tensor, *, iterations: int, engine: Engine = "auto", **kernels: float
) -> Tensor:
    """Refine probabilities along the colours of the photo.

    Args:
        image: (H, W, 3) uint8.
        probabilities: (K, H, W) in [0, 1], clipped to [1e-5, 1].
        iterations: mean-field steps; 0 returns the input.
        engine, kernels: see `DenseCrf`.

    Returns:
        (K, H, W) float32 on the CPU, summing to 1 over K.
    """
    return DenseCrf(image, probabilities.shape[0], engine=engine, **kernels).infer(probabilities, iterations)


def label_probabilities(labels: Tensor, count: int, confidence: float = CONFIDENCE) -> Tensor:
    """Hard labels as probabilities: `confidence` for a pixel's label, the rest shared: (H, W) → (count, H, W)."""
    if count < 2:
        return torch.ones(1, *labels.shape, device=labels.device)
    rest = (1 - confidence) / (count - 1)
    probabilities = torch.full((count, *labels.shape), rest, device=labels.device)
    return probabilities.scatter_(0, labels[None].long(), confidence)
