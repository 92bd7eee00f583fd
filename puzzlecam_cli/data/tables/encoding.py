"""The text of a file of tags: UTF-8 and what has a byte order mark, else what can be told without a guess."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence

from puzzlecam_cli.data.tables.code_pages import PAGES, is_plausible
from puzzlecam_cli.data.tables.found import Known, clean
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import decode_text, marked, quoted

# Python calls these encodings, too; no table is written in them, and some take time without bound.
_NO_ENCODINGS = {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"}
_NO_TEXT = {b"PK\x03\x04": "an Excel file or another archive", b"\xd0\xcf\x11\xe0": "an Excel file"}
_LINE_END = re.compile(rb"\r\n|\n|\r")
_HINT = "save it as UTF-8 (most editors: Save as, encoding UTF-8), or say how it was saved: --set data.encoding=cp1252"


def decoded(data: bytes, known: Known, encoding: str | None) -> tuple[str, list[str]]:
    """The text in the bytes of a file, and how it was read where that had to be found out.

    Raises:
        UserError: `tags-encoding`: it is not in the encoding given; without one, none fits, or several that give
            different texts (with the first line where they do).
    """
    if kind := next((kind for start, kind in _NO_TEXT.items() if data.startswith(start)), None):
        raise UserError("tags-encoding", f"{known.file} is {kind}, no text", hint="save it as CSV (UTF-8)")
    if encoding is not None or marked(data) or (b"\0" not in data and _reads(data, "utf-8") is not None):
        return decode_text(
            data, known.file, otherwise=_codec("utf-8" if encoding is None else encoding), kind="tags"
        ), []
    if b"\0" in data:
        wide = "utf-16-le" if data[1::2].count(0) >= data[::2].count(0) else "utf-16-be"
        readings = _plausible(data, (wide,))
    else:
        readings = _plausible(b"\n".join(_telling_lines(data)), PAGES)
        for score in (_photos, _classes):
            readings = _best(readings, score, known)
    if len(readings) > 1:
        raise _ambiguous(readings, data, known)
    if not readings:
        try:
            decode_text(data, known.file, kind="tags")
        except UserError as error:
            raise UserError("tags-encoding", error.problem, error.where, _HINT) from None
    codec = next(iter(readings.values()))
    return decode_text(data, known.file, otherwise=codec, kind="tags"), [f"it is read as {codec}"]


def _plausible(data: bytes, codecs: Sequence[str]) -> dict[str, str]:
    """The first codec that gives each plausible reading of bytes."""
    readings: dict[str, str] = {}
    for codec in codecs:
        text = _reads(data, codec)
        if text is not None and text not in readings and is_plausible(text, codec):
            readings[text] = codec
    return readings


def _codec(encoding: str) -> str:
    """Python's name of an encoding."""
    try:
        name = codecs.lookup(encoding.strip()).name
        "".encode(name)  # refuses codecs that are not of text, such as zip
    except (LookupError, ValueError, UnicodeError):
        name = "undefined"
    if name.replace("_", "-") in _NO_ENCODINGS:
        hint = "such as utf-8, cp1252 (western Windows), cp1251 (Cyrillic), cp932 (Japanese), gbk (Chinese)"
        raise UserError("tags-encoding", f"data.encoding: {quoted(encoding)} is no encoding that is known", hint=hint)
    return name


def _reads(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _telling_lines(data: bytes) -> list[bytes]:
    """The lines with other characters than ASCII, each once: only they tell a code page."""
    return [line for line in dict.fromkeys(_LINE_END.split(data)) if not line.isascii()]


def _best(readings: dict[str, str], score: Callable[[str, Known], int], known: Known) -> dict[str, str]:
    """The readings with the highest score."""
    if len(readings) < 2:
        return readings
    scores = {text: score(text, known) for text in readings}
    return {text: codec for text, codec in readings.items() if scores[text] == max(scores.values())}


def _cells(text: str) -> set[str]:
    """What could be a cell or a tag of a text, where it is not ASCII: whole, and cut at blanks."""
    cells = {clean(cell).strip("\"'") for cell in re.split(r"[,;|\t\n]", text)}
    return {part for cell in cells for part in (cell, *cell.split()) if part and not part.isascii()}


def _photos(text: str, known: Known) -> int:
    return sum(map(known.is_photo, _cells(text)))


def _classes(text: str, known: Known) -> int:
    return len(_cells(text) & (known.classes or frozenset()))


def _ambiguous(readings: dict[str, str], data: bytes, known: Known) -> UserError:
    lines = zip(*(text.split("\n") for text in readings), strict=True)  # those that tell
    number, ways = next((n, ways) for n, ways in enumerate(lines) if len(set(ways)) > 1)
    line = 1 + _LINE_END.split(data).index(_telling_lines(data)[number])
    codec_of = dict(zip(reversed(ways), reversed(readings.values()), strict=True))
    said = " or ".join(f"{quoted(way.strip())} ({codec_of[way]})" for way in list(dict.fromkeys(ways))[:3])
    what = f"{known.file} is not UTF-8 and can be read in several ways"
    return UserError("tags-encoding", what, (f"line {line}: {said}",), _HINT)
