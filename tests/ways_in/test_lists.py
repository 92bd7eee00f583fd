"""Way in: lists of image ids."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puzzlecam_cli.data.disk.lists import read_ids
from puzzlecam_cli.errors import UserError

READ = {
    "one id a line": (b"a\nb\n", ["a", "b"]),
    "no end of the last line": (b"a\nb", ["a", "b"]),
    "lines of Windows": (b"a\r\nb\r\n", ["a", "b"]),
    "lines of an old Mac": (b"a\rb\r", ["a", "b"]),
    "all three ends of lines": (b"a\rb\r\nc\n", ["a", "b", "c"]),
    "blank lines and blanks around": (b"\n  b\t\n \n\ta", ["b", "a"]),
    "VOC's column": (b"a  1\nb -1\nc  0\n", ["a", "b", "c"]),
    "VOC's column, lines of Windows": (b"a  1\r\nb -1\r\n", ["a", "b"]),
    "VOC's column after a tab": (b"a\t1\nb\t-1\n", ["a", "b"]),
    "VOC's column with a plus": (b"a +1\nb -1\n", ["a", "b"]),
    "the column on some lines only": (b"a\nb 1\n", ["a", "b"]),
    "names with blanks": (b"screenshot 2020-12-16 16.42.21\nfield (1)\nfield (2)\n", None),
    "names with blanks, and the column": (b"field (1) 1\nmy dog -1\n", ["field (1)", "my dog"]),
    "names with dots": (b"a.b.c\n.hidden\nv1.\n", ["a.b.c", ".hidden", "v1."]),
    "names in folders": (b"a/msrc_01_09\na/b/c d\nmsrc_01_09\n", ["a/msrc_01_09", "a/b/c d", "msrc_01_09"]),
    "names with commas, hashes and quotes": (b"a,b\n# c\n'd'\n", ["a,b", "# c", "'d'"]),
    "other numbers at the end": (b"a 2\nb 11\nc 0.5\nd-1\n", ["a 2", "b 11", "c 0.5", "d-1"]),
    "numbers alone": (b"1\n0\n-1\n", ["1", "0", "-1"]),
    "DeepLab's pairs of paths": (b"/JPEGImages/a.jpg /SegmentationClassAug/a.png\n", ["a"]),
    "DeepLab's photos alone": (b"/JPEGImages/a.jpg\nJPEGImages/b.JPEG\n", ["a", "b"]),
    "DeepLab's pairs without slashes": (b"JPEGImages/a.jpg  SegmentationClass/a.png\r\n", ["a"]),
    "DeepLab's pairs, names with blanks and folders": (
        b"/JPEGImages/x/field (1).jpg /SegmentationClass/x/field (1).png\n",
        ["x/field (1)"],
    ),
    "DeepLab's paths, a name like a photo's": (b"/JPEGImages/a.png.jpg\n", ["a.png"]),
    "a mark of UTF-8": ("\ufeffé\nb\n".encode(), ["é", "b"]),
    "two files with marks joined": ("\ufeffa\n\ufeffb\n".encode(), ["a", "b"]),
    "UTF-16 of PowerShell": ("\ufeffa\r\né\r\n".encode("utf-16-le"), ["a", "é"]),
    "UTF-16, the other end first": ("\ufeffa\né\n".encode("utf-16-be"), ["a", "é"]),
    "UTF-32": ("\ufeffa\né\n".encode("utf-32-le"), ["a", "é"]),
    "UTF-32, the other end first": ("\ufeffa\né\n".encode("utf-32-be"), ["a", "é"]),
    "scripts of the world": ("牛_01\nсобака\n🐄\nकुत्ता\n".encode(), ["牛_01", "собака", "🐄", "कुत्ता"]),
    "a separator that is no end of line": ("a\u2028b\n".encode(), ["a\u2028b"]),
    "letters of two characters stay as written": ("e\u0301\n".encode(), ["e\u0301"]),
    "the longest name": (b"x" * 240, ["x" * 240]),
}


@pytest.mark.parametrize(("data", "ids"), READ.values(), ids=READ)
def test_a_list_gives_the_ids_it_holds(tmp_path: Path, data: bytes, ids: list[str] | None) -> None:
    file = tmp_path / "train.txt"
    file.write_bytes(data)
    assert read_ids(file) == (data.decode().splitlines() if ids is None else ids)


REFUSED = {
    "nothing": (b"", "names no image"),
    "blank lines only": (b" \n\r\n\t\n", "names no image"),
    "an absolute path": (b"a\n/etc/msrc_01_09\n", "line 2: `/etc/msrc_01_09` is an absolute path"),
    "an absolute path of Windows": (b"C:/photos/a\n", "line 1: `C:/photos/a` is an absolute path"),
    "a path of Windows": (b"a\\b\n", "line 1: `a\\b` holds a backslash"),
    "a way up": (b"a\nb\n../../../etc/passwd\n", "line 3: `../../../etc/passwd` holds . or .."),
    "a way up in the middle": (b"a/../../b\n", "line 1: `a/../../b` holds . or .."),
    "a way up in DeepLab's paths": (b"/JPEGImages/../a.jpg\n", "holds . or .."),
    "a way up before the column": (b".. 1\n", "line 1: `.. 1` holds . or .."),
    "a folder that is this one": (b"./a\n", "line 1: `./a` holds . or .."),
    "two slashes": (b"a//b\n", "line 1: `a//b` holds an empty name"),
    "a slash at the end": (b"a/\n", "line 1: `a/` holds an empty name"),
    "NUL": (b"a\nb\0c\n", "line 2 holds NUL"),
    "an escape code": (b"a\n\x1b[31mred\n", "line 2: `\\x1b[31mred` holds a control character"),
    "a form feed": (b"a\x0cb\n", "line 1: `a\\x0cb` holds a control character"),
    "a name of 241 bytes": (b"x" * 241, "line 1"),
    "a name of 300 characters": ("é".encode() * 300, "is longer than file names can be"),
    "a line of a million characters": (b"x/" * 500_000, "line 1"),
    "folders 2,000 deep": (b"a/" * 2000 + b"b", "is longer than"),
    "an id twice": (b"a\nb\na\n", "`a`: lines 1 and 3"),
    "an id twice, with and without the column": (b"a\nb\n\na 1\n", "`a`: lines 1 and 4"),
    "an id twice, as one letter and as two": ("\u00e9\ne\u0301\n".encode(), "lines 1 and 2"),
    "a photo and another's mask": (b"/JPEGImages/a.jpg /SegmentationClass/b.png\n", "line 1"),
    "Latin-1": ("a\nb\ncafé\n".encode("latin-1"), "line 3: byte 0xE9 after `caf`"),
    "a code page of Windows": ("a\r\nсобака\r\n".encode("cp1251"), "line 2: byte 0x"),
    "UTF-16 without a mark": ("ab\ncd\n".encode("utf-16-le"), "line 1 holds NUL"),
    "UTF-16 that breaks off": (b"\xff\xfea\0\n\0b", "line 2: byte 0x62"),
    "half a pair in UTF-16": (b"\xff\xfea\0\x00\xd8\n\0", "line 1: byte 0x00 after `a`"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", "line 1: byte 0x89"),
}


@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_a_list_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "train.txt"
    file.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_ids(file)
    message = str(caught.value)
    assert "train.txt" in message
    assert said in message
    assert len(message) < 2000
    assert message.replace("\n", "").isprintable()


def folder(file: Path) -> None:
    file.mkdir()


def claims_terabytes(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(1 << 40)


NO_FILES = {
    "nothing there": (lambda file: None, "is not there"),
    "a folder": (folder, "is a folder"),
    "a pipe": (os.mkfifo, "is a pipe"),
    "a device": (lambda file: file.symlink_to("/dev/zero"), "is a device"),
    "a link to nothing": (lambda file: file.symlink_to("nowhere"), "is a link to nothing"),
    "a link to itself": (lambda file: file.symlink_to(file), "is a link to itself"),
    "a file that claims a terabyte": (claims_terabytes, "is larger than 256 MB"),
}


@pytest.mark.parametrize(("make", "said"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make, said: str) -> None:
    file = tmp_path / "train.txt"
    make(file)
    with pytest.raises(UserError) as caught:
        read_ids(file)
    assert f"train.txt {said}" in caught.value.problem


PHOTOS = {
    "the whole line is a photo": ("my 1\nx\n", {"my 1", "x"}, ["my 1", "x"]),
    "the line without the column is a photo": ("my 1\nx\n", {"my", "x"}, ["my", "x"]),
    "both are photos, another line has no column": ("my 1\nx\n", {"my 1", "my", "x"}, ["my 1", "x"]),
    "both are photos, and every line is one": ("my 1\nmy 0\n", {"my 1", "my 0", "my"}, ["my 1", "my 0"]),
    "both are photos, and every line has the column": ("my 1\nx -1\n", {"my 1", "my", "x"}, ["my", "x"]),
    "every line has the column, one is a photo only with it": ("my 1\nx -1\n", {"my 1", "x"}, ["my 1", "x"]),
    "neither is a photo, another line has no column": ("my 1\nx\n", {"x"}, ["my 1", "x"]),
    "neither is a photo, every line has the column": ("my 1\nx -1\n", {"x"}, ["my", "x"]),
}


@pytest.mark.parametrize(("text", "photos", "ids"), PHOTOS.values(), ids=PHOTOS)
def test_the_photos_say_whether_a_number_at_the_end_is_the_column(
    tmp_path: Path, text: str, photos: set[str], ids: list[str]
) -> None:
    file = tmp_path / "train.txt"
    file.write_text(text)
    assert read_ids(file, photos.__contains__) == ids


def test_all_bad_lines_are_told_in_one_message_of_a_screen(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text("".join(f"/photos/{number}\n" for number in range(1000)))
    with pytest.raises(UserError) as caught:
        read_ids(file)
    assert caught.value.problem.startswith("1000 line(s)")
    assert len(caught.value.where) == 9
    assert caught.value.where[-1] == "... and 992 more"
