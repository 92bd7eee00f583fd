"""The text of a file of tags: UTF-8 and what has a byte order mark, else what can be told without a guess."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from puzzlecam_cli.data.tables.code_pages import PAGES, is_plausible
from puzzlecam_cli.data.tables.found import Known, clean
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import decode_text, marked, quoted

_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# Python calls these encodings, too; no table is written in them, and some take time without bound.
_NO_ENCODINGS = {"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"}
_NO_TEXT = {
    b"PK\x03\x04": "an Excel file or another archive",
    b"\xd0\xcf\x11\xe0": "an Excel file",
    b"\x1f\x8b": "compressed",
    b"PAR1": "a Parquet file",
    b"SQLite": "a database",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_BY_CHANCE = 50  # lines: with more, what is UTF-8 is not so by chance
_HINT = "save it as UTF-8 (most editors: Save as, encoding UTF-8), or say how it was saved: --set data.encoding=cp1252"


def decoded(data: bytes, known: Known, encoding: str | None) -> tuple[str, list[str]]:
    """The text in the bytes of a file, and how it was read where that had to be found out.

    Raises:
        UserError: `tags-encoding`: it is not in the encoding given; without one, none fits, or several that give
            different texts (with the first line where they do).
    """
    if kind := next((kind for start, kind in _NO_TEXT.items() if data.startswith(start)), None):
        raise UserError("tags-encoding", f"{known.file} is {kind}, no text", hint="save it as CSV (UTF-8)")
    if encoding is not None:
        return decode_text(data, known.file, otherwise=_codec(encoding), kind="tags"), []
    if marked(data):
        return decode_text(data, known.file, kind="tags"), []
    lines = _telling_lines(data)
    readings: dict[str, str] = {}  # codec by the text it gives
    if b"\0" not in data and _reads(data, "utf-8") is not None:
        if len(lines) > _BY_CHANCE or not (better := _better_than_utf_8(lines, known)):
            return decode_text(data, known.file, kind="tags"), []
        readings = better
    elif b"\0" in data:
        readings = {text: codec for codec in _WIDE if (text := _reads(data, codec)) and is_plausible(text, codec)}
    else:
        readings = _in_pages(lines)
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


def _in_pages(lines: list[bytes]) -> dict[str, str]:
    """The plausible readings of lines in code pages: the first codec that gives each text."""
    readings: dict[str, str] = {}
    for page in PAGES:
        text = _reads(b"\n".join(lines), page)
        if text is not None and text not in readings and is_plausible(text, page):
            readings[text] = page
    return readings


def _better_than_utf_8(lines: list[bytes], known: Known) -> dict[str, str]:
    """Readings in code pages that name photos or classes where UTF-8 names none: few letters can be it by chance."""
    text = b"\n".join(lines).decode()
    if not lines or _photos(text, known) or _classes(text, known):
        return {}
    return {text: page for text, page in _in_pages(lines).items() if _photos(text, known) or _classes(text, known)}


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
    return [line for line in dict.fromkeys(re.split(rb"\r\n|\n|\r", data)) if not line.isascii()]


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
    texts = [text.split("\n") for text in readings]
    number = next(n for n in range(len(texts[0])) if len({text[n] for text in texts if n < len(text)}) > 1)
    different: dict[str, str] = {}
    for text, codec in zip(texts, readings.values(), strict=True):
        different.setdefault(text[number] if number < len(text) else "", codec)
    line = _line_of(data, number) if "utf" not in next(iter(different.values())) else number + 1
    said = " or ".join(f"{quoted(text.strip())} ({codec})" for text, codec in list(different.items())[:3])
    return UserError(
        "tags-encoding", f"{known.file} is not UTF-8 and can be read in several ways", (f"line {line}: {said}",), _HINT
    )


def _line_of(data: bytes, number: int) -> int:
    """The number in the file of one of `_telling_lines`."""
    wanted = _telling_lines(data)[number]
    return 1 + re.split(rb"\r\n|\n|\r", data).index(wanted)
