"""Windows of a grid's cells, weighted and summed by one kernel of Triton: nothing is written and read again between.

Imported only where a GPU walks; PyTorch for GPUs brings Triton on Linux.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

BLOCK = 128  # cells of a program


@triton.jit(do_not_specialize=["cells", "maps", "of_batch", "of_map", "row"])
def _window_sums(
    weights,
    padded,
    found,
    cells,
    maps,
    of_batch,
    of_map,
    row,
    side: tl.constexpr,
    power: tl.constexpr,
    block: tl.constexpr,
):
    """Of `block` cells of one grid, in all maps; `power`: of two, that their number does not exceed."""
    batch = tl.program_id(1).to(tl.int64)
    cell, k = tl.program_id(0) * block + tl.arange(0, block), tl.arange(0, power)[:, None]
    inside = cell < cells
    all_inside = inside[None, :] & (k < maps)
    corner = padded + batch * of_batch + k * of_map + cell[None, :]
    total = tl.full([power, block], 0.0, weights.dtype.element_ty)
    for down in range(side):
        for right in range(side):
            at = weights + (batch * side * side + down * side + right) * cells + cell
            weight = tl.load(at, mask=inside, other=0.0)
            total += weight[None, :] * tl.load(corner + down * row + right, mask=all_inside, other=0.0)
    tl.store(found + (batch * maps + k) * cells + cell[None, :], total, mask=all_inside)


def window_sums(weights: Tensor, padded: Tensor, row: int, found: Tensor) -> Tensor:
    """`found`: the sum of each cell's window.

    Args:
        weights: (B, side, side, cells), contiguous.
        padded: (B, K, cells and a margin on both sides), whose cells lie next to each other: a cell's window begins at
            its own number and goes on, row by row, `row` cells further.
        row: cells in a row.
        found: (B, K, cells), contiguous.
    """
    batch, side, _, cells = weights.shape
    maps = found.shape[1]
    power = 1 << (maps - 1).bit_length()
    strides = padded.stride(0), padded.stride(1)
    _window_sums[(-(-cells // BLOCK), batch)](
        weights, padded, found, cells, maps, *strides, row, side=side, power=power, block=BLOCK
    )
    return found
