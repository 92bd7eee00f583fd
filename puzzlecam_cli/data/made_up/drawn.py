"""A folder of made-up pictures in PASCAL VOC layout: how it is written, and what in it is ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from puzzlecam_cli.data.made_up.drawing import CLASS_NAMES, SMALLEST_SIZE, draw_picture
from puzzlecam_cli.data.pixels.colours import VOC_PALETTE
from puzzlecam_cli.files import replacing
from puzzlecam_cli.method.constants import IGNORE as VOID

FOLDERS = ("JPEGImages", "SegmentationClass", "Annotations", "ImageSets/Segmentation")
LARGEST = 1 << 24  # bytes of a list
_NAME = re.compile(r"synthetic_(train|val)_\d{4,}")
_KINDS = dict(zip(FOLDERS, (".jpg", ".png", ".xml"), strict=False))  # the suffix of each folder of drawn files


def write_synthetic(
    root: Path,
    *,
    train: int,
    val: int,
    size: int,
    classes: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `train` + `val` pictures with masks, tags and lists below `root`, in the PASCAL VOC layout.

    `size` is the typical longer side in pixels (0.8 to 1.2 times it occurs); the first `classes` names of `CLASS_NAMES`
    are used. `progress(done, total)` is called after each picture. `classes.txt` is written last, when all is there.

    Raises ValueError for counts, a size or a number of classes that cannot be drawn.
    """
    if not 1 <= classes <= len(CLASS_NAMES):
        raise ValueError(f"cannot draw {classes} classes: choose 1 to {len(CLASS_NAMES)}")
    if train < 0 or val < 0:
        raise ValueError(f"cannot draw {train} train and {val} val pictures: counts start at 0")
    if size < SMALLEST_SIZE:
        raise ValueError(f"cannot draw pictures of size {size}: parts need at least {SMALLEST_SIZE} pixels")

    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").unlink(missing_ok=True)  # not complete again before the end

    for split_number, (split, count) in enumerate((("train", train), ("val", val))):
        names = names_in(split, count)
        for index, name in enumerate(names):
            generator = np.random.default_rng([seed, split_number, index])
            write_picture(root, name, index % classes, size, classes, generator)
            if progress is not None:
                progress(index + 1 + split_number * train, train + val)
        write_lines(root / "ImageSets" / "Segmentation" / f"{split}.txt", names)

    with replacing(root / "classes.txt") as unfinished:
        write_lines(unfinished, ["background", *CLASS_NAMES[:classes]])


def names_in(split: str, count: int) -> list[str]:
    """The names of the first pictures of a split."""
    return [f"synthetic_{split}_{number:04d}" for number in range(1, count + 1)]


def write_picture(root: Path, name: str, first: int, size: int, classes: int, generator: Generator) -> None:
    """Draw one picture whose first object has class `first` (0-based); write its three files."""
    image, instances, object_classes = draw_picture(first, size, classes, generator)
    labels = np.array([0, *(index + 1 for index in object_classes)], np.uint8)[instances]
    mask = Image.fromarray(with_void_border(labels))
    mask.putpalette(VOC_PALETTE)
    save(mask, root / "SegmentationClass" / f"{name}.png")
    save(Image.fromarray(image), root / "JPEGImages" / f"{name}.jpg", quality=92)
    annotation = annotation_xml(name, instances, [CLASS_NAMES[index] for index in object_classes])
    write_lines(root / "Annotations" / f"{name}.xml", annotation)


def save(picture: Image.Image, path: Path, **options: int) -> None:
    """By way of memory: Pillow does not notice that a file was cut short by a limit of the system."""
    buffer = BytesIO()
    picture.save(buffer, {".png": "PNG", ".jpg": "JPEG"}[path.suffix], **options)
    path.write_bytes(buffer.getbuffer())


def with_void_border(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`labels` (H, W) with `VOID` on the one pixel where a label meets the next one right or below."""
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:-1] |= labels[:-1] != labels[1:]
    return np.where(border, np.uint8(VOID), labels)


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


def remove_drawn(root: Path) -> None:
    """Delete the pictures that `write_synthetic` wrote below `root`, their masks and tags; other files stay."""
    for folder, suffix in _KINDS.items():
        for path in (root / folder).glob("synthetic_*"):
            if path.suffix == suffix and _NAME.fullmatch(path.stem):
                path.unlink()


def changed_by_others(root: Path) -> Path | None:
    """What `write_synthetic` would overwrite or write through, and did not write itself; None if all is well."""
    for folder in (root / name for name in ("ImageSets", *FOLDERS)):
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return folder
    for split in ("train", "val"):
        path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        if _is_another(path, names_in(split, _lines(path) + 1)):
            return path
    for name in ("classes.txt", "classes.txt.unfinished"):
        if _is_another(root / name, ["background", *CLASS_NAMES]):
            return root / name
    return None


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if _is_small(path) else 0


def _is_another(path: Path, lines: Sequence[str]) -> bool:
    """Whether something is there that is not the first of these lines, the last perhaps cut off."""
    if not path.is_symlink() and not path.exists():
        return False
    text = "".join(f"{line}\n" for line in lines).encode()
    return not _is_small(path) or path.stat().st_nlink > 1 or not text.startswith(path.read_bytes())


def _is_small(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST
