"""Read and write what stages leave behind."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from puzzlecam_cli.data.pixels.colours import VOC_PALETTE
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import replacing
from puzzlecam_cli.method.cam import sum_scales
from puzzlecam_cli.method.constants import IGNORE, MAP_STRIDE
from puzzlecam_cli.run.arrays import Arrays, reading, write_arrays

MOST_CELLS = 2**30  # of all maps of a photo at full size: 4 GB
FLOAT16_PEAK = 2**15  # half of the highest power of two that float16 holds


def write_labels(path: Path, labels: NDArray[np.uint8] | Tensor) -> None:
    """(H, W) class indices as an 8-bit PNG in VOC's palette."""
    picture = Image.fromarray(np.asarray(labels, dtype=np.uint8))
    picture.putpalette(VOC_PALETTE)
    with replacing(path) as temporary:
        picture.save(temporary, format="png")


def write_cams(
    path: Path,
    classes: Sequence[int],
    size: tuple[int, int],
    scales: Sequence[float],
    maps: Sequence[Tensor],
    cell: int = 16,
    *,
    seen: tuple[int, int] | None = None,
) -> None:
    """Maps before resizing: one (K, h, w) a scale, not negative, mirrored views added.

    `size` is the photo's, `seen` the size it was brought to for scale 1, `cell` the stride of the network's last map.

    Raises:
        UserError: a map holds a value that is not finite.
    """
    check_finite(path, maps)
    arrays: dict[str, NDArray[Any]] = {
        "classes": np.array(classes, np.int16),
        "size": np.array(size, np.int32),
        "scales": np.array(scales, np.float32),
        "cell": np.array(cell, np.int32),
        **_seen(size, seen),
    }
    arrays |= {f"map_{n}": m for n, m in enumerate(_in_float16(_below_overflow(maps)))}
    write_arrays(path, arrays)


def _below_overflow(maps: Sequence[Tensor]) -> list[Tensor]:
    """Classes whose maps float16 cannot hold, divided by a power of two: it cancels out in `normalize_cams`."""
    moved = [m.cpu().float() for m in maps]
    if not moved[0].numel():
        return moved
    peaks = torch.stack([m.amax(dim=(-2, -1)) for m in moved]).amax(dim=0)  # (K,)
    if float(peaks.max()) < FLOAT16_PEAK:
        return moved
    shift = (torch.frexp(peaks / FLOAT16_PEAK).exponent).clamp(min=0)
    return [torch.ldexp(m, -shift[:, None, None]) for m in moved]


def _in_float16(maps: Sequence[Tensor]) -> list[NDArray[np.float16]]:
    """The maps (K, h, w), each with what coarser ones lost in rounding, so that their sum is off by one rounding."""
    rounded = [m.half() for m in maps]
    lost = torch.zeros(1, 1, 1)  # (K, h, w)
    for number in sorted(range(len(maps)), key=lambda n: maps[n].shape[-1]):
        exact = maps[number]
        if exact.numel() == 0:
            break
        lost = F.interpolate(lost.expand(len(exact), -1, -1)[None], exact.shape[-2:], mode="bilinear")[0]
        wanted = (exact + lost).clamp(min=0) * (exact > 0)  # zeros stay: they deflate well
        rounded[number] = wanted.half()
        lost = exact + lost - rounded[number].float()
    return [m.numpy() for m in rounded]


def _seen(size: tuple[int, int], seen: tuple[int, int] | None) -> dict[str, NDArray[Any]]:
    """An array only where a photo was not seen as it is."""
    return {} if seen in (None, size) else {"seen": np.array(seen, np.int32)}


def read_cams(
    path: Path,
    stride: int = MAP_STRIDE,
    size: tuple[int, int] | None = None,
    *,
    num_classes: int = IGNORE - 1,
    seen: tuple[int, int] | None = None,
) -> tuple[NDArray[np.int16], Tensor]:
    """Rebuild the class activation maps of a photo.

    Args:
        path: a file of the `cams` stage.
        stride: 4, or 1 for the photo's own size.
        size: (H, W) of the photo, if it is known: the maps of another are refused.
        num_classes: C, if it is known: maps of a class above are refused.
        seen: (H, W) at which scores are wanted; None: the photo's own.

    Returns:
        The K class indices 1..C, and (K, ceil(H/stride), ceil(W/stride)) float32 scores in [0, 1).

    Raises:
        UserError: the file is not there, or damaged.
    """
    with reading(path, "cams") as arrays:
        classes, photo, given = _classes_and_sizes(arrays, size, num_classes)
        scales = arrays.read("scales", np.float32, (None,))
        if not 1 <= len(scales) <= 32 or not all(0 < scale <= 64 for scale in scales):
            raise ValueError("its scales are no scales")
        names = [f"map_{n}" for n in range(len(scales))]
        if unknown := arrays.names - {"classes", "size", "scales", "cell", "seen", *names}:
            raise ValueError(f"it has an unknown array `{min(unknown)[:60]}`")
        cell = 16  # of older versions, which did not say it
        if "cell" in arrays.names:
            cell = int(arrays.read("cell", np.int32, ()))
        if not 1 <= cell <= 128:
            raise ValueError(f"cells of {cell} pixels are none")
        shapes = [arrays.shape(name) for name in names]
        for name, scale, shape in zip(names, scales, shapes, strict=True):
            if len(shape) != 3 or not all(map(_could_be, shape[1:], given, (float(scale),) * 2, (cell,) * 2)):
                raise ValueError(f"`{name}` is no map of a photo of {given[0]}×{given[1]}")
        if sum(map(prod, shapes)) > MOST_CELLS // 4:
            raise ValueError("its maps are too large")
        maps = [_scores(arrays, name, (len(classes), *shape[1:])) for name, shape in zip(names, shapes, strict=True)]
    return classes, _at(sum_scales(maps, given, stride, cell), seen or photo, given, stride)


