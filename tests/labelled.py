"""Photos with labels for tests, and labels read back from what was written of them, by other means than our own."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from puzzlecam_cli.data.pixels.colours import voc_colour
from puzzlecam_cli.run.artifacts import write_labels
from puzzlecam_cli.use.formats import table
from puzzlecam_cli.use.formats.labelled import Labelled

Labels = NDArray[np.uint8]
ALL = tuple(table.FORMATS)
CLASSES = ("cat", "dog", "bird")
PICTURE = np.array([[0, 1, 1, 0, 3], [2, 1, 1, 0, 0], [2, 2, 0, 3, 3]], dtype=np.uint8)


def made(folder: Path, pictures: Mapping[str, Labels], **about: Any) -> list[Labelled]:
    """Photos in `folder/photos` and their labels in `folder/labels`."""
    found = []
    for image_id, labels in pictures.items():
        photo = folder / "photos" / f"{image_id}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", labels.shape[::-1], (90, 120, 150)).save(photo)
        write_labels(folder / "labels" / f"{image_id}.png", labels)
        found.append(Labelled(image_id, photo, folder / "labels" / f"{image_id}.png", **about))
    return found


def written(
    out: Path,
    photos: Sequence[Labelled],
    formats: Sequence[str] = ALL,
    classes: Sequence[str] = CLASSES,
    *,
    force: bool = False,
    told: Any = lambda task: lambda done, total: None,
) -> Path:
    """Checked and written, as a command does it."""
    table.check(out, formats, {photo.id: photo.photo for photo in photos}, classes, force=force)
    colours = [voc_colour(label) for label in range(len(classes) + 1)]
    table.write(out, formats, photos, classes, colours, told)
    return out


def in_coco(out: Path, classes: Sequence[str]) -> dict[str, Labels]:
    """The labels of each file name, decoded by `pycocotools`."""
    from pycocotools import mask as coco

    document = json.loads((out / "coco.json").read_text())
    names = {row["id"]: row["name"] for row in document["categories"]}
    numbers = {name: number for number, name in enumerate(classes, start=1)} | {"void": 255}
    found = {
        row["id"]: (row["file_name"], np.zeros((row["height"], row["width"]), np.uint8)) for row in document["images"]
    }
    for row in document["annotations"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2, about how pycocotools makes arrays
            mask = coco.decode(row["segmentation"]).astype(bool)
        assert row["area"] == mask.sum()
        assert row["bbox"] == _box(mask)
        assert not found[row["image_id"]][1][mask].any()
        assert row["iscrowd"] == (names[row["category_id"]] == "void")
        found[row["image_id"]][1][mask] = numbers[names[row["category_id"]]]
    return dict(found.values())


def _box(mask: NDArray[np.bool_]) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    ]


def in_cvat(out: Path, classes: Sequence[str]) -> dict[str, Labels]:
    """The labels of each id, by the colours in `labelmap.txt`."""
    numbers = {"background": 0, "void": 255} | {name: number for number, name in enumerate(classes, start=1)}
    found = {}
    with zipfile.ZipFile(out / "cvat.zip") as archive:
        lines = archive.read("labelmap.txt").decode().splitlines()[1:]
        label_of = {tuple(map(int, line.split(":")[1].split(","))): numbers[line.split(":")[0]] for line in lines}
        assert all(line.endswith("::") for line in lines)
        for image_id in archive.read("ImageSets/Segmentation/default.txt").decode().splitlines():
            picture = Image.open(io.BytesIO(archive.read(f"SegmentationClass/{image_id}.png")))
            objects = Image.open(io.BytesIO(archive.read(f"SegmentationObject/{image_id}.png")))
            assert picture.mode == objects.mode == "RGB"
            labels = np.array([[label_of[tuple(pixel)] for pixel in row] for row in np.asarray(picture).tolist()])
            assert ((np.asarray(objects) != 0).any(axis=2) == (labels > 0)).all()
            found[image_id] = labels.astype(np.uint8)
    return found


def in_yolo(out: Path, sizes: Mapping[str, tuple[int, int]], classes: Sequence[str]) -> dict[str, Labels]:
    """The labels of each id: a pixel is inside if a line from its middle to the left meets an odd number of sides."""
    names = yaml.safe_load((out / "yolo/data.yaml").read_text())["names"]
    numbers = {name: number for number, name in enumerate(classes, start=1)} | {"void": 255}
    found = {}
    for image_id, (height, width) in sizes.items():
        labels = np.zeros((height, width), np.uint8)
        for line in (out / f"yolo/labels/{image_id}.txt").read_text().splitlines():
            number, *places = line.split()
            x = np.array(places[::2], float) * width
            y = np.array(places[1::2], float) * height
            assert len(x) == len(y) >= 3
            inside = np.zeros_like(labels, dtype=bool)
            for x0, y0, x1, y1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
                middles = np.arange(height) + 0.5
                crossed = (middles > min(y0, y1)) & (middles < max(y0, y1))
                at = x0 + (middles[crossed] - y0) * (x1 - x0) / (y1 - y0)
                inside[crossed] ^= np.arange(width)[None] + 0.5 > at[:, None]
            assert not labels[inside].any()
            labels[inside] = numbers[names[int(number)]]
        found[image_id] = labels
    return found
