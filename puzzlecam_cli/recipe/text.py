"""The text of a small file that somebody else wrote."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from puzzlecam_cli.errors import UserError

LARGEST = 256 * 1024  # bytes
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_text(path: Path) -> str:
    """The text of a recipe file: UTF-8, or what its byte order mark says. It never waits.

    Raises:
        UserError: it is no regular file, too large, or no such text.
    """
    raw = _read_bytes(path)
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        hint = "save it as UTF-8"
        raise UserError("recipe-unreadable", f"{path} is not UTF-8 text", (f"line {line}",), hint) from None


def _read_bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a device may do things
            raise UserError("recipe-unreadable", f"{path} is not a file, but a folder, pipe or device")
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            raw = file.read(LARGEST + 1) or b""  # None: nothing there yet, in a file of /proc
    except OSError as error:
        raise UserError("recipe-unreadable", f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise UserError("recipe-unreadable", f"{path} is larger than {LARGEST // 1024} kB: that is no recipe")
    return raw
