"""The items of a JSON document's lists one by one, and where in the file each lies: it may be larger than memory."""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from puzzlecam_cli.data.photos import Tell, silent
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.text import marked, quoted

WINDOW = 1 << 20  # bytes read at a time
LARGEST = 1 << 26  # bytes of one item
CUT = True  # stands for a long list of numbers that was not decoded: these are nine tenths of a file
# None can lie inside a text, whose quotation marks have backslashes. Written without \d and \s it takes half the time.
_NUMBERS = re.compile(rb'("(?:segmentation|counts)"[ \t\n\r]*:[ \t\n\r]*)\[[-+0-9.eE \t\n\r,\[\]]{200,}\]')
_BLANK = re.compile(r"[ \t\n\r]*")
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_HINT = "save it again as JSON in UTF-8"
_AGAIN = "export it again: it may be cut short, several files in one, packed, or edited with a comma too many"


class Item(NamedTuple):
    """A value of the document's object, or one item of a list in it.

    Args:
        key: under which it stands.
        number: in the list, from 0; None for a value that is no list, and for an empty list.
        value: decoded, but for long lists of numbers under `segmentation` and `counts`, which are `CUT`.
        start, end: bytes in the file.
    """

    key: str
    number: int | None
    value: Any
    start: int
    end: int


def items(path: Path, tell: Tell = silent) -> Iterator[Item]:
    """All items of all lists of a document that is one object, and its other values, in their order.

    Args:
        tell: is told how much is read.

    Raises:
        UserError: `json-missing`, `json-unreadable`; `json-encoding`: not UTF-8; `json-invalid`: no JSON, or no object.
    """
    if problem := why_no_file(path):
        raise UserError(f"json-{'missing' if problem == 'is not there' else 'unreadable'}", f"{path} {problem}")
    try:
        with path.open("rb") as file:
            yield from _Document(file, path, tell).items()
    except OSError as error:
        raise UserError("json-unreadable", f"{path} cannot be read ({error.strerror})") from None


class _Document:
    """A window on the text, which moves on with `at`.

    The text is decoded as Latin-1: a character is a byte, and JSON's own signs are the same in UTF-8. Items that are
    not ASCII are decoded again.
    """

    def __init__(self, file: BinaryIO, path: Path, tell: Tell):
        self._file = file
        self._path = path
        self._tell = tell
        self._size = max(os.fstat(file.fileno()).st_size, 1)
        self._decode = json.JSONDecoder().raw_decode
        self._text, self._at = "", 0
        self._move(0, WINDOW)

    def items(self) -> Iterator[Item]:
        if mark := marked(self._text[:4].encode("latin-1")):
            if mark[1] != "utf-8":
                raise UserError("json-encoding", f"{self._path} is in {mark[1].upper()}, not in UTF-8", hint=_HINT)
            self._at = len(mark[0])
        opening = self._sign()
        if opening == "[":
            raise UserError(
                "json-list",
                f"{self._path} is a list, as files of results are, not an object with `images` and `annotations`",
            )
        if opening != "{":
            raise self._invalid("no object begins here")
        self._at += 1
        more = self._sign() != "}"
        while more:
            if self._sign() != '"':
                raise self._invalid("the name of a value is missing")
            key, _, _ = self._value()
            self._expect(":")
            if self._sign() == "[":
                yield from self._list(key)
            else:
                yield Item(key, None, *self._value())
            if more := self._sign() == ",":
                self._at += 1
        self._expect("}")
        if self._sign():
            raise self._invalid("more follows after the end of the document")

    def _list(self, key: str) -> Iterator[Item]:
        start, number = self._origin(self._at), 0
        self._at += 1
        if self._sign() != "]":
            while True:
                yield Item(key, number, *self._value())
                number += 1
                comma = _COMMA.match(self._text, self._at)
                if comma and comma.end() < len(self._text):
                    self._at = comma.end()  # nearly always: `_sign` takes its time
                elif self._sign() == ",":
                    self._at += 1
                    self._sign()
                else:
                    break
        self._expect("]")
        if not number:
            yield Item(key, None, [], start, self._origin(self._at))

    def _expect(self, sign: str) -> None:
        if self._sign() != sign:
            raise self._invalid(f"`{sign}` is missing" if self._sign() else "it ends too early")
        self._at += 1

    def _sign(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            found = _BLANK.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or self._is_end:
                return self._text[self._at : self._at + 1]
            self._move(self._origin(self._at), WINDOW)

    def _value(self) -> tuple[Any, int, int]:
        """The value that begins here, and its bytes in the file; steps over it."""
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except RecursionError:
                raise self._invalid("lists are nested too deeply") from None
            except ValueError as error:  # torn by the window, or no JSON; also numbers of 5,000 digits
                problem, at = str(getattr(error, "msg", "a number is too long")), getattr(error, "pos", self._at)
            else:
                if end + 2 < len(self._text) or self._is_end:  # else a number may go on: `1` of `1e+6`
                    break
                problem, at = "an item is too long", self._at
            if self._is_end or self._length >= LARGEST:
                raise self._invalid(problem[:1].lower() + problem[1:], at)
            self._move(self._origin(self._at), WINDOW if self._at else 2 * self._length)
        first, self._at = self._at, end
        if not (self._is_ascii or (text := self._text[first:end]).isascii()):
            value = self._as_utf8(text, first)
        return value, self._origin(first), self._origin(end)

    def _as_utf8(self, text: str, first: int) -> Any:
        try:
            return self._decode(text.encode("latin-1").decode("utf-8"))[0]
        except UnicodeDecodeError as error:
            shown = text[max(error.start - 30, 0) : error.start]
            place = self._place(self._origin(first + error.start))
            where = f"{place}: byte 0x{ord(text[error.start]):02X} after {quoted(shown)}"
            raise UserError("json-encoding", f"{self._path} is not in UTF-8", (where,), _HINT) from None

    def _move(self, start: int, length: int) -> None:
        """Read a window. Long lists of numbers are cut out of its text; `_cuts` remember where, and how much."""
        self._file.seek(start)
        data = self._file.read(length)
        self._start, self._length, self._at = start, len(data), 0
        self._is_end = len(data) < length
        self._tell(f"reading {self._path}: {min(start / self._size, 1):.0%}")
        parts: list[bytes] = []
        self._cuts, self._left_out = [0], [0]  # positions in the text, and characters left out before them
        last = kept = 0
        for found in _NUMBERS.finditer(data):
            parts += (data[last : found.end(1)], b"true")
            kept += found.end(1) - last + len(b"true")
            last = found.end()
            self._cuts.append(kept)
            self._left_out.append(last - kept)
        text = b"".join((*parts, data[last:]))
        self._text, self._is_ascii = text.decode("latin-1"), text.isascii()

    def _origin(self, at: int) -> int:
        """Where in the file a position in the text is."""
        return self._start + at + self._left_out[bisect_right(self._cuts, at) - 1]

    def _invalid(self, problem: str, at: int | None = None) -> UserError:
        place = self._place(self._origin(self._at if at is None else at))
        return UserError("json-invalid", f"{self._path} is no JSON that can be read", (f"{place}: {problem}",), _AGAIN)

    def _place(self, byte: int) -> str:
        """A position for a person; most of these files are a single line."""
        line, before, begins = 1, 0, 0
        self._file.seek(0)
        while before < byte and (data := self._file.read(min(WINDOW, byte - before))):
            line += data.count(b"\n")
            if (last := data.rfind(b"\n")) >= 0:
                begins = before + last + 1
            before += len(data)
        return f"line {line}, byte {byte - begins + 1}"
