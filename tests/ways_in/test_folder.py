"""Folders of tagged photos: whose tags, which classes, which part, whose mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ways_in.folders import AB, NFC, NFD, PART, TABLE, Files, Tags, folder_of, ids, photos, tags_in

TABLES: dict[str, tuple[Files, dict[str, Any], Tags]] = {
    "file and tags": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\nb.jpg,cat;dog\n"},
        {},
        {"a": ("cat",), "b": ("cat", "dog")},
    ),
    "another name": (AB | {"my photos.csv": "file,tags\na.jpg,cat\nb.jpg,dog\n"}, {}, {"a": ("cat",), "b": ("dog",)}),
    "labels": (AB | {"Labels.CSV": "a.jpg,cat\nb.jpg,dog\n"}, {}, {"a": ("cat",), "b": ("dog",)}),
    "tabs": (AB | {"tags.tsv": "file\ttags\na\tcat\nb\tdog\n"}, {}, {"a": ("cat",), "b": ("dog",)}),
    "JSON lines": (
        AB | {"metadata.jsonl": '{"file_name": "a.jpg", "tags": ["cat"]}\n{"file_name": "b.jpg", "tags": []}\n'},
        {},
        {"a": ("cat",), "b": ()},
    ),
    "a column a class": (
        AB | {"tags.csv": "file,dog,cat\na.jpg,1,0\nb.jpg,1,1\n"},
        {},
        {"a": ("dog",), "b": ("dog", "cat")},
    ),
    "a row a tag": (
        AB | {"tags.csv": "file,tag\na.jpg,cat\na.jpg,dog\nb.jpg,dog\n"},
        {},
        {"a": ("cat", "dog"), "b": ("dog",)},
    ),
    "a photo in no row": (AB | {"tags.csv": "a.jpg,cat\n"}, {"tags": "tags.csv"}, {"a": ("cat",)}),
    "names with folders": (
        photos("x/a.jpg", "y/a.jpg") | {"tags.csv": "photos/x/a.jpg,cat\nphotos\\y\\a.JPG,dog\n"},
        {},
        {"x/a": ("cat",), "y/a": ("dog",)},
    ),
    "names without folders": (
        photos("x/a.jpg", "y/b.jpg") | {"tags.csv": "a,cat\nb,dog\n"},
        {},
        {"x/a": ("cat",), "y/b": ("dog",)},
    ),
    "names in another Unicode form": (
        photos(f"{NFD}.jpg", "b.jpg") | {"tags.csv": f"{NFC}.jpg,cat\nb.jpg,dog\n"},
        {},
        {NFC: ("cat",), "b": ("dog",)},
    ),
    "one photo in two rows that say the same": (
        AB | {"tags.csv": "a.jpg,cat\na,cat\nb,dog\n"},
        {},
        {"a": ("cat",), "b": ("dog",)},
    ),
    "rows without a photo, left out": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\nc.jpg,dog\nb.jpg,cat\n"},
        {"on_error": "skip"},
        {"a": ("cat",), "b": ("cat",)},
    ),
    "a list of classes": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\nb.jpg,dog\n", "names.txt": "dog\ncat\ncow\n"},
        {"classes": "names.txt"},
        {"a": ("cat",), "b": ("dog",)},
    ),
    "names that are not listed, left out": (
        AB | {"tags.csv": "file,tags\na.jpg,cat;sky\nb.jpg,sky\n", "classes.txt": "cat\n"},
        {"unlisted": "ignore"},
        {"a": ("cat",), "b": ()},
    ),
    "a semicolon as separator, said": (
        AB | {"tags.csv": "file,tags\na.jpg,big cat/dog\nb.jpg,dog\n"},
        {"separator": "/"},
        {"a": ("big cat", "dog"), "b": ("dog",)},
    ),
    "an encoding, said": (AB, {"encoding": "cp1252", "tags": "latin.csv"}, {"a": ("bébé",), "b": ("dog",)}),
    "background as a tag": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\nb.jpg,background\n"},
        {},
        {"a": ("cat",), "b": ()},
    ),
    "folders": (
        photos("cat/1.jpg", "dog/1.jpg", "dog/x/2.jpg"),
        {},
        {"cat/1": ("cat",), "dog/1": ("dog",), "dog/x/2": ("dog",)},
    ),
    "folders, said": (
        photos("cat/1.jpg", "dog/2.jpg") | {"tags.csv": "1,dog\n2,cat\n"},
        {"tags": "folders"},
        {"cat/1": ("cat",), "dog/2": ("dog",)},
    ),
    "a folder of background": (photos("cat/1.jpg", "Background/1.jpg"), {}, {"cat/1": ("cat",), "Background/1": ()}),
    "photos in no folder": (photos("cat/1.jpg", "2.jpg"), {}, {"cat/1": ("cat",), "2": ()}),
    "folders of parts": (
        photos("train/cat/1.jpg", "val/dog/1.jpg"),
        {},
        {"train/cat/1": ("cat",), "val/dog/1": ("dog",)},
    ),
    "parts by other names": (
        photos("Training/cat/1.jpg", "valid/dog/1.jpg", "test/cat/2.jpg"),
        {},
        {"Training/cat/1": ("cat",), "valid/dog/1": ("dog",), "test/cat/2": ("cat",)},
    ),
    "a class called test": (photos("test/1.jpg", "cat/1.jpg"), {}, {"test/1": ("test",), "cat/1": ("cat",)}),
    "a folder around all": (
        photos("images/cat/1.jpg", "images/dog/1.jpg"),
        {},
        {"images/cat/1": ("cat",), "images/dog/1": ("dog",)},
    ),
    "a folder around parts": (
        photos("data/train/cat/1.jpg", "data/test/dog/1.jpg"),
        {},
        {"data/train/cat/1": ("cat",), "data/test/dog/1": ("dog",)},
    ),
    "one class in folders": (photos("cat/x/1.jpg", "cat/y/1.jpg"), {}, {"cat/x/1": ("cat",), "cat/y/1": ("cat",)}),
    "names of classes with blanks": (
        photos("big cat/1.jpg", f"{NFD}/1.jpg"),
        {},
        {"big cat/1": ("big cat",), f"{NFC}/1": (NFC,)},
    ),
    "folders and a list of classes": (
        photos("cat/1.jpg", "dog/1.jpg", "sky/1.jpg") | {"classes.txt": "dog\ncat\n"},
        {"unlisted": "ignore"},
        {"cat/1": ("cat",), "dog/1": ("dog",), "sky/1": ()},
    ),
}


@pytest.mark.parametrize(("files", "given", "tags"), TABLES.values(), ids=TABLES)
def test_each_photo_has_its_tags(files: Files, given: dict[str, Any], tags: Tags, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    (root / "latin.csv").write_bytes("file,tags\na.jpg,bébé\nb.jpg,dog\n".encode("cp1252"))
    if given.get("tags") != "latin.csv":
        (root / "latin.csv").unlink()
    data = folder_of(root, files, **given)
    assert tags_in(data) == dict(sorted(tags.items()))
    assert data.splits.val is None
    assert ids(data, "train") == sorted(tags)


def test_a_class_of_rows_that_are_left_out_is_none(tmp_path: Path) -> None:
    files = AB | {"tags.csv": "file,tags\na.jpg,cat\nb.jpg,dog\nfile,tags\nTotal,2\n"}
    assert folder_of(tmp_path / "photos", files, on_error="skip").classes == ("cat", "dog")


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    rows = {"tags.csv": "file,tags\na.jpg,cat\nz.jpg,cat\nc.jpg,background\n"}
    files = photos("a.jpg", "b.jpg", "c.jpg", "d.jpg") | rows
    data = folder_of(tmp_path / "photos", files, on_error="skip")
    facts = "\n".join(data.facts("train"))
    assert "2 of 4 photos are in no row of" in facts
    assert "`b`, `d`" in facts
    assert "line 3 of" in data.left_out("train")["z.jpg"]
    facts = "\n".join(folder_of(tmp_path / "folders", photos("cat/1.jpg", "2.jpg", "bg/3.jpg")).facts("train"))
    assert "photos that lie in no folder of a class show none: 1, such as `2`" in facts
    assert "`bg` is no object class" in facts


DIVIDED: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "nothing said": ({}, ["d", "train/a", "train/b", "val/c"], []),
    "a list": ({"val": "some.txt"}, ["train/a", "train/b"], ["d", "val/c"]),
    "a list of names with suffix": ({"val": "names.txt"}, ["d", "train/b", "val/c"], ["train/a"]),
    "a list with a column": ({"val": "column.txt"}, ["train/a", "train/b", "val/c"], ["d"]),
    "a list with a mark and Windows' line ends": ({"val": "windows.txt"}, ["d", "train/a", "val/c"], ["train/b"]),
    "two lists": ({"train": "names.txt", "val": "some.txt"}, ["train/a"], ["d", "val/c"]),
    "a list to train on, nothing to predict": ({"train": "names.txt"}, ["train/a"], []),
    "a column": ({"train": "split", "val": "split"}, ["train/a", "train/b"], ["d"]),
    "a column in other case": ({"val": "Split"}, ["train/a", "train/b", "val/c"], ["d"]),
    "a value": ({"val": "split=test"}, ["d", "train/a", "train/b"], ["val/c"]),
    "a value with blanks": ({"val": " split = test "}, ["d", "train/a", "train/b"], ["val/c"]),
    "a value in other case": ({"train": "split=Test", "val": "n=3"}, ["val/c"], ["d"]),
    "a column of truths": ({"val": "is_val"}, ["d", "train/a", "train/b"], ["val/c"]),
    "a number as a value": ({"val": "n=1"}, ["d", "val/c"], ["train/a", "train/b"]),
    "folders": ({"train": "folder", "val": "folder"}, ["train/a", "train/b"], ["val/c"]),
    "a folder as a value": ({"val": "folder=train"}, ["d", "val/c"], ["train/a", "train/b"]),
    "a sub-folder": ({"train": "train", "val": "val/"}, ["train/a", "train/b"], ["val/c"]),
    "both the same": ({"train": "split=train", "val": "split=train"}, ["train/a", "train/b"], ["train/a", "train/b"]),
}
LISTS = {
    "some.txt": "val/c\nd\n",
    "names.txt": "photos/train/a.jpg\n\n",
    "column.txt": "d 1\n",
    "windows.txt": "\ufefftrain\\b.JPG\r\n",
}


@pytest.mark.parametrize(("given", "train", "val"), DIVIDED.values(), ids=DIVIDED)
def test_photos_are_divided(given: dict[str, Any], train: list[str], val: list[str], tmp_path: Path) -> None:
    data = folder_of(tmp_path / "photos", PART | TABLE | LISTS, tags="tags.csv", **given)
    assert data.is_settled
    assert ids(data, "train") == train
    assert data.splits.val == ("val" if given.get("val") else None)
    if val:
        assert ids(data, "val") == val
        assert data.count("val") == (len(val), 0)
