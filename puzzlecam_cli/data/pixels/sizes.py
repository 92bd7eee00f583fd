"""At which size a photo is seen, by the length of its longer side; nothing is loaded for it."""

from __future__ import annotations

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
