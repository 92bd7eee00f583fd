"""Photos to network inputs. All randomness comes from (seed, epoch, index): the same in any process and run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from puzzlecam_cli.method.constants import IGNORE

Colour = Sequence[float]
Side = Literal["longer", "shorter"]


def generator_for(seed: int, epoch: int, index: int) -> np.random.Generator:
    return np.random.default_rng((seed, epoch, index))


def normalize(image: NDArray[np.uint8], mean: Colour, std: Colour) -> Tensor:
    """(H, W, 3) uint8 → (3, H, W) float32, (x/255 − mean) / std."""
    planes = np.empty((3, *image.shape[:2]), np.float32)
    _normalize_onto(planes, image, mean, std)
    return torch.from_numpy(planes)


def _normalize_onto(planes: NDArray[np.float32], image: NDArray[np.uint8], mean: Colour, std: Colour) -> None:
    for number, plane in enumerate(planes):  # one after the other, each while it is in the cache
        plane[...] = image[:, :, number]
        plane *= 1 / (255 * std[number])
        plane -= mean[number] / std[number]


def resized(image: Image.Image, scale: float) -> NDArray[np.uint8]:
    """(h, w, 3): the photo enlarged or shrunk by a factor, bicubic with antialiasing.

    PyTorch is six times as fast as Pillow, but rounds its weights. With the width made by Pillow and then the height
    by PyTorch no value is more than one grey level off Pillow's two passes; with both made by PyTorch a few in a
    million are two. The width always comes first, as in the authors' Pillow. Pillow 13 alone begins with the height
    where a photo more than twice as tall as wide is shrunk: there, hard edges differ by up to 30, because what
    overshoots 0 or 255 is cut off between the passes.
    """
    width, height = (max(1, round(side * scale)) for side in image.size)
    widened = torch.from_numpy(np.array(image.resize((width, image.height), Image.Resampling.BICUBIC)))
    pixels = widened[None].permute(0, 3, 1, 2)  # channels_last, which PyTorch has the fast way for
    return F.interpolate(pixels, (height, width), mode="bicubic", antialias=True)[0].permute(1, 2, 0).numpy()


def scaled(
    image: Image.Image, scales: Sequence[float], mean: Colour, std: Colour, longer_side: int | None = None
) -> list[Tensor]:
    """A photo at several scales, normalised: one (3, h, w) float32 a scale, of the longer side's length or its own."""
    whole = 1.0 if longer_side is None else longer_side / max(image.size)
    return [normalize(resized(image, whole * scale), mean, std) for scale in scales]


def random_view(
    image: Image.Image,
    mask: NDArray[np.uint8] | None,
    generator: np.random.Generator,
    *,
    resize: tuple[int, int],
    crop: int,
    mean: Colour,
    std: Colour,
    resize_side: Side = "longer",
) -> tuple[Tensor, Tensor | None]:
    """A random training view: one side drawn from `resize`, mirrored half of the time, cropped.

    A photo smaller than the crop lands at a random place on a canvas of the mean colour, its mask on `IGNORE`.

    Returns:
        (3, crop, crop) float32 and, with a mask, (crop, crop) int64.

    Raises:
        ValueError: the mask has another size than the photo.
    """
    if mask is not None and mask.shape != image.size[::-1]:
        raise ValueError(f"the mask is {mask.shape}, the photo {image.size[::-1]}")
    length = int(generator.integers(resize[0], resize[1] + 1))
    pixels = resized(image, length / (max if resize_side == "longer" else min)(image.size))
    height, width = pixels.shape[:2]
    mirror = generator.random() < 0.5
    # `inside` is where the crop begins in the photo, `onto` where the photo begins on the canvas; one of them is 0
    inside_y, onto_y, shown_y = _overlap(height, crop, generator)
    inside_x, onto_x, shown_x = _overlap(width, crop, generator)
    source = (slice(inside_y, inside_y + shown_y), slice(inside_x, inside_x + shown_x))
    target = (slice(onto_y, onto_y + shown_y), slice(onto_x, onto_x + shown_x))

    pixels = pixels[:, ::-1] if mirror else pixels
    view = np.zeros((3, crop, crop), np.float32)
    _normalize_onto(view[:, target[0], target[1]], pixels[source], mean, std)
    if mask is None:
        return torch.from_numpy(view), None
    labels = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
    labels = labels[:, ::-1] if mirror else labels
    canvas = np.full((crop, crop), IGNORE, dtype=np.int64)
    canvas[target] = labels[source]
    return torch.from_numpy(view), torch.from_numpy(canvas)


def _overlap(side: int, crop: int, generator: np.random.Generator) -> tuple[int, int, int]:
    """Where a crop of a photo's side begins, where it lands on the canvas, and how much is shown."""
    offset = int(generator.integers(0, abs(side - crop) + 1))
    return (offset, 0, crop) if side >= crop else (0, offset, side)
