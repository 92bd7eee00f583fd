"""`data.splits`: a folder of lists, as another run's, that says which photos belong to which share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from puzzlecam_cli.data.kinds.folder import FolderData, FolderPhotos
from puzzlecam_cli.errors import UserError

NAMES = ("a", "b/c", "d e", "né")
ROWS = "file,tags\n" + "".join(f"{name}.jpg,cat\n" for name in NAMES)


def opened(tmp_path: Path, trained: bytes | None, held_out: bytes | None, **given: Any) -> FolderPhotos:
    root, splits = tmp_path / "photos", tmp_path / "lists"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.jpg").touch()
    (root / "tags.csv").write_text(ROWS, encoding="utf-8")
    splits.mkdir()
    for name, data in (("train", trained), ("val", held_out)):
        if data is not None:
            (splits / f"{name}.txt").write_bytes(data)
    settings = FolderData(**{"kind": "folder", "root": root, "val": 0.5, "splits": splits} | given)
    return FolderPhotos(settings, tmp_path / "run", 0)


GOOD: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "ids": (b"a\nb/c\n", ("a", "b/c")),
    "in another order": (b"b/c\na\n", ("b/c", "a")),
    "no last line end": (b"a\nb/c", ("a", "b/c")),
    "Windows line ends": (b"a\r\nb/c\r\n", ("a", "b/c")),
    "blank lines and blanks": (b"\n a \n\nb/c\t\n\n", ("a", "b/c")),
    "a blank in an id": (b"d e\n", ("d e",)),
    "composed": ("né\n".encode(), ("né",)),
    "decomposed": ("ne\u0301\n".encode(), ("né",)),
    "a byte order mark": (b"\xef\xbb\xbfa\n", ("a",)),
    "UTF-16": ("a\nné\n".encode("utf-16"), ("a", "né")),
}


@pytest.mark.parametrize(("data", "ids"), GOOD.values(), ids=GOOD)
def test_a_list_names_its_photos(data: bytes, ids: tuple[str, ...], tmp_path: Path) -> None:
    photos = opened(tmp_path, b"a\nb/c\nd e\n", data)
    assert photos.is_settled
    assert tuple(photo.id for photo in photos.photos("val")) == ids
    assert photos.count("train") == (3, 0)
    assert photos.settle(lambda done, total: None, lambda photos: []) == []
    assert not (tmp_path / "run").exists()


BAD: dict[str, tuple[bytes | None, tuple[str, ...]]] = {
    "no such list": (None, ("val.txt",)),
    "empty": (b"", ("val.txt", "no photo")),
    "blank lines only": (b"\n \n", ("val.txt", "no photo")),
    "a photo that is not there": (b"a\nx\n", ("val.txt", "line 2", "`x`")),
    "with a suffix": (b"a.jpg\n", ("line 1", "`a.jpg`")),
    "twice": (b"a\nb/c\na\n", ("line 3", "`a`", "line 1")),
    "twice in two forms": ("né\nne\u0301\n".encode(), ("line 2", "line 1")),
    "bytes that are no text": (b"a\n\xff\xfe\x80\x81b\n", ("val.txt",)),
    "NUL bytes": (b"a\0\n", ("val.txt", "line 1")),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", ("val.txt",)),
}


@pytest.mark.parametrize(("data", "named"), BAD.values(), ids=BAD)
def test_a_list_that_names_no_photos_is_refused(data: bytes | None, named: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        opened(tmp_path, b"a\n", data).photos("val")
    assert all(words in str(caught.value) for words in named), str(caught.value)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    photos = opened(tmp_path, b"a\n", None)
    os.mkfifo(tmp_path / "lists" / "val.txt")
    with pytest.raises(UserError, match=r"val\.txt"):
        photos.photos("val")


@pytest.mark.parametrize("given", [{"val": None}, {"val": "val.txt"}, {"val": "a=b", "train": "c"}], ids=str)
def test_without_a_share_there_is_nothing_it_could_say(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="neither `train` nor `val` is a share"):
        opened(tmp_path, b"a\n", b"b/c\n", **given)
