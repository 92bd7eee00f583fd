"""A file appears whole or not at all."""

from __future__ import annotations

import glob
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well.

    Args:
        durable: it survives the loss of power as well. Not for the many small files of photos: a disk takes
            milliseconds for each, and one that is lost is made again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with naming(path):
            yield temporary
            if durable:
                flush_to_disk(temporary)
            temporary.replace(path)
            if durable:
                flush_to_disk(path.parent)
    finally:
        with suppress(OSError):  # a folder that is gone, or read-only by now
            temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Tell with an error of the disk which file it was about."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def flush_to_disk(path: Path) -> None:
    """Wait until a file or the list of a folder is on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def write_text(path: Path, text: str) -> None:
    with replacing(path, durable=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        FileExistsError: it is; nothing is overwritten.
        OSError: it cannot be written; nothing is left of it.
    """
    with path.open("x", encoding="utf-8", newline="") as file:
        try:
            file.write(text)
            file.flush()
            flush_to_disk(path)
        except BaseException:
            path.unlink()
            raise


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON text; numbers that are not finite, which JSON does not have, are null."""
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(below) for below in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def append_line(path: Path, line: str) -> None:
    with naming(path), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def ready_to_append(path: Path, opening: str) -> None:
    """Make a file fit for `append_line`: it ends with a whole line, and is no second name of another file.

    The part of a line that `append_line` left on a full disk, or when it was killed, is cut off; other text stays.

    Args:
        opening: what every line of ours begins with.
    """
    if not path.exists():
        return
    if path.stat().st_nlink > 1:
        with replacing(path) as temporary:
            shutil.copyfile(path, temporary)
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST_LINE))
        tail = file.read()
        _, end, torn = tail.rpartition(b"\n")
        if not torn:
            return
        if (end or size == len(tail)) and opening.encode().startswith(torn[: len(opening)]):
            file.truncate(size - len(torn))
        else:
            file.write(b"\n")


LONGEST_LINE = 1 << 20  # bytes

LAST_BYTES = {  # how many, and what they begin with in a whole file
    ".png": (12, b"\0\0\0\0IEND\xaeB`\x82"),
    ".npz": (22, b"PK\x05\x06"),
}


def is_whole(path: Path) -> bool:
    """Whether a file is there and has its end; the loss of power can leave an empty one, or one cut short."""
    count, mark = LAST_BYTES.get(path.suffix, (1, b""))
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - count))
            return size > 0 and file.read().startswith(mark)
    except FileNotFoundError:
        return False


_TEMPORARY = re.compile(r"\..+\.(html|json|jsonl|md|npz|png|safetensors|txt|yaml|zip)\.\d+")


def leftovers(path: Path) -> list[Path]:
    """What `replacing` began for a file, or for all files of a folder, in processes that were killed."""
    begun = path.rglob(".*") if path.is_dir() else path.parent.glob(f".{glob.escape(path.name)}.*")
    return [temporary for temporary in begun if _TEMPORARY.fullmatch(temporary.name)]


def remove_leftovers(path: Path) -> None:
    """Remove `leftovers`."""
    for temporary in leftovers(path):
        temporary.unlink(missing_ok=True)
