"""Whether what was written does what the network does: the same pictures through both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.data.pixels.sizes import size_within
from puzzlecam_cli.data.transforms import resized
from puzzlecam_cli.method.metrics import confusion_matrix, iou_from_confusion
from puzzlecam_cli.use.export.kinds import Array, Runner
from puzzlecam_cli.use.export.pictures import Picture

LARGEST = 512  # pixels of a side of what is compared
SCORED = 1024  # and of what is scored
SMALLEST = 32  # and of what is made smaller on purpose: some networks cannot see less
RESIZED = 2  # pictures that are tried at other sizes too
BATCH, BATCH_SIZE = 3, (75, 101)

Tick = Callable[[], None]


@dataclass(frozen=True)
class View:
    """What two runtimes made of one input.

    Args:
        size: (B, H, W) of the input.
        difference: the largest of two probabilities; not a number where one is not.
        equal: share of equal labels, in [0, 1].
    """

    size: tuple[int, int, int]
    difference: float
    equal: float

    def __str__(self) -> str:
        batch, height, width = self.size
        off = f"probabilities differ by up to {self.difference:.2g}"
        return f"{batch} of {height}×{width} pixels: {100 * self.equal:.2f} % of labels equal, {off}"


def compare(runner: Runner, network: Runner, pictures: Sequence[Picture], tick: Tick) -> list[View]:
    """The same pictures through an exported file and the network itself.

    Each picture at its own size or what of it fits `LARGEST`, the first few at half and at one and a half times that as
    well, and the first three as one batch.

    Args:
        tick: is called for each picture.
    """
    views = []
    for images in _inputs(pictures, tick):
        (labels, probabilities), (wanted, truth) = runner(images), network(images)
        batch, _, height, width = images.shape
        off = abs(probabilities - truth).max() if np.isfinite(probabilities).all() else np.nan
        views.append(View((batch, height, width), float(off), float((labels == wanted).mean())))
    return views


def _inputs(pictures: Sequence[Picture], tick: Tick) -> Iterator[Array]:
    together: list[Array] = []
    for number, picture in enumerate(pictures):
        tick()
        image = picture()
        own = size_within((image.height, image.width), LARGEST)
        for factor in (1.0, 0.5, 1.5) if number < RESIZED else (1.0,):
            size = [max(1, round(side * factor)) for side in own]
            if factor == 1 or SMALLEST <= min(size) <= max(size) <= LARGEST:
                yield as_input(image, max(size) / max(image.size))
        if len(together) < BATCH:
            together.append(np.asarray(image.resize(BATCH_SIZE, Image.Resampling.BICUBIC)))
    yield np.ascontiguousarray(np.stack(together).transpose(0, 3, 1, 2))


def as_input(image: Image.Image, scale: float = 1.0) -> Array:
    """A photo as the networks' input: (1, 3, h, w) uint8."""
    pixels = np.array(image) if scale == 1 else resized(image, scale)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def within(picture: Picture, largest: int = LARGEST) -> Array:
    """A picture as the networks' input, its longer side brought down to what is allowed."""
    image = picture()
    return as_input(image, min(1.0, largest / max(image.size)))


def score(
    runners: Sequence[Runner], photos: Sequence[Photo], num_classes: int, longer_side: int | None, tick: Tick
) -> list[float]:
    """The mIoU of several runners on photos with masks: one scale, not mirrored, no CRF.

    Args:
        longer_side: at which the network was made to see photos; None: their own, up to `SCORED`.
    """
    total = torch.zeros(len(runners), num_classes + 1, num_classes + 1, dtype=torch.int64)
    for photo in photos:
        tick()
        image = open_image(photo.image)
        assert photo.mask is not None
        mask = torch.from_numpy(photo.mask.read().astype(np.int64))
        side = longer_side or min(SCORED, max(image.size))
        images = as_input(image, side / max(image.size))
        for counts, runner in zip(total, runners, strict=True):
            probabilities = torch.from_numpy(runner(images)[1])
            if probabilities.shape[-2:] != mask.shape:
                probabilities = F.interpolate(probabilities, list(mask.shape), mode="bilinear", align_corners=False)
            counts += confusion_matrix(probabilities[0].argmax(dim=0), mask, num_classes)
    return [float(iou_from_confusion(counts).nanmean()) for counts in total]
