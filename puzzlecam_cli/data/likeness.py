"""Photos that are near-identical: saved again, made smaller or larger, brightened, cropped a little, taken in a burst.

Of each photo a thumbnail of 288 bytes is kept. Signs of its lowest frequencies are a hash; hashes are sorted, which
brings those with equal first bits together, and what lies together is compared by its thumbnails. That is done for
several rotations of the bits and with the weakest of the first bits turned, so a pair is missed only where all of them
differ: no photo is compared with all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

SIDE, COLOUR_SIDE = 16, 4  # of the thumbnail in grey, and in each of two colours
GREYS = SIDE * SIDE
BYTES = GREYS + 2 * COLOUR_SIDE * COLOUR_SIDE
ALIKE = 0.96  # correlation of two greys, laid over each other as well as can be
HOPELESS = 0.8  # less than that no shift makes good
STRICTER = (0.975, 0.99, 0.997)  # where likeness goes from photo to photo through half of a set
FLAT = 3.0  # standard deviation of grey: below it noise and compression are most of what is seen
COLOURS_APART = 14.0  # mean difference of colours
CUTS = (0.0, 0.015, 0.03)  # of a side that may have been cut off


def thumbnail(picture: Image.Image) -> bytes:
    """What of a photo (RGB) is remembered to compare it: 16×16 greys and 4×4 colours, two bytes each."""
    from PIL import Image

    bilinear = Image.Resampling.BILINEAR
    grey, blue, red = picture.resize((SIDE, SIDE), bilinear, reducing_gap=3.0).convert("YCbCr").split()
    small = (COLOUR_SIDE, COLOUR_SIDE)
    return b"".join((grey.tobytes(), blue.resize(small, bilinear).tobytes(), red.resize(small, bilinear).tobytes()))


def near_identical(thumbnails: Sequence[bytes], most: int | None = None) -> list[list[int]]:
    """Groups of photos that are near-identical, directly or by way of others; each of two or more, sorted.

    Args:
        thumbnails: one a photo; an empty one is like no other.
        most: photos of a group; a larger one is divided where its photos are least alike. None: any number.
    """
    raise NotImplementedError
