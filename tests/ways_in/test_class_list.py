"""Way in: lists of classes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puzzlecam_cli.data.classes.class_list import ClassList, read_classes
from puzzlecam_cli.errors import UserError

READ = {
    "one name a line": ("cow\ndog\n", ("cow", "dog"), ()),
    "lines of Windows, blanks and blank lines": ("\r\n cow \r\n\r\ndog", ("cow", "dog"), ()),
    "names with blanks and signs": ("traffic light\ntv/monitor\nT-shirt (red)\n", None, ()),
    "names that are numbers": ("0\n1\n2\n", ("0", "1", "2"), ()),
    "names that end in numbers": ("class 0\nclass 1\n", ("class 0", "class 1"), ()),
    "one name that begins with a number": ("3 seater sofa\nchair\n", ("3 seater sofa", "chair"), ()),
    "names of other scripts": ("牛\nсобака\nचेयर\n", ("牛", "собака", "चेयर"), ()),
    "letters of two characters": ("cafe\u0301\n", ("caf\u00e9",), ()),
    "names that hold an alias": ("background noise\navoid\nbg1\n", ("background noise", "avoid", "bg1"), ()),
    "254 classes": ("\n".join(f"class {n}" for n in range(254)), tuple(f"class {n}" for n in range(254)), ()),
    "background first": ("background\ncow\n", ("cow",), ()),
    "background in the middle": ("cow\nbackground\ndog\n", ("cow", "dog"), ("background",)),
    "background last, in capitals": ("cow\nBACKGROUND\n", ("cow",), ("BACKGROUND",)),
    "labelme": ("__ignore__\n_background_\ncow\n", ("cow",), ("__ignore__", "_background_")),
    "two underscores": ("__background__\ncow\n", ("cow",), ("__background__",)),
    "in brackets": ("<background>\n[void]\ncow\n", ("cow",), ("<background>", "[void]")),
    "bg": ("bg\ncow\n", ("cow",), ("bg",)),
    "two words": ("back ground\ncow\n", ("cow",), ("back ground",)),
    "void last": ("cow\nvoid\n", ("cow",), ("void",)),
    "unlabeled and unlabelled": ("Unlabeled\ncow\nunlabelled\n", ("cow",), ("Unlabeled", "unlabelled")),
    "don't care": ("DontCare\ncow\ndon't care\n", ("cow",), ("DontCare", "don't care")),
    "aliases twice": ("background\ncow\nbackground\n", ("cow",), ("background",)),
    "a byte order mark": ("\ufeffbackground\ncow\n", ("cow",), ()),
}


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize(("text", "names", "left_out"), READ.values(), ids=READ)
def test_a_class_list_gives_its_objects_and_what_is_left_out(
    tmp_path: Path, text: str, names: tuple[str, ...] | None, left_out: tuple[str, ...], codec: str
) -> None:
    (tmp_path / "classes.txt").write_bytes(text.encode(codec))
    expected = ClassList(tuple(text.splitlines()) if names is None else names, left_out)
    assert read_classes(tmp_path / "classes.txt") == expected


REFUSED = {
    "nothing": (b"", "names no class"),
    "blank lines": (b"\n \n", "names no class"),
    "only background": (b"_background_\n", "names no class but `_background_`"),
    "255 classes": ("\n".join(f"class {n}" for n in range(255)).encode(), "names 255 classes"),
    "a class twice": (b"cow\ndog\n\ncow\n", "line 4: `cow` is in line 1, too"),
    "a class twice, blanks around": (b"cow\n cow \n", "line 2: `cow` is in line 1, too"),
    "a class twice, as one letter and as two": ("\u00e9\ne\u0301\n".encode(), "is in line 1, too"),
    "an escape code": (b"cow\n\x1b[31mred\n", r"line 2: `\x1b[31mred` holds a control character"),
    "a bell": (b"cow\x07\n", r"line 1: `cow\x07` holds a control character"),
    "NUL": (b"cow\n\0\n", "line 2 holds NUL"),
    "Latin-1": ("cow\nvaché\n".encode("latin-1"), "line 2: byte 0xE9 after `vach`"),
    "UTF-16 without a mark": ("cow\n".encode("utf-16-le"), "line 1 holds NUL"),
    "a name of 300 characters": (b"x" * 300, "line 1: `xxx"),
    "a line of a million characters": (b"x" * 1_000_000, "is longer than 200 characters"),
    "CSV": (b"cow,1\ndog,2\n", "line 1: `cow,1` holds a comma"),
    "all in one line": (b"cow, dog, cat\n", "line 1"),
    "a tab": (b"1\tcow\n", "holds a comma, semicolon or tab"),
    "a semicolon": (b"cow;1\n", "holds a comma, semicolon or tab"),
    "numbers before names": (b"0 background\n1 cow\n2 dog\n", "has a number before each name"),
    "numbers and colons": (b"1: cow\n", "line 1: `1: cow` holds a key"),
    "numbers and dots": (b"1. cow\n", "holds a key"),
    "names and numbers": (b"cow: 1\n", "holds a key"),
    "a YAML file": (b"names:\n  0: cow\n", "line 1: `names:` holds a key"),
    "a YAML list": (b"- cow\n- dog\n", "line 1: `- cow` is not a bare name"),
    "a JSON list": (b'["cow", "dog"]\n', "line 1"),
    "a JSON list over lines": (b'[\n"cow"\n]\n', "line 1: `[` is not a bare name"),
    "quotes": (b'"cow"\n', "is not a bare name"),
    "a label map of TensorFlow": (b"item {\n  id: 1\n  name: 'cow'\n}\n", "line 1: `item {` is not a bare name"),
    "a label map of CVAT": (b"# label:color_rgb:parts:actions\ncow:0,0,128::\n", "line 2: `cow:0,0,128::`"),
    "a comment": (b"# my classes\ncow\n", "line 1: `# my classes` is not a bare name"),
    "XML": (b"<classes>\n", "line 1: `<classes>` is not a bare name"),
    "a table of colours": (b"64 128 64\tAnimal\n", "line 1"),
}


@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_class_list_is_refused_with_its_line(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "classes.txt").write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_classes(tmp_path / "classes.txt")
    message = str(caught.value)
    assert "classes.txt" in message
    assert said in message
    assert len(message) < 2000
    assert message.replace("\n", "").isprintable()


NO_FILES = {
    "nothing there": (lambda file: None, "is not there"),
    "a folder": (Path.mkdir, "is a folder"),
    "a pipe": (os.mkfifo, "is a pipe"),
    "a link to itself": (lambda file: file.symlink_to(file), "is a link to itself"),
}


@pytest.mark.parametrize(("make", "said"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make, said: str) -> None:
    make(tmp_path / "classes.txt")
    with pytest.raises(UserError) as caught:
        read_classes(tmp_path / "classes.txt")
    assert f"classes.txt {said}" in caught.value.problem
