"""Folders of photos that cannot be right: what is wrong is named with file and line, and what to do."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.kinds.folder import FolderData
from puzzlecam_cli.data.parts.part_of import ids_of_list
from puzzlecam_cli.errors import UserError
from tests.ways_in.folders import AB, PART, TABLE, Files, folder_of, photos

REFUSED: dict[str, tuple[Files, dict[str, Any], str]] = {
    "no tags at all": (AB, {}, "tags-missing.*no tag file in .*no sub-folder"),
    "a tag file that is not there": (
        AB | TABLE,
        {"tags": "tgas.csv"},
        "no tag file tgas.csv, nor .*tgas.csv.*did you mean tags.csv",
    ),
    "a folder as tag file": (photos("cat/a.jpg"), {"tags": "cat"}, "cat is a folder, no tag file.*`folders`"),
    "two tag files": (
        AB | {"tags.csv": "a,cat\n", "labels.csv": "a,cat\n"},
        {},
        "tags-ambiguous.*2 files.*labels.csv.*tags.csv",
    ),
    "two tables of other names": (AB | {"x.csv": "a,cat\n", "y.tsv": "a\tcat\n"}, {}, "2 files .*x.csv.*y.tsv"),
    "a row without its photo": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\nbb.jpg,dog\nb,dog"},
        {},
        "1 of 3 rows.*line 3: there is no photo `bb.jpg`",
    ),
    "a row with a folder too many": (
        photos("x/aa.jpg", "b.jpg") | {"tags.csv": "y/aa.jpg,cat\nb,dog\n"},
        {},
        "`y/aa.jpg`; there is `x/aa`",
    ),
    "no row with a photo": (AB | {"tags.csv": "file,tags\nc.jpg,cat\nd.jpg,dog\n"}, {"on_error": "skip"}, "tags.csv"),
    "a name of two photos": (
        photos("x/a.jpg", "y/a.jpg") | {"tags.csv": "file,tags\na.jpg,cat\ny/a.jpg,dog\n"},
        {},
        "line 2: `a.jpg` may be `x/a` or `y/a`",
    ),
    "a mask called like its photo": (
        photos("images/a.jpg", "masks/a.png") | {"tags.csv": "file,tags\na.jpg,cat\nimages/a.jpg,cat\n"},
        {},
        "may be .*masks/a.*data.masks",
    ),
    "one photo in two rows that differ": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\nx/a,dog\nb.jpg,cat\n"},
        {},
        "lines 2 and 3: .* are one photo, tagged differently",
    ),
    "a name that is not listed": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\nb.jpg,Dogs\n", "classes.txt": "cat\ndogs\n"},
        {},
        "tags-unlisted.*line 3: `Dogs` is no class; did you mean `dogs`",
    ),
    "a folder that is not listed": (
        photos("cat/a.jpg", "sky/b.jpg") | {"classes.txt": "cat\n"},
        {},
        "folder `sky`: `sky` is no class.*data.unlisted: ignore",
    ),
    "no name that is listed": (
        photos("cat/a.jpg") | {"classes.txt": "cow\n"},
        {"unlisted": "ignore"},
        "none of the classes",
    ),
    "a list of classes that is not there": (photos("cat/a.jpg"), {"classes": "gone.txt"}, "gone.txt is not there"),
    "no class at all": (photos("background/a.jpg"), {}, "tags-missing.*name no class"),
    "too many classes": (
        photos(*(f"c{n}/a.jpg" for n in range(255))),
        {},
        "255 classes; a mask has room for 254.*data.classes: FILE.*data.unlisted: ignore",
    ),
    "a list of nobody": (
        PART | TABLE | {"val.txt": "zz.jpg\nq\n"},
        {"val": "val.txt"},
        "2 lines of .*val.txt.*line 1: there is no photo `zz.jpg`",
    ),
    "a list that names twice": (
        PART | TABLE | {"val.txt": "d\nd.jpg\n"},
        {"val": "val.txt"},
        "line 2: `d` is in line 1, too",
    ),
    "a list of photos without tags": (
        AB | {"tags.csv": "file,tags\na.jpg,cat\n", "val.txt": "b\n"},
        {"val": "val.txt", "tags": "tags.csv"},
        "line 1: the photo `b` has no tags",
    ),
    "an empty list": (PART | TABLE | {"val.txt": "\n"}, {"val": "val.txt"}, "val.txt names no photo"),
    "a share in digits of Arabic": (PART | TABLE, {"val": "٢٠%"}, "no file `٢٠%`, and no column"),
    "a list and no file": (PART | TABLE, {"val": "vall.txt"}, "no file `vall.txt`, and no column"),
    "a column that is not there": (
        PART | TABLE,
        {"val": "spilt=test"},
        "no column `spilt` in .*column `split`: .*did you mean `split`",
    ),
    "a value that is not there": (
        PART | TABLE,
        {"val": "split=dev"},
        "no value of the column `split` is `dev`.*`TRAIN`, `test`",
    ),
    "a column that says nothing of parts": (
        PART | TABLE,
        {"val": "n"},
        "no value of the column `n` is val, valid.*`1`, `2`, `3`",
    ),
    "a column of folders": (
        photos("cat/a.jpg"),
        {"val": "split"},
        "no column `split` in the folders of .*column `folder`: `cat`",
    ),
    "all photos predicted": (
        PART | TABLE | {"val.txt": "a\nb\nc\nd\n"},
        {"val": "val.txt"},
        "no photo of .* is left for `train`",
    ),
    "a tag file of a name too long": (AB, {"tags": "x" * 300}, "tags-missing.*there is no tag file"),
    "a part of a name too long": (PART | TABLE, {"val": "x" * 5000}, "there is no file"),
    "a home that is nobody's": (PART | TABLE, {"val": "~nobody-such/val.txt"}, "there is no file `~nobody-such"),
    "a photo as tag file": (AB, {"tags": "a.jpg"}, "tags-"),
    "a device as tag file": (AB, {"tags": "/dev/null"}, "/dev/null is a device"),
    "a folder as a list of classes": (photos("cat/a.jpg"), {"classes": "cat"}, "tags|data-(missing|unreadable)"),
    "an encoding that is none": (AB | TABLE, {"encoding": "klingon", "tags": "tags.csv"}, "klingon"),
    "only an equals sign": (PART | TABLE, {"val": "="}, "no column ``"),
    "a folder of masks of a name too long": (PART | TABLE, {"masks": "x" * 300}, "there is no folder xxx"),
    "masks that are not there": (PART | TABLE, {"masks": "gone"}, "no folder gone.*data.masks=FOLDER"),
    "no masks among masks": (PART | TABLE | {"m/readme.txt": ""}, {"masks": "m"}, "there is no mask below .*m"),
    "one mask of two photos": (
        photos("cat/1.jpg", "dog/1.jpg") | {"m/1.png": ""},
        {"masks": "m"},
        "`1` may be the mask of `cat/1` or `dog/1`",
    ),
    "two masks of a photo": (
        photos("cat/1.jpg") | {"m/cat/1_mask.png": "", "m/cat/1_gt.png": ""},
        {"masks": "m"},
        "`cat/1` may have the mask `cat/1_gt` or `cat/1_mask`",
    ),
    "white masks of two classes": (
        photos("cat/1.jpg", "dog/1.jpg", "m/1.png"),
        {"masks": "m", "white": "class"},
        "white: class is for masks of one class; there are 2",
    ),
}


@pytest.mark.parametrize(("files", "given", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_right_is_named(files: Files, given: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        folder_of(tmp_path / "photos", files, **given).photos("train")
    assert re.search(words, str(refused.value), re.DOTALL), str(refused.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"val": 1}, "share between 0 and 1"),
        ({"val": 0}, "share between 0 and 1"),
        ({"val": -0.2}, "share between 0 and 1"),
        ({"val": "120%"}, "share between 0 and 1"),
        ({"val": True}, "share between 0 and 1"),
        ({"val": " "}, "must not be empty"),
        ({"train": 0.9, "val": 0.2}, "more than all photos"),
        ({"unlisted": "keep"}, "unlisted"),
        ({"tags": ""}, "must not be empty"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FolderData(**{"kind": "folder", "root": "x"} | given)


@pytest.mark.parametrize("written", [0.2, "0.2", ".2", "20%", " 20 % "])
def test_a_share_is_a_share_however_it_is_written(written: object) -> None:
    assert FolderData(kind="folder", root="x", val=written).val == 0.2


NAMES = st.lists(st.sampled_from(["a", "b.jpg", "x/c", "x\\c.PNG", "ä", "zz", "", "a 1", "c,-1"]), max_size=5)


@settings(deadline=None, max_examples=50, derandomize=True)
@examples(st.binary(max_size=60) | NAMES.map(lambda names: "\n".join(names).encode()))
def test_a_list_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    walk = Walk(Path("nowhere"))
    walk.__dict__["files"] = {image_id: Path(f"{image_id}.jpg") for image_id in ("a", "b", "x/c", "ä")}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "val.txt"
        path.write_bytes(data)
        found: list[str] = []
        with suppress(UserError):
            found = ids_of_list(path, walk.named, walk.like, walk.files, skip=False)
            assert found
        assert len(set(found)) == len(found)
        assert set(found) <= set(walk.files)
