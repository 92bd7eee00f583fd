"""The arrays of an .npz file of ours: what it claims to hold is looked at before anything of it is unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import replacing

Array = NDArray[Any]
MOST_MEMBERS = 100
MOST_LENGTH = 1000


class Claim(NamedTuple):
    """What the header of a member says, and where its values begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    member: ZipInfo
    begin: int


class Arrays:
    """An open .npz file. Nothing is read that does not have the type and the shape that are asked for."""

    def __init__(self, archive: ZipFile):
        self._archive = archive
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        if len(members) > MOST_MEMBERS or len(set(names)) != len(names):
            raise ValueError(f"it holds {len(members)} arrays of {len(set(names))} names")
        self._claims = {name: _claim(archive, member) for name, member in zip(names, members, strict=True)}

    @property
    def names(self) -> set[str]:
        return set(self._claims)

    def shape(self, name: str) -> tuple[int, ...]:
        """As the file claims it.

        Raises:
            ValueError: there is no such array.
        """
        if name not in self._claims:
            raise ValueError(f"it has no `{name}`")
        return self._claims[name].shape

    def read(self, name: str, dtype: type[np.generic], shape: tuple[int | None, ...]) -> Array:
        """An array of the type, and of the shape (None: up to a thousand).

        Raises:
            ValueError: it is another, or not there.
        """
        found, claim = self.shape(name), self._claims.get(name)
        assert claim is not None  # `shape` has seen to it
        fits = len(found) == len(shape) and all(
            length <= MOST_LENGTH if wanted is None else length == wanted
            for length, wanted in zip(found, shape, strict=True)
        )
        if claim.dtype != np.dtype(dtype) or not fits:
            asked = "×".join("?" if side is None else str(side) for side in shape)
            said = "×".join(map(str, found))[:60]
            raise ValueError(f"`{name}` is {claim.dtype} ({said}), not {np.dtype(dtype)} ({asked})")
        with self._archive.open(claim.member) as stream:
            data = stream.read()  # at most as long as the header, with which it was compared, says
        return np.frombuffer(data, claim.dtype, offset=claim.begin).reshape(found).copy()


def _claim(archive: ZipFile, member: ZipInfo) -> Claim:
    with archive.open(member) as stream:
        if npy.read_magic(stream) != (1, 0):  # the header of another version may claim to be 4 GB long
            raise ValueError(f"`{member.filename[:60]}` is no array of format 1.0")
        shape, is_fortran, dtype = npy.read_array_header_1_0(stream)
        begin = stream.tell()
    if dtype.hasobject or dtype.fields is not None or is_fortran:
        raise ValueError(f"`{member.filename[:60]}` holds no plain numbers")
    if begin + prod(shape) * dtype.itemsize != member.file_size:
        raise ValueError(f"`{member.filename[:60]}` is not as long as it claims")
    return Claim(shape, dtype, member, begin)


@contextmanager
def reading(path: Path, stage: str) -> Iterator[Arrays]:
    """An .npz file of a stage, open. A `ValueError` inside the block means that it does not hold what it should.

    Raises:
        UserError: it is not there, or damaged.
    """
    with damaged_files(path, stage), path.open("rb") as file, ZipFile(file) as archive:
        yield Arrays(archive)


@contextmanager
def damaged_files(path: Path, stage: str) -> Iterator[None]:
    """Name the file, and the stage that makes it again, where reading fails.

    Raises:
        UserError: whatever is raised inside.
    """
    again = f"`puzzlecam {stage}` makes it again"
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError("it is no file")
        yield
    except (UserError, PermissionError):
        raise
    except FileNotFoundError:
        raise UserError("artifact-missing", f"{path} is not there", hint=again) from None
    except Exception as error:  # broken files make their readers raise almost anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError("artifact-unreadable", f"{path} is damaged: {reason}", hint=f"delete it; {again}") from None


def write_arrays(path: Path, arrays: dict[str, Array]) -> None:
    """Write an .npz file, compressed, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
