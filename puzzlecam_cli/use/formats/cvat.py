"""CVAT's `Segmentation mask 1.1`: a zip in the layout of PASCAL VOC with pictures of colours, and their names."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB, voc_colour
from puzzlecam_cli.use.formats.labelled import VOID, VOID_NAME, Labelled
from puzzlecam_cli.use.formats.output import Output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write(
    output: Output, photos: Sequence[Labelled], classes: tuple[str, ...], colours: tuple[RGB, ...], tick: Tick
) -> None:
    """`cvat.zip`. The pixels of each class in a photo are one object, to be corrected with CVAT's brush.

    Unknown pixels are a label `void`, which `labelmap.txt` lists where a photo has any.
    """
    import numpy as np

    of_label = np.zeros((VOID + 1, 3), dtype=np.uint8)
    of_label[: len(colours)] = colours
    of_label[VOID] = voc_colour(VOID)
    any_void = False
    with output.replacing("cvat.zip") as temporary, ZipFile(temporary, "w") as archive:
        for done, photo in enumerate(photos, start=1):
            labels, areas = photo.read(len(classes))
            any_void = any_void or VOID in areas
            of_object = np.zeros_like(of_label)
            for number, label in enumerate((label for label in areas if label), start=1):
                of_object[label] = voc_colour(number)
            _add(archive, f"SegmentationClass/{photo.id}.png", _picture(of_label[labels]))
            _add(archive, f"SegmentationObject/{photo.id}.png", _picture(of_object[labels]))
            tick(done, len(photos))
        _add(archive, "ImageSets/Segmentation/default.txt", "".join(f"{photo.id}\n" for photo in photos).encode())
        rows = [("background", colours[0]), *zip(classes, colours[1:], strict=True)]
        rows += [(VOID_NAME, voc_colour(VOID))] if any_void else []
        lines = [f"{name}:{red},{green},{blue}::\n" for name, (red, green, blue) in rows]
        _add(archive, "labelmap.txt", "".join(("# label:color_rgb:parts:actions\n", *lines)).encode())


def _add(archive: ZipFile, name: str, data: bytes) -> None:
    """A member without a date: the same labels give the same file."""
    about = ZipInfo(name)
    about.external_attr = 0o644 << 16
    archive.writestr(about, data, ZIP_STORED if name.endswith(".png") else ZIP_DEFLATED)


def _picture(colours: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) colours as a PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, format="png")
    return buffer.getvalue()
