"""Folders of photos for tests, and what is read from them."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.kinds.folder import FolderData, FolderPhotos

NFC, NFD = (unicodedata.normalize(form, "crème") for form in ("NFC", "NFD"))
Files = dict[str, str]
Tags = dict[str, tuple[str, ...]]


def folder_of(root: Path, files: Files, **given: Any) -> FolderPhotos:
    """The data set of a folder; files are empty but for those with a text."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return FolderPhotos(FolderData(**{"kind": "folder", "root": root} | given), root.parent / "run", 0)


def photos(*names: str) -> Files:
    return dict.fromkeys(names, "")


def tags_in(data: FolderPhotos) -> Tags:
    return {photo.id: tuple(data.classes[tag - 1] for tag in photo.tags) for photo in data.listing.photos}


def ids(data: FolderPhotos, part: str) -> list[str]:
    return [photo.id for photo in data.photos(part)]


AB = photos("a.jpg", "b.jpg")
PART = photos("train/a.jpg", "train/b.jpg", "val/c.jpg", "d.jpg")
TABLE = {"tags.csv": "file,tags,split,is_val,n\na,cat,train,no,1\nb,dog,TRAIN,no,1\nc,cat,test,yes,2\nd,dog,valid,,3\n"}
