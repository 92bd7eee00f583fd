"""Text files of people: whatever encoding has a byte order mark, UTF-8 without one, and nothing by guess."""

from __future__ import annotations

import codecs
import math
import re
import shlex
from pathlib import Path

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import read_file

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LARGEST = 256 << 20  # bytes; the list of a million photos has a tenth of them
# UTF-32 comes first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # and half characters: no name holds them
_LINE_END = re.compile(r"\r\n|\n|\r")  # not `splitlines`: names may hold the other characters it splits on
_HINT = "save it as UTF-8 (most editors: Save as, encoding UTF-8)"


def read_text(path: Path, *, limit: int = LARGEST, kind: str = "data") -> str:
    """The text of a file, without its byte order mark.

    Args:
        limit, kind: see `read_file`.

    Raises:
        UserError: `<kind>-missing`, `<kind>-unreadable` (see `read_file`), or `<kind>-encoding` naming the line of the
            first byte that is not UTF-8, or is NUL.
    """
    return decode_text(read_file(path, limit=limit, kind=kind), path, kind=kind)


def lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file with their numbers from 1; they end in \\n, \\r\\n or \\r. Raises as `read_text` does."""
    return lines_of(read_text(path))


def lines_of(text: str) -> list[tuple[int, str]]:
    """The same of a text that was read."""
    # Files that were joined have byte order marks inside.
    return [(number, line.removeprefix("\ufeff")) for number, line in enumerate(_LINE_END.split(text), 1)]


def decode_text(data: bytes, path: Path, *, otherwise: str = "utf-8", kind: str = "data") -> str:
    """The text in a file's bytes: as their byte order mark says, `otherwise` without one. Raises as `read_text`."""
    mark, codec = marked(data) or (b"", otherwise)
    data = data[len(mark) :]
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(codec)
        where = (
            f"line {1 + len(_LINE_END.findall(before))}: byte 0x{data[error.start]:02X} after {quoted(_tail(before))}"
        )
        raise UserError(f"{kind}-encoding", f"{path} is not text in {codec.upper()}", (where,), _HINT) from None
    if "\0" in text:
        line = 1 + len(_LINE_END.findall(text[: text.index("\0")]))
        where = f"line {line} holds NUL bytes: UTF-16 without a byte order mark, or no text at all"
        raise UserError(f"{kind}-encoding", f"{path} is not text in {codec.upper()}", (where,), _HINT)
    return text


def marked(data: bytes) -> tuple[bytes, str] | None:
    """The byte order mark that data begin with, and the codec it stands for."""
    return next(((mark, codec) for mark, codec in _MARKS if data.startswith(mark)), None)


def number_in(text: str) -> float | None:
    """The finite number that a text is; unlike `float` it takes no `1_0`, and no digits but those of ASCII."""
    value = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def quoted(text: str, longest: int = 80) -> str:
    """Text of the data inside a message: in backticks, what is not printable escaped, cut where it is long."""
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return f"`{''.join(c if c.isprintable() else c.encode('unicode_escape').decode() for c in short)}`"


def shell(text: str) -> str:
    """Text as one word of a command: quoted for a shell, and never taken for an option."""
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def several(count: int, what: str) -> str:
    """`1 photo`, `12 photos`, `2 classes`, `1,000 boxes`."""
    plural = f"{what}es" if what.endswith(("s", "x")) else f"{what}s"
    return f"{count:,} {what if count == 1 else plural}"


def are(count: int) -> str:
    """The verb of so many."""
    return "is" if count == 1 else "are"


def _tail(text: str) -> str:
    return _LINE_END.split(text[-200:])[-1][-30:]
