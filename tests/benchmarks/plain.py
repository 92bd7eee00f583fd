"""The methods as the papers' own programs have them: dense matrices, gathered paths, one pass a threshold.

They say what the others must equal, and what those gain. Nothing else uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from puzzlecam_cli.method.cam import normalize_cams
from puzzlecam_cli.method.paths import neighbour_offsets, path_cells

Paths = list[tuple[list[int], Tensor]]  # for each length of path: which they are, and their cells (n, h·w, length)


def path_indices(height: int, width: int, radius: int) -> Paths:
    """The flat cells of every path of every source."""
    margin = radius - 1
    rows, columns = torch.arange(height - margin), torch.arange(margin, width - margin)
    sources = (rows[:, None] * width + columns).flatten()
    by_length: dict[int, list[int]] = {}
    for number, offset in enumerate(neighbour_offsets(radius)):
        by_length.setdefault(len(path_cells(offset)), []).append(number)
    groups = []
    for numbers in by_length.values():
        shifts = [[y * width + x for y, x in path_cells(neighbour_offsets(radius)[number])] for number in numbers]
        groups.append((numbers, sources[:, None] + torch.tensor(shifts)[:, None]))
    return groups


def path_affinity(edges: Tensor, paths: Paths) -> Tensor:
    """1 − the max-pooled paths: (B, H, W) → (B, D, h·w)."""
    flat, pooled, order = edges.flatten(1), [], []
    for numbers, cells in paths:
        gathered = flat.index_select(1, cells.flatten()).reshape(len(flat), *cells.shape)
        pooled.append(F.max_pool2d(gathered, (1, cells.shape[-1])).squeeze(-1))
        order += numbers
    return (1 - torch.cat(pooled, dim=1))[:, torch.tensor(order).argsort()]


def transition_matrix(edges: Tensor, radius: int, beta: float) -> Tensor:
    """T (H·W, H·W) float32 with columns that sum up to 1: (H, W) → dense."""
    height, width = edges.shape
    margin = radius - 1
    padded = F.pad(edges, (margin, margin, 0, margin), value=1.0)
    affinity = path_affinity(padded[None], path_indices(padded.shape[0], padded.shape[1], radius))[0]
    matrix = torch.eye(height * width)
    cells = torch.arange(height * width)
    for (down, right), values in zip(neighbour_offsets(radius), affinity, strict=True):
        inside = (cells // width + down < height) & (cells % width + right >= 0) & (cells % width + right < width)
        here = cells[inside]
        there = here + down * width + right
        matrix[here, there] = matrix[there, here] = values[inside].pow(beta)
    return matrix / matrix.sum(dim=0, keepdim=True)


def dense_walk(scores: Tensor, edges: Tensor, radius: int = 5, beta: float = 10.0, log2_steps: int = 8) -> Tensor:
    matrix = transition_matrix(edges, radius, beta)
    for _ in range(log2_steps):
        matrix = matrix @ matrix
    return ((scores * (1 - edges)).flatten(1) @ matrix).reshape(scores.shape)


def sweep(scores: Tensor, classes: Tensor, mask: Tensor, thresholds: Sequence[float], num_classes: int) -> Tensor:
    """Confusion matrices, one prediction a threshold."""
    size, valid = num_classes + 1, mask != 255
    named = torch.cat([torch.zeros(1, dtype=torch.long), classes.long()])
    counts = []
    for threshold in thresholds:
        every = F.pad(scores, (0, 0, 0, 0, 1, 0), value=threshold)
        prediction = named[torch.from_numpy(every.numpy().argmax(axis=0))]  # PyTorch's own takes six times as long
        pairs = mask[valid].long() * size + prediction[valid]
        counts.append(torch.bincount(pairs, minlength=size * size).reshape(size, size))
    return torch.stack(counts)


def sum_all_classes(every: Sequence[Tensor], rows: Sequence[int], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The maps of all classes resized and summed, at stride 4 and at full size; the photo's are taken out last."""

    def summed(grid: tuple[int, int], shown: tuple[int, int]) -> Tensor:
        resized = [F.interpolate(m[None], grid, mode="bilinear", align_corners=False)[0] for m in every]
        return normalize_cams(torch.stack(resized).sum(0)[list(rows), : shown[0], : shown[1]])

    height, width = size
    quarter = (-(-height // 4), -(-width // 4))
    return summed(quarter, quarter), summed((-(-height // 16) * 16, -(-width // 16) * 16), size)


def view(path: Path, generator: np.random.Generator, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """The draws of `random_view` for a resized side of 320 to 640 and a crop of 512; everything in float, then cut."""
    image = Image.open(path).convert("RGB")
    scale = int(generator.integers(320, 641)) / max(image.size)
    width, height = (round(side * scale) for side in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    if generator.random() < 0.5:
        pixels = np.fliplr(pixels)
    normal = (np.asarray(pixels, np.float64) / 255 - mean) / std
    canvas = np.zeros((512, 512, 3), np.float32)
    place = []
    for side in (height, width):
        offset, shown = int(generator.integers(0, abs(side - 512) + 1)), min(side, 512)
        begin = (offset, 0) if side >= 512 else (0, offset)
        place.append((slice(begin[0], begin[0] + shown), slice(begin[1], begin[1] + shown)))
    (rows, onto_rows), (columns, onto_columns) = place
    canvas[onto_rows, onto_columns] = normal[rows, columns]
    return torch.from_numpy(np.ascontiguousarray(canvas.transpose(2, 0, 1)))
