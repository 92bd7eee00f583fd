"""Folders of photos as people have them: the bytes or the text of each file by its path."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

Files = Mapping[str, bytes | str]


def picture(kind: str, value: int = 0) -> bytes:
    buffer = io.BytesIO()
    pixels = np.full((20, 30, 3) if kind == "JPEG" else (20, 30), value, np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


JPEG, PNG, MASK = picture("JPEG"), picture("PNG"), picture("PNG", 1)


def photos(*names: str, below: str = "") -> dict[str, bytes | str]:
    return {f"{below}{name}.jpg": JPEG for name in names}


def xml(*classes: str) -> str:
    return f"<annotation>{''.join(f'<object><name>{name}</name></object>' for name in classes)}</annotation>"


def voc(root: str = "", lists: Mapping[str, str] | None = None) -> dict[str, bytes | str]:
    """Photos a and b of a cat and a dog."""
    given = {"Segmentation/train": "a\n", "Segmentation/val": "b\n"} if lists is None else lists
    files = photos("a", "b", below=f"{root}JPEGImages/")
    files |= {f"{root}Annotations/a.xml": xml("cat"), f"{root}Annotations/b.xml": xml("dog")}
    files |= {f"{root}classes.txt": "cat\ndog\n"}
    return files | {f"{root}ImageSets/{name}.txt": text for name, text in given.items()}


def coco(*names: str, images: str = "") -> str:
    """Instances: photo a shows a cat, the others a dog."""
    square = [1, 1, 9, 1, 9, 9, 1, 9]
    box = {"segmentation": [square], "bbox": [1, 1, 8, 8], "area": 64, "iscrowd": 0}
    return json.dumps(
        {
            "images": [
                {"id": n, "file_name": f"{images}{name}.jpg", "width": 30, "height": 20} for n, name in enumerate(names)
            ],
            "annotations": [
                {"id": n, "image_id": n, "category_id": 3 + (names[n] > "a"), **box} for n in range(len(names))
            ],
            "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog"}],
        }
    )


CSV = "file,tags\na.jpg,cat\nb.jpg,dog\n"
TWO = photos("a", "b")
CATS: dict[str, bytes | str] = {"cats/a.jpg": JPEG, "dogs/b.jpg": JPEG}
MANY = [f"{number:02}" for number in range(40)]
MANY_ROWS = "".join(f"{name}.jpg,{'cat' if int(name) % 2 else 'dog'}\n" for name in MANY)


def lay(folder: Path, files: Files) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder
