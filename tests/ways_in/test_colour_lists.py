"""Lists of colours as a way in: CVAT's labelmap.txt, and VOC's palette itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puzzlecam_cli.data.pixels.colours import VOC_PALETTE, read_colours
from puzzlecam_cli.errors import UserError

COLUMNS = "# label:color_rgb:parts:actions\n"
READ = {
    "as CVAT writes it": (
        f"{COLUMNS}background:0,0,0::\ncat:250,50,83::\n",
        (("background", (0, 0, 0)), ("cat", (250, 50, 83))),
    ),
    "lines that end as Windows does": ("a:1,2,3::\r\nb:4,5,6::\r\n", (("a", (1, 2, 3)), ("b", (4, 5, 6)))),
    "a byte order mark": ("\ufeffa:1,2,3::\n", (("a", (1, 2, 3)),)),
    "no end of the last line": ("a:1,2,3::", (("a", (1, 2, 3)),)),
    "no parts, no actions": ("a:1,2,3\n", (("a", (1, 2, 3)),)),
    "parts and actions": ("a:1,2,3:head,tail:run\n", (("a", (1, 2, 3)),)),
    "blanks around": ("  a : 1, 2 ,3 ::\n\n  # b:9,9,9::\n", (("a", (1, 2, 3)),)),
    "blanks in a name": ("dining table:1,2,3::\n", (("dining table", (1, 2, 3)),)),
    "a name that is not ASCII": ("Käfer 猫:1,2,3::\n", (("Käfer 猫", (1, 2, 3)),)),
    "leading zeros": ("a:000,010,255::\n", (("a", (0, 10, 255)),)),
}
REFUSED = {
    "nothing": (b"", "colours-invalid", "names no colour"),
    "only comments": (COLUMNS.encode(), "colours-invalid", "names no colour"),
    "two channels": (b"a:1,2::\n", "colours-invalid", "line 1"),
    "four channels": (b"a:1,2,3,4::\n", "colours-invalid", "line 1"),
    "256": (b"a:1,2,3::\nb:1,2,256::\n", "colours-invalid", "line 2"),
    "26 digits": (b"a:1,2," + b"9" * 26 + b"::\n", "colours-invalid", "line 1"),
    "a negative number": (b"a:1,2,-3::\n", "colours-invalid", "line 1"),
    "a fraction": (b"a:1,2,0.5::\n", "colours-invalid", "line 1"),
    "Arabic digits": ("a:1,2,٣::\n".encode(), "colours-invalid", "line 1"),
    "hexadecimal": (b"a:#ff0000\n", "colours-invalid", "line 1"),
    "no name": (b":1,2,3::\n", "colours-invalid", "line 1"),
    "only a name": (b"\na\n", "colours-invalid", "line 2"),
    "a name twice": (b"a:1,2,3::\nb:2,2,2::\na:4,5,6::\n", "colours-invalid", "line 3: `a` is named twice"),
    "a colour twice": (b"a:1,2,3::\nb:1,2,3::\n", "colours-invalid", "line 2: `b`"),
    "Latin-1": (b"a:1,2,3::\nK\xe4fer:1,2,3::\n", "data-encoding", "line 2"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "data-encoding", "line 1"),
    "ten wrong lines": (b"wrong\n" * 10, "colours-invalid", "... and 2 more"),
}


@pytest.mark.parametrize("name", READ)
def test_a_list_of_colours_is_read(tmp_path: Path, name: str) -> None:
    text, expected = READ[name]
    (tmp_path / "labelmap.txt").write_bytes(text.encode())
    assert read_colours(tmp_path / "labelmap.txt") == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_list_of_colours_is_refused_with_its_lines(tmp_path: Path, name: str) -> None:
    data, reference, said = REFUSED[name]
    (tmp_path / "labelmap.txt").write_bytes(data)
    with pytest.raises(UserError, match=reference) as caught:
        read_colours(tmp_path / "labelmap.txt")
    assert str(tmp_path / "labelmap.txt") in caught.value.problem
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) < 20


def test_a_list_that_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reference in ((tmp_path / "pipe", "data-unreadable"), (tmp_path / "none", "data-missing")):
        with pytest.raises(UserError, match=reference):
            read_colours(path)


def test_the_palette_is_vocs() -> None:
    colours = [tuple(VOC_PALETTE[3 * label : 3 * label + 3]) for label in range(256)]
    assert colours[:4] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert (colours[15], colours[20], colours[255]) == ((192, 128, 128), (0, 64, 128), (224, 224, 192))
    assert len(set(colours)) == 256
