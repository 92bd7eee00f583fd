"""Dense conditional random fields (Krähenbühl and Koltun, NeurIPS 2011) of one photo."""

from __future__ import annotations

from functools import cached_property
from math import isfinite

import torch
from torch import Tensor

from puzzlecam_cli.method.constants import CONFIDENCE, PREDICTION_KERNELS, Kernels
from puzzlecam_cli.method.crf_engines import Field, FieldOf, load_field


class DenseCrf:
    """The pairwise terms of one photo and label count, to be used for several unary terms.

    Args:
        image: (H, W, 3) uint8.
        labels: number of labels K.
        smooth_xy, smooth_weight, colour_xy, colour_rgb, colour_weight: see `Kernels`; by default those for predictions.
        engine: a name of `crf_engines.ENGINES`; `auto` takes the fastest that is installed, on a GPU where the photo is
            on one; or what makes a field, such as a plugin's engine: `puzzlecam_cli.registry.crf_engine(name)`.

    Raises:
        ValueError: the photo is of another kind or empty, a kernel is impossible, or no engine is called so.
        ModuleNotFoundError: the engine is not installed.
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
        engine: str | FieldOf = "auto",
    ):
        kernels = Kernels(smooth_xy, smooth_weight, colour_xy, colour_rgb, colour_weight)
        device = str(image.device) if image.device.type == "cuda" else "cpu"
        self._engine = load_field(engine, device) if isinstance(engine, str) else engine
        if image.dtype != torch.uint8:
            raise ValueError(f"the photo must be uint8, not {image.dtype}")
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"the photo must be (H, W, 3) in RGB, not {tuple(image.shape)}")
        if not image.numel():
            raise ValueError(f"the photo has no pixels: {tuple(image.shape)}")
        if not all(isfinite(value) and value >= 0 for value in kernels) or not min(smooth_xy, colour_xy, colour_rgb):
            raise ValueError(f"standard deviations must be positive, weights not negative: {kernels}")
        self.height, self.width = image.shape[:2]
        self.labels = labels
        self._image = image
        self._kernels = kernels

    @cached_property
    def _field(self) -> Field:
        """Made when it is needed: one label or no step takes none."""
        return self._engine(self._image.cpu().numpy(), self.labels, self._kernels)

    def infer(self, probabilities: Tensor, iterations: int) -> Tensor:
        """(K, H, W) probabilities → (K, H, W) float32 after `iterations` mean-field steps.

        Raises:
            ValueError: they are of another shape, or not finite; or `iterations` is negative.
        """
        if probabilities.shape != (self.labels, self.height, self.width):
            raise ValueError(
                f"probabilities are {tuple(probabilities.shape)}, the photo needs "
                f"{(self.labels, self.height, self.width)}"
            )
        if not probabilities.isfinite().all():
            raise ValueError("probabilities must be finite")
        if iterations < 0:
            raise ValueError(f"iterations must not be negative: {iterations}")
        if self.labels < 2 or iterations == 0:
            return probabilities.float().cpu()
        unary = probabilities.detach().float().clamp(1e-5, 1).log_().neg_().reshape(self.labels, -1)
        result = self._field.infer(unary.cpu().numpy(), iterations)
        return torch.from_numpy(result).reshape(self.labels, self.height, self.width)


def dense_crf(
    image: Tensor, probabilities: Tensor, *, iterations: int, engine: str | FieldOf = "auto", **kernels: float
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
