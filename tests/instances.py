"""Instances JSON of three small photos, and what changes in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from puzzlecam_cli.data.kinds.coco import CocoData, CocoPhotos

Json = dict[str, Any]
SQUARE = [[2.0, 2.0, 6.0, 2.0, 6.0, 6.0, 2.0, 6.0, 2.0, 4.0]]


def document(**changes: Any) -> Json:
    """Three photos a, b, c; a cat on a, a cat and a dog on b."""
    found: Json = {
        "images": [{"id": n, "file_name": f"{name}.jpg", "height": 8, "width": 10} for n, name in enumerate("abc", 1)],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 17, "iscrowd": 0, "segmentation": SQUARE, "bbox": [2, 2, 4, 4]},
            {"id": 2, "image_id": 2, "category_id": 18, "iscrowd": 0, "segmentation": SQUARE, "bbox": [2, 2, 4, 4]},
            {"id": 3, "image_id": 2, "category_id": 17, "iscrowd": 0, "segmentation": SQUARE, "bbox": [2, 2, 4, 4]},
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
    }
    return found | changes


def changed(change: Callable[[Json], Any]) -> Json:
    found = document()
    change(found)
    return found


def each(key: str, change: Callable[[Json], Any]) -> Json:
    return changed(lambda found: [change(row) for row in found[key]])


def ids(kind: str, new: Callable[[int], Any], key: str) -> Json:
    """Other ids of images or categories, in the list and in annotations."""

    def change(found: Json) -> None:
        for row in found[kind]:
            row["id"] = new(row["id"])
        for row in found["annotations"]:
            row[key] = new(row[key])

    return changed(change)


def opened(folder: Path, written: Json | bytes, val: Any = None, **settings: Any) -> CocoPhotos:
    """The photos of `folder/photos` with documents beside it."""
    if not (folder / "photos").exists():
        (folder / "photos").mkdir()
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            Image.new("RGB", (10, 8)).save(folder / "photos" / name)
    data = written if isinstance(written, bytes) else json.dumps(written).encode()
    (folder / "train.json").write_bytes(data)
    if isinstance(val, dict):
        (folder / "val.json").write_text(json.dumps(val))
        val = str(folder / "val.json")
    made = CocoData(kind="coco", root=folder / "photos", train=str(folder / "train.json"), val=val, **settings)
    return CocoPhotos(made, folder / "run", 0)


def tags_of(photos: CocoPhotos, split: str = "train") -> dict[str, tuple[str, ...]]:
    names = dict(enumerate(photos.classes, start=1))
    return {photo.id: tuple(sorted(names[tag] for tag in photo.tags)) for photo in photos.photos(split, tags=True)}


def image(**row: Any) -> Json:
    return changed(
        lambda found: found["images"].append({"id": 9, "file_name": "z.jpg", "height": 8, "width": 10} | row)
    )


def annotation(**row: Any) -> Json:
    return changed(lambda found: found["annotations"].append({"id": 77, "image_id": 1, "category_id": 17} | row))


def category(**row: Any) -> Json:
    return changed(lambda found: found["categories"].append({"id": 19, "name": "bird"} | row))
