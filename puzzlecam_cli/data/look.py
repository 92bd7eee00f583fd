"""Decode a photo and its mask once, to know before hours are spent what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BORDER = 2  # pixels to either side in which an interpolated border shows what lies beside it


@dataclass(frozen=True)
class Seen:
    """What decoding told of one photo or one mask.

    Args:
        size: (H, W) in pixels; None where it cannot be decoded.
        problem: what is wrong with it, in words.
        classes: of a mask, the values it holds, 255 included.
        between: those of them that lie only where a lower number meets a higher one: no object is like that, but
            the borders in a mask that was made smaller or larger by interpolation are.
    """

    size: tuple[int, int] | None
    problem: str | None = None
    classes: tuple[int, ...] = ()
    between: tuple[int, ...] = ()


def look_at(photo: Photo, *, mask: bool) -> Seen:
    """Decode a photo, or its mask."""
    import numpy as np

    from puzzlecam_cli.data.photo_file import open_image

    try:
        if not mask:
            return Seen(open_image(photo.image).size[::-1])
        assert photo.mask is not None
        labels = photo.mask.read()
    except UserError as error:
        return Seen(None, error.problem)
    counted: Any = np.bincount(labels.ravel(), minlength=256)
    classes = tuple(int(value) for value in np.flatnonzero(counted))
    return Seen(labels.shape, None, classes, _between(labels))


def _between(labels: NDArray[np.uint8]) -> tuple[int, ...]:
    """See `Seen.between`; void (255) is neither lower nor higher."""
    import numpy as np

    numbers: Any = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)[:255])
    if len(numbers) < 3:  # nothing lies between two
        return ()
    lowest = _spread(labels, np.minimum)
    highest = _spread(np.where(labels == 255, 0, labels), np.maximum)
    elsewhere: Any = np.bincount(labels[(labels <= lowest) | (labels >= highest)], minlength=256)
    return tuple(int(value) for value in numbers if not elsewhere[value])


def _spread(values: NDArray[np.uint8], of: np.ufunc) -> NDArray[np.uint8]:
    """The lowest or highest value (`of`) in the square around each pixel."""
    import numpy as np

    for axis in (0, 1):
        wide = np.pad(values, [(BORDER, BORDER) if axis == side else (0, 0) for side in (0, 1)], mode="edge")
        size = values.shape[axis]
        for start in range(2 * BORDER + 1):
            values = of(values, wide[start : start + size] if axis == 0 else wide[:, start : start + size])
    return values


def state_of(path: Path) -> str:
    """Size and time of a file: what was seen of it holds while they stay."""
    try:
        found = path.stat()
    except OSError:
        return "-"
    return f"{found.st_size} {found.st_mtime_ns}"
