"""Write the files of a folder in VOC layout, whole or with an error."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def save(picture: Image.Image, path: Path, **options: int) -> None:
    """By way of memory: on a full disk Pillow leaves half a file and says nothing."""
    encoded = BytesIO()
    picture.save(encoded, {".png": "PNG", ".jpg": "JPEG"}[path.suffix], **options)
    path.write_bytes(encoded.getbuffer())


def annotation_xml(name: str, instances: NDArray[np.uint8], tags: list[str]) -> list[str]:
    """Lines of a VOC annotation: one `object` per entry of `tags`, boxes 1-based and inclusive."""
    height, width = instances.shape
    lines = ["<annotation>", f"  <filename>{name}.jpg</filename>"]
    lines.append(f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>")
    for number, tag in enumerate(tags, start=1):
        rows, columns = np.nonzero(instances == number)
        box = {"xmin": columns.min(), "ymin": rows.min(), "xmax": columns.max(), "ymax": rows.max()}
        corners = "".join(f"<{side}>{value + 1}</{side}>" for side, value in box.items())
        lines.append(f"  <object><name>{tag}</name><bndbox>{corners}</bndbox></object>")
    return [*lines, "</annotation>"]


def write_lines(path: Path, lines: list[str]) -> None:
    """Lines as UTF-8 with Unix line ends everywhere: the files' bytes are promised."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
