"""Masks in a zip, as CVAT gives them out: nothing is unpacked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from PIL.ImageFile import ImageFile

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.pixels.decode import opened
from puzzlecam_cli.data.pixels.mask_file import MaskFile
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

LARGEST = 1 << 28  # bytes of a member
_HINT = "export it again: it may be cut short, encrypted, or packed in an uncommon way"


@dataclass(frozen=True)
class MaskInZip(MaskFile):
    """A mask in a zip; `path` is the zip's."""

    member: str = ""

    @property
    def key(self) -> Path:
        return Path(f"{self.path}#{self.member}")

    @contextmanager
    def opened(self) -> Iterator[ImageFile]:
        with opened(self.key, "mask", read_member(self.path, self.member)) as file:
            yield file


def members(path: Path) -> list[str]:
    """The names of all files in a zip.

    Raises:
        UserError: `mask-unreadable`: it is none.
    """
    with _naming(path):
        return [entry.filename for entry in _archive(path).infolist() if not entry.is_dir()]


def read_member(path: Path, name: str) -> bytes:
    """One file of a zip.

    Raises:
        UserError: `mask-unreadable`: it is too large or broken, or not there any more.
    """
    with _naming(path, name), _archive(path).open(name) as file:
        data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MB")
        return data


def _archive(path: Path) -> ZipFile:
    return _kept(path, stat_of(str(path)), os.getpid())


@lru_cache(maxsize=2)
def _kept(path: Path, state: str, process: int) -> ZipFile:
    """The zip, whose list of files takes its time to read: kept as long as the file and the process are the same."""
    return ZipFile(path)


@contextmanager
def _naming(path: Path, member: str = "") -> Iterator[None]:
    """Say of what goes wrong which file it was; broken zips make Python raise almost anything."""
    try:
        yield
    except Exception as error:
        said = str(
            error.strerror if isinstance(error, OSError) and error.strerror else error.args[0] if error.args else ""
        )
        what = "it is no zip, or cut short" if isinstance(error, BadZipFile) and not member else said[:200].strip("'\"")
        inside = f" in {path}" if member else ""
        problem = f"{quoted(member, 200) if member else path}{inside} cannot be read: {what}"
        raise UserError("mask-unreadable", problem, hint=_HINT) from None
