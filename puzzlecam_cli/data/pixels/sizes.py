"""At which size a photo is seen, by the length of its longer side; nothing is loaded for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from puzzlecam_cli.recipe.schema import Predict

Size = tuple[int, int]  # height and width in pixels


def size_at(size: Size, longer_side: int | None) -> Size:
    """The size of a photo whose longer side is brought to a length in pixels; None: as it is."""
    if longer_side is None:
        return size
    scale = longer_side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def size_within(size: Size, largest_side: int | None) -> Size:
    """The same of a photo whose longer side is beyond that; others are left as they are."""
    return size if largest_side is None or max(size) <= largest_side else size_at(size, largest_side)


LARGEST_SCALE = 2.0  # up to which tiles are of one size: that of the CRF, whose memory is more than the network's


def is_tiled(size: Size, settings: Predict) -> bool:
    """Whether a photo (H, W) is too large to be predicted in one piece."""
    seen, shown = size_at(size, settings.longer_side), size_within(size, settings.crf.largest_side)
    return settings.tile is not None and max(*seen, *shown) > settings.tile


def side_of(settings: Predict, ratio: float = 1.0) -> int:
    """The side of a tile, margins included, of which no view has more than `tile` pixels a side.

    Args:
        ratio: pixels that the network sees at scale 1 of each pixel that is labelled.
    """
    assert settings.tile is not None
    return max(8, int(settings.tile / max(LARGEST_SCALE, *settings.scales) / max(1.0, ratio)))
