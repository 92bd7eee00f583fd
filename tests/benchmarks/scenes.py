"""Smooth pictures, maps and edges to measure on: noise makes lattices and files several times larger."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from puzzlecam_cli.data.made_up.drawing import draw_picture, soft_noise

SIZE = (375, 500)


def photo(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A made-up scene (H, W, 3) and the classes 0, 1, ... of its pixels (H, W)."""
    image, instances, classes = draw_picture(0, 640, 8, np.random.default_rng(1))
    labels = np.array([0, *(index + 1 for index in classes)], np.uint8)[instances]
    size = (width, height)
    return (
        np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)),
        np.array(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST)),
    )


def maps(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """(count, H, W) smooth maps in [0, 1] with places where nothing is."""
    generator = np.random.default_rng(seed)
    drawn = np.stack([soft_noise(height, width, 5, generator) for _ in range(count)])
    return torch.from_numpy(np.clip(0.5 * drawn, 0, 1).astype(np.float32))


def edges(height: int, width: int, kind: str = "scene") -> Tensor:
    """(H, W) in [0, 1]: how steep a scene is, blurred; or uniform "noise"; or "smooth" noise with σ 2, cubed."""
    if kind == "scene":
        grey = np.array(Image.fromarray(photo(height, width)[0]).convert("L"), np.float32)
        steep = torch.from_numpy(np.hypot(*np.gradient(grey)).astype(np.float32))
        blurred = F.avg_pool2d(steep[None], 3, stride=1, padding=1)[0]
        return (blurred / blurred.quantile(0.99)).clamp(max=1)
    noise = torch.rand(height, width, generator=torch.Generator().manual_seed(1))
    if kind == "noise":
        return noise
    for _ in range(2):  # each is of σ √2
        noise = F.avg_pool2d(noise[None], 5, stride=1, padding=2, count_include_pad=False)[0]
    return ((noise - noise.min()) / (noise.max() - noise.min())) ** 3
