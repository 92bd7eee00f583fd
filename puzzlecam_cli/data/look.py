"""Decode a photo and its mask once, to know before hours are spent what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError


@dataclass(frozen=True)
class Seen:
    """What decoding told of one photo or one mask.

    Args:
        size: (H, W) in pixels; None where it cannot be decoded.
        problem: what is wrong with it, in words.
        classes: of a mask, the values it holds, 255 included.
    """

    size: tuple[int, int] | None
    problem: str | None = None
    classes: tuple[int, ...] = ()


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
    return Seen(labels.shape, None, tuple(int(value) for value in np.flatnonzero(counted)))


def state_of(path: Path) -> str:
    """Size and time of a file: what was seen of it holds while they stay."""
    try:
        found = path.stat()
    except OSError:
        return "-"
    return f"{found.st_size} {found.st_mtime_ns}"
