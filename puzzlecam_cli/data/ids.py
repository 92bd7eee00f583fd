"""What an image id may be: the path of a photo below its folder, without suffix; and never a way out of a folder."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import CONTROL, quoted

# in any case
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif")
LONGEST_NAME = 240  # bytes; file systems take 255, and results add suffixes
LONGEST_ID = 1024
_NAME = rf"[\w -][\w .-]{{0,{LONGEST_NAME - 1}}}"
_PLAIN = re.compile(rf"{_NAME}(?:/{_NAME})*", re.ASCII)  # nearly all ids: 10,000 take milliseconds


def check_id(text: str) -> str | None:
    """What is wrong with an image id, to follow it in a sentence (`is an absolute path`); None for a good one.

    An id is one or more names joined by `/`. A good one never leads out of the folder it is joined to, and its
    results fit into names that file systems take.
    """
    if len(text) <= LONGEST_ID and _PLAIN.fullmatch(text):
        return None
    if not text:
        return "is empty"
    if CONTROL.search(text):
        return "holds a control character"
    if "\\" in text:
        return "holds a backslash; folders are written with /"
    if text.startswith("/") or re.match(r"[A-Za-z]:/", text):
        return "is an absolute path; an id is the path below the folder of photos"
    parts = text.split("/")
    if ".." in parts or "." in parts:
        return "holds . or .. as a folder"
    if "" in parts:
        return "holds an empty name between or after /"
    if len(text.encode()) > LONGEST_ID or any(len(part.encode()) > LONGEST_NAME for part in parts):
        return f"is longer than file names can be ({LONGEST_NAME} bytes)"
    return None


def canonical(name: str) -> str:
    """The one form (NFC) in which names are compared: an `é` can be written as one character or as two."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def result_path(folder: Path, image_id: str, suffix: str) -> Path:
    """Where a stage keeps what it made of a photo: `<folder>/<id><suffix>`, sub-folders as in the id.

    Raises:
        UserError: `image-id`: the id would lead out of the folder or is no name for a file.
    """
    if problem := check_id(image_id):
        raise UserError("image-id", f"the image id {quoted(image_id)} {problem}")
    return folder / f"{image_id}{suffix}"
