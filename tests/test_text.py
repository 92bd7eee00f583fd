"""Text files: whatever the bytes, they are read or refused with the file; the line of a bad byte is named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.classes.class_list import read_classes
from puzzlecam_cli.data.disk.lists import read_ids
from puzzlecam_cli.data.tags.annotations import read_objects
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import lines, number_in, quoted, read_text

quickly = settings(deadline=None, max_examples=50, derandomize=True)


def refusal(read: Callable[[Path], Any], file: Path) -> str | None:
    try:
        read(file)
    except UserError as error:
        return str(error)
    return None


@quickly
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_the_file(data):
    with TemporaryDirectory() as folder:
        file = Path(folder, "any.txt")
        file.write_bytes(data)
        for read in (read_text, lines, read_ids, read_classes, read_objects):
            problem = refusal(read, file)
            assert problem is None or "any.txt" in problem
            assert problem is None or len(problem) < 2000


@quickly
@given(st.text(alphabet="<>/&;!?[]'\"= annotaiobjecmxyd10\n", max_size=80), st.integers(0, 200))
def test_any_markup_is_read_or_refused(text, place):
    whole = "<annotation><object><name>cow</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"
    with TemporaryDirectory() as folder:
        file = Path(folder, "any.xml")
        file.write_text(whole[:place] + text + whole[place:])
        for read in (read_objects, partial(read_objects, clipped=True)):
            problem = refusal(read, file)
            assert problem is None or "any.xml" in problem


@quickly
@given(st.text(max_size=200))
def test_quoted_text_is_printable_and_short(text):
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 80 * 10 + 2


def test_lines_end_in_three_ways_only(tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes("a\x0bb\x0cc\x1cd\x85e\u2028f\rg\r\nh\n".encode())
    assert lines(file) == [(1, "a\x0bb\x0cc\x1cd\x85e\u2028f"), (2, "g"), (3, "h"), (4, "")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_of_the_first_bad_byte_is_named(tmp_path, end):
    file = tmp_path / "text.txt"
    file.write_bytes(end.join(["é", "ü", "", "caf"]).encode() + b"\xe9" + end.encode() + b"\xff")
    with pytest.raises(UserError) as caught:
        read_text(file)
    assert caught.value.where == ("line 4: byte 0xE9 after `caf`",)
    assert "UTF-8" in caught.value.hint


NUMBERS = {"1": 1.0, "-0.5": -0.5, "+.5": 0.5, "1.": 1.0, "4e-5": 4e-5, "1E3": 1000.0}
NO_NUMBERS = ["", " ", " 1", "1 ", "1_0", "1,5", "١", "１", "²", "nan", "inf", "1e999", "0x10", "--1", "1e", "9" * 41]


@pytest.mark.parametrize("text", [*NUMBERS, *NO_NUMBERS], ids=repr)
def test_a_number_is_finite_and_written_in_plain_digits(text: str) -> None:
    assert number_in(text) == NUMBERS.get(text)
