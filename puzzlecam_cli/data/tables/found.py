"""What a reader hands on: cells of a table as they are written, and tags of photos before they are brought together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from puzzlecam_cli.data.ids import PHOTO_SUFFIXES, canonical
from puzzlecam_cli.errors import UserError, shorten

Cell = str | tuple[str, ...]  # several: a list of JSON


class Row(NamedTuple):
    """A line of a table, or an object of JSON."""

    line: int
    cells: Sequence[Cell]


class Tagged(NamedTuple):
    """What one row says of one photo."""

    line: int
    name: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What is known before a file of tags is read.

    Args:
        file: the file, for messages.
        is_photo: whether a name stands for a photo; says yes to all where that is not known.
        separator: of tags in one cell; None: to be found out.
        classes: of a list; None: there is none.
        place: what numbers of rows count: a `line` or an `item`.
    """

    file: Path
    is_photo: Callable[[str], bool] = lambda name: True
    separator: str | None = None
    classes: frozenset[str] | None = None
    place: str = "line"

    @cached_property
    def tells_photos(self) -> bool:
        """Whether `is_photo` knows what is a photo, rather than saying yes to all."""
        return not self.is_photo("/no/such/photo")

    def at(self, number: int) -> str:
        """`line 3`"""
        return f"{self.place} {number}"

    def problem(self, what: str, where: Sequence[str] = (), hint: str | None = None) -> UserError:
        """`tags-invalid`: what is wrong with the file, to follow its name in a sentence."""
        return UserError("tags-invalid", f"{self.file} {what}", shorten(list(where)), hint)

    def ambiguous(self, what: str, where: Sequence[str], hint: str) -> UserError:
        """`tags-ambiguous`: the file can be read in two ways."""
        return UserError("tags-ambiguous", f"{self.file} {what}", shorten(list(where)), hint)


@dataclass
class Found:
    """All that a reader found in a file.

    Args:
        tagged: in the file's order; a photo may stand in several rows.
        is_whole: whether a row holds all tags of its photo, rather than one of them.
        classes: where the file lists them, in its order; tags may be further ones.
        columns: further columns by name, a value a row.
        facts: a sentence each, without the file's name.
        place: what numbers of rows count: a `line` or an `item`.
    """

    tagged: list[Tagged]
    is_whole: bool = True
    classes: tuple[str, ...] = ()
    columns: dict[str, list[str]] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    place: str = "line"


def has_photo_suffix(text: Cell) -> bool:
    """Whether a cell ends as the name of a photo does."""
    return isinstance(text, str) and text.lower().endswith(PHOTO_SUFFIXES)


def clean(text: str) -> str:
    """A cell without blanks around it, in NFC; marks of byte order are inside of joined files."""
    return canonical(text.strip().strip("\ufeff").strip())
