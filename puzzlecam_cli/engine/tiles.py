"""A large photo in overlapping tiles, of each of which the middle is kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.data.pixels.sizes import Size

MARGIN = 10  # a side is so many margins


class Box(NamedTuple):
    """A part of a picture, in pixels; the lower right corner lies outside."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        return self.bottom - self.top, self.right - self.left

    def of(self, picture: Any) -> Any:
        """That part of an array or tensor (..., H, W)."""
        return picture[..., self.top : self.bottom, self.left : self.right]

    def within(self, outer: Box) -> Box:
        """The same part, of a part that it lies in."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)


def tiles(size: Size, side: int) -> Iterator[tuple[Box, Box]]:
    """Tiles that cover a picture (H, W), and the middles of them, each pixel in one: (tile, middle), row by row."""
    margin = side // MARGIN
    rows, columns = ([*pairwise(_cuts(length, side - 2 * margin))] for length in size)
    for top, bottom in rows:
        for left, right in columns:
            middle = Box(top, left, bottom, right)
            yield (
                Box(
                    max(0, top - margin),
                    max(0, left - margin),
                    min(size[0], bottom + margin),
                    min(size[1], right + margin),
                ),
                middle,
            )


def _cuts(length: int, most: int) -> list[int]:
    """Where equal parts of a length begin and end."""
    parts = -(-length // most)
    return [length * part // parts for part in range(parts + 1)]


def window(logits: Tensor, size: Size, box: Box) -> Tensor:
    """A part of what would be maps (K, h, w) enlarged to a size (H, W), bilinear: (K, *box.size)."""
    axes = [
        (torch.arange(first, last, device=logits.device) + 0.5) * (2 / length) - 1
        for first, last, length in ((box.top, box.bottom, size[0]), (box.left, box.right, size[1]))
    ]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)  # (h, w, 2) as x, y
    return F.grid_sample(logits[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]
