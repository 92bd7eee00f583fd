"""Decode a photo and its mask once, to know before hours are spent what is wrong with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

FLAT = 8  # of 255: by so much may the pixels of an empty photo differ, as JPEG compressed it
BORDER = 2  # pixels to either side in which an interpolated border shows what lies beside it


@dataclass(frozen=True)
class Picture:
    """What tells a photo from others, and whether it shows anything.

    Args:
        digest: of the file's bytes.
        is_flat: all pixels have nearly one colour.
        thumbnail: see `puzzlecam_cli.data.parts.likeness`.
    """

    digest: str
    is_flat: bool
    thumbnail: bytes


@dataclass(frozen=True)
class Seen:
    """What decoding told of one photo or one mask.

    Args:
        size: (H, W) in pixels; None where it cannot be decoded.
        problem: what is wrong with it, in words.
        classes: of a mask, the values it holds, 255 included.
        between: those of them that lie only where a lower number meets a higher one: no object is like that, but
            the borders in a mask that was made smaller or larger by interpolation are.
        picture: of a photo; None where it is not known.
    """

    size: tuple[int, int] | None
    problem: str | None = None
    classes: tuple[int, ...] = ()
    between: tuple[int, ...] = ()
    picture: Picture | None = None


def look_at(photo: Photo, *, mask: bool) -> Seen:
    """Decode a photo, or its mask."""
    import numpy as np

    from puzzlecam_cli.data.pixels.photo_file import open_image

    try:
        if not mask:
            shown = open_image(photo.image)
            return Seen(shown.size[::-1], picture=_picture(photo.image, shown))
        assert photo.mask is not None
        labels = photo.mask.read()
    except UserError as error:
        return Seen(None, error.problem)
    counted: Any = np.bincount(labels.ravel(), minlength=256)
    classes = tuple(int(value) for value in np.flatnonzero(counted))
    return Seen(labels.shape, None, classes, _between(labels))


def _picture(path: Path, shown: Image) -> Picture:
    from puzzlecam_cli.data.parts.likeness import thumbnail

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    ranges: Any = shown.getextrema()
    return Picture(digest, all(high - low <= FLAT for low, high in ranges), thumbnail(shown))


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
