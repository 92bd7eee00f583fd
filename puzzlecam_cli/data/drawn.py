"""A folder of pictures that `drawing` wrote: what in it is ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from puzzlecam_cli.data.drawing import CLASS_NAMES, FOLDERS, names_in

LARGEST = 1 << 24  # bytes of a list
_NAME = re.compile(r"synthetic_(train|val)_\d{4,}")
_KINDS = dict(zip(FOLDERS, (".jpg", ".png", ".xml"), strict=False))  # the suffix of each folder of drawn files


def remove_drawn(root: Path) -> None:
    """Delete the pictures that `write_synthetic` wrote below `root`, their masks and tags; other files stay."""
    for folder, suffix in _KINDS.items():
        for path in (root / folder).glob("synthetic_*"):
            if path.suffix == suffix and _NAME.fullmatch(path.stem):
                path.unlink()


def changed_by_others(root: Path) -> Path | None:
    """What `write_synthetic` would overwrite or write through, and did not write itself; None if all is well."""
    for folder in (root / name for name in ("ImageSets", *FOLDERS)):
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return folder
    for split in ("train", "val"):
        path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        if _is_another(path, names_in(split, _lines(path) + 1)):
            return path
    for name in ("classes.txt", "classes.txt.unfinished"):
        if _is_another(root / name, ["background", *CLASS_NAMES]):
            return root / name
    return None


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if _is_small(path) else 0


def _is_another(path: Path, lines: Sequence[str]) -> bool:
    """Whether something is there that is not the first of these lines, the last perhaps cut off."""
    if not path.is_symlink() and not path.exists():
        return False
    text = "".join(f"{line}\n" for line in lines).encode()
    return not _is_small(path) or path.stat().st_nlink > 1 or not text.startswith(path.read_bytes())


def _is_small(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST
