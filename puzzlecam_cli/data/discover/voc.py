"""PASCAL VOC layout: JPEGImages with Annotations or ImageSets/Main, in the folder or up to two levels below it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.discover.candidate import Candidate
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.disk.lists import LISTS
from puzzlecam_cli.data.kinds.voc import SHIPPED_LISTS
from puzzlecam_cli.data.parts.part_of import TRAIN, VAL


def find(place: Place) -> Iterator[Candidate]:
    """The VOC layouts here that have tags and lists."""
    folders = [folder.parent for folder in place.folders if folder.name == "JPEGImages" and folder != place.folder]
    if place.folder.absolute().name == "JPEGImages":
        folders.insert(0, place.above)
    for root in folders:
        tags, lists = _tags(root), lists_of(root)
        if tags is None or lists is None:
            continue
        train, val = lists
        data: dict[str, Any] = {"kind": "voc", "root": root, "train": train, "val": val}
        reasons = {} if val else {"val": "there is no other list"}
        yield Candidate("annotations", f"{tags} (PASCAL VOC layout)", data, reasons)


def lists_of(root: Path) -> tuple[str, str | None] | None:
    """The lists of `train` and `val`; None if there is none to train on."""
    lists = {path.stem for name in LISTS for path in (root / "ImageSets" / name).glob("*.txt")}
    train = (
        "train_aug"
        if _has_train_aug(root, lists)
        else next((name for name in (*TRAIN, "trainval") if name in lists), None)
    )
    val = next((name for name in VAL if name in lists), None)
    return (train, val) if train else None


def _tags(root: Path) -> str | None:
    """Where tags are from, in words; None: there are none."""
    if any((root / "Annotations").glob("*.xml")):
        return "Annotations"
    lists = (root / "ImageSets" / "Main").glob("*_*.txt")
    return (
        "ImageSets/Main" if any(path.stem.rpartition("_")[2] in (*TRAIN, "trainval", *VAL) for path in lists) else None
    )


def _has_train_aug(root: Path, lists: set[str]) -> bool:
    """Whether this is VOC 2012 as a whole: all photos of the shipped list are there."""
    if "train_aug" in lists:
        return True
    ids = (SHIPPED_LISTS / "train_aug.txt").read_text(encoding="utf-8").split()
    some = islice(ids, 0, None, max(1, len(ids) // 20))
    return all((root / "JPEGImages" / f"{image_id}.jpg").is_file() for image_id in some)
