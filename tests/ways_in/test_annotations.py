"""Way in: VOC's annotations, XML and lists of classes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puzzlecam_cli.data.tags.annotations import read_image_set_tags, read_objects
from puzzlecam_cli.errors import UserError


def thing(name: str = "cow", box: str = "") -> str:
    return f"<object><name>{name}</name>{box}</object>"


def box(*sides: object, tags: tuple[str, ...] = ("xmin", "ymin", "xmax", "ymax")) -> str:
    return f"<bndbox>{''.join(f'<{t}>{s}</{t}>' for t, s in zip(tags, sides, strict=True))}</bndbox>"


def annotation(*objects: str, size: object = "<size><width>96</width><height>64</height></size>") -> str:
    return f"<annotation>{size}{''.join(objects)}</annotation>"


# What is wrong with the box (None: nothing), and whether the object counts by the authors' rule (None: refused).
BOXES = {
    "inside": (box(1, 2, 30, 40), None, True),
    "the whole photo": (box(1, 1, 96, 64), None, True),
    "partly outside": (box(-9, -9, 500, 500), None, True),
    "one pixel at the edge": (box(95.5, 63.5, 200, 200), None, True),
    "no box": ("", "has no box", True),
    "a dummy": (box(0, 0, 0, 0), "has a dummy box", False),
    "inside out": (box(50, 35, 30, 20), "has a box that is inside out", False),
    "left and right exchanged": (box(70, 12, 20, 55), "has a box that is inside out", False),
    "no width": (box(5, 5, 5, 20), "has an empty box", False),
    "no height": (box(5, 20, 20, 20), "has an empty box", False),
    "beyond the right border": (box(96, 5, 120, 20), "has a box outside the photo", False),
    "below the photo, as of one turned by EXIF": (box(5, 70, 20, 90), "has a box outside the photo", False),
    "left of the photo": (box(-9, 5, 0, 20), "has a box outside the photo", False),
    "x, y, width and height": (
        box(1, 2, 3, 4, tags=("x", "y", "width", "height")),
        "has a box whose xmin is missing",
        None,
    ),
    "a side missing": (box(1, 2, 3, tags=("xmin", "ymin", "xmax")), "has a box whose ymax is missing", None),
    "an empty side": (box(1, 2, 3, ""), "has a box whose ymax is missing", None),
    "an empty box element": ("<bndbox/>", "has a box whose xmin is missing", None),
    "a decimal comma": (box("12,5", 2, 30, 40), "has a box whose xmin is `12,5`", None),
    "a unit": (box(1, 2, "12px", 40), "has a box whose xmax is `12px`", None),
    "a number beyond all": (box(1, 2, "1e999", 40), "has a box whose xmax is `1e999`", None),
    "nan": (box(1, "nan", 30, 40), "has a box whose ymin is `nan`", None),
    "inf": (box(1, 2, "inf", 40), "has a box whose xmax is `inf`", None),
    "Python's underscores": (box(1, 2, "3_0", 40), "has a box whose xmax is `3_0`", None),
    "a number of 1,000 digits": (box(1, 2, "9" * 1000, 40), "has a box whose xmax is `9999", None),
    "an escape code, written out": (box(1, 2, "&#x9b;31m", 40), r"has a box whose xmax is `\x9b31m`", None),
    "floats and blanks": (box(" 1.5 ", "+2", "3e1", ".4e2"), None, True),
}


@pytest.mark.parametrize(("element", "said", "counts"), BOXES.values(), ids=BOXES)
def test_a_tag_is_a_tag_whatever_its_box_unless_boxes_are_asked_for(
    tmp_path: Path, element: str, said: str | None, counts: bool | None
) -> None:
    file = tmp_path / "a.xml"
    file.write_text(annotation(thing("dog"), thing("cow", element)))
    found = read_objects(file)
    assert found.tags == {"cow", "dog"}
    assert found.dropped == ()
    assert found.boxes[0] == ("dog", "has no box")
    assert (found.boxes[1][1] or "").startswith(said or "")
    assert (found.boxes[1][1] is None) == (said is None)
    if counts is None:
        with pytest.raises(UserError) as caught:
            read_objects(file, clipped=True)
        assert "a.xml" in caught.value.problem
        assert caught.value.where[0].startswith(f"object 2 (`cow`) {said}")
    else:
        found = read_objects(file, clipped=True)
        assert (found.tags, found.dropped) == (({"cow", "dog"}, ()) if counts else ({"dog"}, ("cow",)))


SIZES = {
    "no size": ("", True),
    "a size of 0": ("<size><width>0</width><height>0</height></size>", True),
    "an empty size": ("<size/>", True),
    "a size of words": ("<size><width>wide</width><height>64</height></size>", None),
    "a negative size": ("<size><width>96</width><height>-64</height></size>", None),
}


@pytest.mark.parametrize(("size", "counts"), SIZES.values(), ids=SIZES)
def test_a_size_that_is_not_known_clips_nothing(tmp_path: Path, size: str, counts: bool | None) -> None:
    file = tmp_path / "a.xml"
    file.write_text(annotation(thing("cow", box(1, 1, 9000, 9000)), size=size))
    assert read_objects(file).tags == {"cow"}
    if counts:
        assert read_objects(file, clipped=True).tags == {"cow"}
    else:
        with pytest.raises(UserError, match="annotation-invalid"):
            read_objects(file, clipped=True)


def test_a_dropped_object_does_not_drop_the_tag_of_another(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(annotation(thing("cow", box(0, 0, 0, 0)), thing("cow", box(1, 1, 9, 9))))
    found = read_objects(tmp_path / "a.xml", clipped=True)
    assert (found.tags, found.dropped) == ({"cow"}, ("cow",))


HEAD = '<?xml version="1.0" encoding="{}"?>\n'
FILES = {
    "no object": (annotation().encode(), set()),
    "an empty annotation": (b"<annotation/>", set()),
    "an object twice": (annotation(thing(), thing()).encode(), {"cow"}),
    "blanks around a name": (annotation(thing("\n\t cow  ")).encode(), {"cow"}),
    "a name with blanks": (annotation(thing("traffic light")).encode(), {"traffic light"}),
    "a difficult object": (
        annotation("<object><name>cow</name><difficult>1</difficult></object>").encode(),
        {"cow"},
    ),
    "parts with names of their own": (
        annotation("<object><name>person</name><part><name>head</name></part></object>").encode(),
        {"person"},
    ),
    "a namespace": (annotation(thing()).replace("<annotation", '<annotation xmlns="urn:x"').encode(), {"cow"}),
    "a namespace with a prefix": (
        b'<v:annotation xmlns:v="urn:x"><v:object><v:name>cow</v:name></v:object></v:annotation>',
        {"cow"},
    ),
    "a comment in a name": (annotation(thing("co<!-- -->w")).encode(), {"cow"}),
    "CDATA": (annotation(thing("<![CDATA[cow & calf]]>")).encode(), {"cow & calf"}),
    "XML's own entities": (annotation(thing("salt &amp; pepper")).encode(), {"salt & pepper"}),
    "letters of two characters": (annotation(thing("cafe\u0301")).encode(), {"caf\u00e9"}),
    "a mark of UTF-8": (annotation(thing("vaché")).encode("utf-8-sig"), {"vaché"}),
    "UTF-8, declared": ((HEAD.format("UTF-8") + annotation(thing("vaché"))).encode(), {"vaché"}),
    "Latin-1, declared": ((HEAD.format("ISO-8859-1") + annotation(thing("vaché"))).encode("latin-1"), {"vaché"}),
    "a code page of Windows, declared": (
        (HEAD.format("windows-1251") + annotation(thing("корова"))).encode("cp1251"),
        {"корова"},
    ),
    "Chinese, declared": ((HEAD.format("GB2312") + annotation(thing("牛"))).encode("gb2312"), {"牛"}),
    "Japanese, declared": ((HEAD.format("Shift_JIS") + annotation(thing("牛"))).encode("shift_jis"), {"牛"}),
    "UTF-16 with a mark": ((HEAD.format("UTF-16") + annotation(thing("牛"))).encode("utf-16"), {"牛"}),
    "UTF-16 with a mark, UTF-8 declared": ((HEAD.format("UTF-8") + annotation(thing("牛"))).encode("utf-16"), {"牛"}),
    "UTF-16 without a mark": ((HEAD.format("UTF-16") + annotation(thing("牛"))).encode("utf-16-be"), {"牛"}),
    "UTF-8, UTF-16 declared as .NET does": ((HEAD.format("utf-16") + annotation(thing("牛"))).encode(), {"牛"}),
}


@pytest.mark.parametrize(("data", "tags"), FILES.values(), ids=FILES)
def test_an_annotation_gives_its_tags(tmp_path: Path, data: bytes, tags: set[str]) -> None:
    (tmp_path / "a.xml").write_bytes(data)
    assert read_objects(tmp_path / "a.xml").tags == tags


BOMB = "<!DOCTYPE a [<!ENTITY a 'cow'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
REFUSED = {
    "nothing": (b"", "line 1"),
    "text": (b"cow", "line 1, column 1"),
    "HTML": (b"<html><body>404</body></html>", "its outermost element is `html`"),
    "HTML with its document type": (b"<!DOCTYPE html><html></html>", "declares a document type"),
    "JSON": (b'{"tags": ["cow"]}', "line 1"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "line 1: byte 0x89"),
    "XML that breaks off": (annotation(thing()).encode()[: -len("</annotation>")] + b"\n", "line 2, column 1"),
    "tags that cross": (b"<annotation>\n<object></annotation></object>", "line 2, column 11"),
    "two roots": (b"<annotation/>\n<annotation/>", "line 2, column 1"),
    "an escape code": (annotation(thing("\x1b[31m")).encode(), "line 1"),
    "NUL": (b"<annotation>\n\0</annotation>", "line 2 holds NUL"),
    "a billion laughs": ((BOMB + "]>" + annotation(thing("&j;"))).encode(), "declares a document type"),
    "an entity of another file": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + annotation(thing("&x;")).encode(),
        "declares a document type",
    ),
    "a document type elsewhere": (
        b'<!DOCTYPE annotation SYSTEM "http://localhost/voc.dtd"><annotation/>',
        "declares a document type",
    ),
    "an entity that is none": (annotation(thing("&cow;")).encode(), "line 1"),
    "an object without a name": (annotation(thing(), "<object/>").encode(), "object 2 of 2 has no name"),
    "an object with an empty name": (annotation(thing("  ")).encode(), "object 1 of 1 has no name"),
    "objects within another element": (
        f"<annotation><objects>{thing()}</objects></annotation>".encode(),
        "not directly below",
    ),
    "Latin-1, not declared": (b"<annotation>\n" + thing("vaché").encode("latin-1"), "line 2: byte 0xE9"),
    "an encoding that is not known": (HEAD.format("klingon").encode() + b"<annotation/>", "`klingon`"),
    "an encoding that is none of text": (HEAD.format("zip").encode() + b"<annotation/>", "`zip`"),
    "an encoding of Python's own": (HEAD.format("unicode_escape").encode() + b"<annotation/>", "`unicode_escape`"),
    "200,000 elements, one not closed": (b"<annotation>" + b"<a/>" * 200_000, "line 1"),
    "200,000 levels": (b"<a>" * 200_000, "line 1"),
}


@pytest.mark.parametrize(("data", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_annotation_is_refused_with_file_and_place(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.xml").write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_objects(tmp_path / "a.xml")
    message = str(caught.value)
    assert "a.xml" in message
    assert said in message
    assert len(message) < 1000
    assert message.replace("\n", "").isprintable()


def nine_megabytes(file: Path) -> None:
    file.write_bytes(b"<annotation>" + b" " * (9 << 20))


NO_FILES = {
    "nothing there": (lambda file: None, "is not there"),
    "a folder": (Path.mkdir, "is a folder"),
    "a pipe": (os.mkfifo, "is a pipe"),
    "a link to nothing": (lambda file: file.symlink_to("nowhere"), "is a link to nothing"),
    "9 MB": (nine_megabytes, "is larger than 8 MB"),
}


@pytest.mark.parametrize(("make", "said"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make, said: str) -> None:
    make(tmp_path / "a.xml")
    with pytest.raises(UserError) as caught:
        read_objects(tmp_path / "a.xml")
    assert f"a.xml {said}" in caught.value.problem


def tags_of(folder: Path, **texts: str) -> dict[str, tuple[int, ...]]:
    for name, text in texts.items():
        (folder / f"{name.replace('__', ' ')}_train.txt").write_bytes(text.encode())
    return read_image_set_tags(folder, "train", ("cow", "traffic light"))


LISTS = {
    "VOC's own": ("a  1\nb -1\n", "a  1\nb  1\n", {"a": (1, 2), "b": (2,)}),
    "difficult objects count": ("a  0\nb -1\n", "a -1\nb -1\n", {"a": (1,), "b": ()}),
    "lines of Windows": ("a  1\r\nb -1\r\n", "a -1\r\nb 1\r\n", {"a": (1,), "b": (2,)}),
    "a byte order mark and tabs": ("\ufeffa\t1\nb\t-1", "a\t-1\nb\t1", {"a": (1,), "b": (2,)}),
    "ids with blanks and numbers": (
        "my 1 1\nfield (1) -1\n",
        "my 1 -1\nfield (1) 1\n",
        {"my 1": (1,), "field (1)": (2,)},
    ),
    "only the photos with the class": ("a 1\n", "b 1\na 1\n", {"a": (1, 2), "b": (2,)}),
    "NFC and NFD": ("\u00e9 1\n", "e\u0301 1\n", {"\u00e9": (1, 2)}),
    "no photo with any": ("a -1\n", "a -1\n", {"a": ()}),
}


@pytest.mark.parametrize(("cow", "light", "tags"), LISTS.values(), ids=LISTS)
def test_tags_are_read_from_the_lists_of_classes(
    tmp_path: Path, cow: str, light: str, tags: dict[str, tuple[int, ...]]
) -> None:
    (tmp_path / "zebra_train.txt").write_text("not looked at")
    assert tags_of(tmp_path, cow=cow, traffic__light=light) == tags


BAD_LISTS = {
    "no column": ("a 1\nb\n", ("cow_train.txt", "line 2: `b` does not end in 1, 0 or -1")),
    "another number": ("a 1\nb 2\n", ("cow_train.txt", "line 2: `b 2` does not end in")),
    "a photo twice": ("a 1\na -1\n", ("cow_train.txt", "line 2: `a` is in line 1, too")),
    "a photo missing": ("a -1\n", ("cow_train.txt: `b` is not in it",)),
    "an absolute path": ("/etc/passwd 1\n", ("cow_train.txt", "line 1")),
    "nothing": ("", ("cow_train.txt", "names no image")),
}


@pytest.mark.parametrize(("cow", "said"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_class_list_that_cannot_be_read_is_refused(tmp_path: Path, cow: str, said: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        tags_of(tmp_path, cow=cow, traffic__light="a 1\nb 1\n")
    assert all(words in str(caught.value) for words in said)


def test_missing_class_lists_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "Cow_train.txt").write_text("a 1\n")
    with pytest.raises(UserError, match="2 of 2") as caught:
        tags_of(tmp_path)
    assert "`cow_train`: not there; is written `Cow_train`" in caught.value.where
    assert any(line.startswith("`traffic light_train`") for line in caught.value.where)
