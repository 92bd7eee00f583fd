"""Tags from a file: which form it has is found out, or refused where two readings are possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TagTable:
    """What a file says of photos, in its order; all texts in NFC.

    Args:
        file: where it is from.
        names: of photos as written there: with or without folder and suffix.
        lines: where each stands, from 1; of forms without lines the number of the item.
        tags: of each, class names without background; () for a photo that shows no class.
        classes: all class names; of a table with one column a class in the columns' order, else sorted.
        columns: further columns by name, such as `split`, a value a photo.
        facts: how the file was read, a sentence each, for a person.
    """

    file: Path
    names: tuple[str, ...]
    lines: tuple[int, ...]
    tags: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    facts: tuple[str, ...] = ()


def read_tags(
    path: Path,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    classes: Sequence[str] | None = None,
    is_photo: Callable[[str], bool] = lambda name: True,
) -> TagTable:
    """Tags of photos from a CSV, TSV or JSON-lines file, or an export of image tags by CVAT or Datumaro.

    Args:
        encoding: None: found out.
        separator: of several tags in one cell; None: found out.
        classes: known class names, where there is a list: they tell what a blank in a name means.
        is_photo: whether a name stands for a photo: tells which column holds names, and which encoding is right.

    Raises:
        UserError: `tags-...` with lines: what cannot be read, or could be read in two ways.
    """
    raise NotImplementedError
