"""Instances JSON, as COCO has it: the pixels of each class in a photo are one annotation, in run lengths."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB
from puzzlecam_cli.files import as_json
from puzzlecam_cli.use.formats.labelled import VOID, VOID_NAME, Labelled
from puzzlecam_cli.use.formats.output import Output


def write(
    output: Output, photos: Sequence[Labelled], classes: tuple[str, ...], colours: tuple[RGB, ...], tick: Tick
) -> None:
    """`coco.json`. Labels know no instances, so that two cats are one annotation, whether they touch or not.

    Unknown pixels are a crowd, which evaluation leaves out, of a category `void`, which is listed where it is used.
    """
    ids = {label: label for label in range(1, len(classes) + 1)} | {VOID: len(classes) + 1}
    used: set[int] = set()
    with output.replacing("coco.json") as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "labels by puzzlecam"},\n"images": ')
        _write_list(file, _images(photos))
        file.write(',\n"annotations": ')
        _write_list(file, _annotations(photos, len(classes), ids, used, tick))
        names = [*classes, *([VOID_NAME] if VOID in used else [])]
        file.write(',\n"categories": ')
        _write_list(file, ({"id": number, "name": name} for number, name in enumerate(names, start=1)))
        file.write("}\n")


def _write_list(file: TextIO, rows: Iterable[dict[str, Any]]) -> None:
    file.write("[")
    for number, row in enumerate(rows):
        file.write(f"{',' if number else ''}\n{as_json(row)}")
    file.write("\n]")


def _images(photos: Sequence[Labelled]) -> Iterator[dict[str, Any]]:
    from puzzlecam_cli.data.pixels.decode import opened

    for number, photo in enumerate(photos, start=1):
        with opened(photo.labels, "artifact") as picture:
            width, height = picture.size
        yield {"id": number, "file_name": photo.file_name, "width": width, "height": height}


def _annotations(
    photos: Sequence[Labelled], num_classes: int, ids: dict[int, int], used: set[int], tick: Tick
) -> Iterator[dict[str, Any]]:
    import numpy as np
    from pycocotools import mask as coco

    count = 0
    for done, photo in enumerate(photos, start=1):
        labels, areas = photo.read(num_classes)
        for label, area in areas.items():
            if label == 0:
                continue
            count += 1
            used.add(label)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2, about how pycocotools makes arrays
                runs = coco.encode(np.asfortranarray(labels == label, dtype=np.uint8))
                box = [round(float(side)) for side in coco.toBbox(runs)]
            row = {
                "id": count,
                "image_id": done,
                "category_id": ids[label],
                "segmentation": {"size": [*labels.shape], "counts": runs["counts"].decode("ascii")},
                "area": area,
                "bbox": box,
                "iscrowd": int(label == VOID),
            }
            if photo.scores and label in photo.scores:
                row["score"] = round(photo.scores[label], 6)
            yield row
        tick(done, len(photos))
