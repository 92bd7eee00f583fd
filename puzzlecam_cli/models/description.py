"""What a model file says of itself: all that is needed to build its network and to use it, as safetensors metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = "puzzlecam-model-1"


@dataclass(frozen=True)
class Description:
    """A network, its classes, and where it comes from.

    Args:
        classes: C names, of the indices 1..C.
        colours: C + 1 times red, green, blue in 0..255; background first.
        backbone: its name, as `load_backbone` takes it.
        options: of the backbone.
        head: `kind` (a row of `models.build.HEADS`) and what that head is built with.
        mean, std: of the normalised input, per colour in [0, 1].
        multiple: of pixels that the network's input sides are padded to.
        supervision: how tags and masks were used, in words: `tags`, `masks`, `first_weights`, `licence`.
        predict: the recipe's `seg.predict`, for networks that predict; else empty.
        puzzlecam: version of the package that wrote it.
    """

    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    backbone: str
    options: Mapping[str, Any]
    head: Mapping[str, Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    multiple: int
    supervision: Mapping[str, str]
    predict: Mapping[str, Any]
    puzzlecam: str
