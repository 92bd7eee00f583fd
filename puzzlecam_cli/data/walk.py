"""All photos below a folder, and which of them a person means by a name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from puzzlecam_cli.data.ids import PHOTO_SUFFIXES


class Walk:
    """The photos below a folder by id: the path below it without suffix, in NFC. Listing reads no photo.

    Hidden files and folders are none of them, nor are those in `but`.

    Args:
        root: the folder.
        suffixes: of the files that count, in any case.
        but: folders that are left out, e.g. one of masks.
    """

    def __init__(self, root: Path, suffixes: Sequence[str] = PHOTO_SUFFIXES, but: Sequence[Path] = ()):
        self.root = root
        self._suffixes = frozenset(suffixes)
        self._but = frozenset(os.path.realpath(folder) for folder in but)

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each id, sorted by id.

        Raises:
            UserError: `data-missing`: no such folder; `file-ambiguous` with all ids that several files have.
        """
        raise NotImplementedError

    def named(self, written: str) -> list[str]:
        """The ids that a name may mean: whole or only the end of its path, with suffix or without; several are
        ambiguous. Backslashes are slashes.
        """
        raise NotImplementedError