def _at(scores: Tensor, wanted: tuple[int, int], given: tuple[int, int], stride: int) -> Tensor:
    """(K, h, w) scores of a photo of one size as those of another."""
    if wanted == given:
        return scores
    grid = [-(-side // stride) for side in wanted]
    if not len(scores):
        return torch.zeros(0, *grid)
    return F.interpolate(scores[None], grid, mode="bilinear", align_corners=False)[0]


def write_walked(
    path: Path,
    classes: NDArray[np.int16],
    size: tuple[int, int],
    scores: Tensor,
    *,
    seen: tuple[int, int] | None = None,
) -> None:
    """(K, ceil(H/4), ceil(W/4)) scores after the walk, divided by their common maximum.

    `size` is the photo's; (H, W) is the size at which it was `seen`, if that is another.

    Raises:
        UserError: a score is not finite.
    """
    check_finite(path, [scores])
    arrays: dict[str, NDArray[Any]] = {
        "classes": classes,
        "size": np.array(size, np.int32),
        "scores": scores.cpu().numpy().astype(np.float16),
        **_seen(size, seen),
    }
    write_arrays(path, arrays)


def read_walked(
    path: Path,
    stride: int = MAP_STRIDE,
    size: tuple[int, int] | None = None,
    *,
    num_classes: int = IGNORE - 1,
    seen: tuple[int, int] | None = None,
) -> tuple[NDArray[np.int16], Tensor]:
    """The walked scores of a photo, at full size (`stride` 1) interpolated and divided by their maximum again.

    Args, returns and raises as `read_cams`, of a file of the `rw` stage.
    """
    with reading(path, "rw") as arrays:
        classes, photo, given = _classes_and_sizes(arrays, size, num_classes)
        height, width = given
        if unknown := arrays.names - {"classes", "size", "seen", "scores"}:
            raise ValueError(f"it has an unknown array `{min(unknown)[:60]}`")
        grid = (-(-height // MAP_STRIDE), -(-width // MAP_STRIDE))
        scores = _scores(arrays, "scores", (len(classes), *grid))
    if stride == 1 and len(classes):
        scores = F.interpolate(scores[None], scale_factor=MAP_STRIDE, mode="bilinear", align_corners=False)[0]
        scores = scores[:, :height, :width]
        scores = scores / (scores.max() + 1e-5)
    elif stride == 1:
        scores = torch.zeros(0, height, width)
    return classes, _at(scores, seen or photo, given, stride)


def _classes_and_sizes(
    arrays: Arrays, expected: tuple[int, int] | None, num_classes: int
) -> tuple[NDArray[np.int16], tuple[int, int], tuple[int, int]]:
    """The class indices, the photo's height and width, and those at which it was seen."""
    classes, size = arrays.read("classes", np.int16, (None,)), arrays.read("size", np.int32, (2,))
    if len(set(classes.tolist())) < len(classes) or not all(0 < index < IGNORE for index in classes.tolist()):
        raise ValueError("its classes are no classes")
    if len(classes) and classes.max() > num_classes:
        raise ValueError(f"it holds class {classes.max()}; there are {num_classes}")
    height, width = size.tolist()
    if expected and expected != (height, width):
        raise ValueError(f"it is of a photo of {height}×{width}, not {expected[0]}×{expected[1]}")
    seen = arrays.read("seen", np.int32, (2,)).tolist() if "seen" in arrays.names else (height, width)
    for tall, wide in ((height, width), seen):
        if min(tall, wide) < 1 or tall * wide * max(1, len(classes)) > MOST_CELLS:
            raise ValueError(f"{len(classes)} maps of a photo of {tall}×{wide} cannot be")
    return classes, (height, width), (seen[0], seen[1])


def _could_be(found: int, side: int, scale: float, cell: int) -> bool:
    """Whether so many cells can be those of a scaled side, which may lie on a canvas."""
    cells = side * scale / cell
    return max(1, cells / 2 - 1) <= found <= cells * 2 + 256


def _scores(arrays: Arrays, name: str, shape: tuple[int, ...]) -> Tensor:
    scores = torch.from_numpy(arrays.read(name, np.float16, shape)).float()
    if scores.numel() and not (float(scores.min()) >= 0 and float(scores.max()) < torch.inf):  # NaN is neither
        raise ValueError(f"`{name}` holds values that are negative or not finite")
    return scores


def check_finite(path: Path, maps: Sequence[Tensor]) -> None:
    """Nothing is written that an overflow in the network made.

    Raises:
        UserError: a map of those meant for a file is not finite.
    """
    if not all(bool(m.isfinite().all()) for m in maps):
        raise UserError(
            "map-not-finite",
            f"the network gives values that are not finite for `{path.stem}`: {path} is not written",
            hint="with fp16 or bf16 try --mixed-precision no; else train again with a lower lr, or clip_norm: 2",
        )
