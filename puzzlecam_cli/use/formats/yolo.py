"""YOLO's texts for segmentation: a line an object, its class and the corners of a polygon in parts of the sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB
from puzzlecam_cli.use.formats.labelled import VOID, VOID_NAME, Labelled
from puzzlecam_cli.use.formats.output import Output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEAD = "# Photos belong into images/, beside labels/, each under the name of its text.\n"


def write(
    output: Output, photos: Sequence[Labelled], classes: tuple[str, ...], colours: tuple[RGB, ...], tick: Tick
) -> None:
    """`yolo/labels/<id>.txt`, and `yolo/data.yaml` with the names of the classes.

    A part of a class whose pixels touch by their sides is an object; see `outlines` for its holes. Numbers have six
    digits, which is less than a tenth of a pixel in photos of up to 100,000: what is drawn of it are the same pixels.
    Unknown pixels are objects of a last class `void`, which is listed where a photo has any.
    """
    void = f"{len(classes)} "
    any_void = False
    for done, photo in enumerate(photos, start=1):
        name, of = f"yolo/labels/{photo.id}.txt", f"{stat_of(str(photo.labels))} {len(classes)}"
        if not output.is_made(name, of):
            labels, areas = photo.read(len(classes))
            with output.replacing(name, of) as temporary, temporary.open("w", encoding="ascii") as file:
                file.writelines(_lines(labels, areas, len(classes)))
        with (output.root / name).open(encoding="ascii") as file:
            any_void = any_void or any(line.startswith(void) for line in file)
        tick(done, len(photos))
    names = dict(enumerate((*classes, VOID_NAME) if any_void else classes))
    lines = [f"  {number}: {_quoted(name)}" for number, name in names.items()]
    with output.replacing("yolo/data.yaml") as temporary:
        text = "\n".join(("train: images", "val: images", "names:", *lines, ""))
        temporary.write_text(HEAD + text, encoding="utf-8")


def _quoted(name: str) -> str:
    """A name in quotes, so that `1e3` and `no` are names for every reader of YAML."""
    import yaml

    return str(yaml.safe_dump(name, default_style='"', allow_unicode=True, width=1000)).strip()


def _lines(labels: NDArray[np.uint8], areas: dict[int, int], num_classes: int) -> Iterator[str]:
    from puzzlecam_cli.use.formats.outline import outlines

    height, width = labels.shape
    for label in areas:
        if label:
            number = num_classes if label == VOID else label - 1
            for ring in outlines(labels == label):
                yield f"{number} {' '.join(f'{x / width:.6g} {y / height:.6g}' for x, y in ring)}\n"
