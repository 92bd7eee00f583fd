"""A photo's row as a picture: the photo, then all that was made of it, a caption below each."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from puzzlecam_cli.use.photo_row import Panel, PhotoRow
from puzzlecam_cli.view.pictures import (
    GAP,
    PAPER,
    VOC_COLOURS,
    layer_of_scores,
    row,
    sized,
    with_labels,
    written,
)

GREY = (128, 128, 128)  # where a photo would be that is not there
MOST_WORDS = 24  # characters of a caption's class


def drawn(shown: PhotoRow, classes: Sequence[str], *, size: int, overlay: bool = False) -> Image.Image:
    """One sheet with a photo's row, see `pictures`, and what its colours mean."""
    named = [(index, classes[index - 1]) for index in shown.classes if index <= len(classes)]
    return row(pictures(shown, classes, size=size, overlay=overlay), named)


def pictures(shown: PhotoRow, classes: Sequence[str], *, size: int, overlay: bool) -> list[tuple[str, Image.Image]]:
    """The pictures of a photo's row, all of one size, each with its caption.

    Args:
        classes: names of 1..C.
        size: of the longer side of each, in pixels.
        overlay: labels and maps over the photo; otherwise by themselves.
    """
    photo = sized(ground(shown), size)
    made = ((caption(panel, classes), _picture(panel, photo, overlay)) for panel in shown.panels)
    return [("photo", photo), *made]


def ground(shown: PhotoRow) -> Image.Image:
    """The photo; grey of its shape where it is not there."""
    if shown.photo is not None:
        return shown.photo
    shapes = [(p.labels if p.labels is not None else p.scores[0]).shape for p in shown.panels]  # type: ignore[index]
    height, width = shapes[0] if shapes else (3, 4)
    return Image.new("RGB", (width, height), GREY)


def caption(panel: Panel, classes: Sequence[str], plain: bool = True) -> str:
    """`CAM: cow`, `prediction`.

    Args:
        plain: in the letters of the font that comes with Pillow.
    """
    if not panel.is_of_one_class:
        return panel.what
    index = panel.classes[0]
    name = classes[index - 1] if index <= len(classes) else str(index)
    return f"{panel.what}: {written(name, index)[:MOST_WORDS] if plain else name}"


def _picture(panel: Panel, photo: Image.Image, overlay: bool) -> Image.Image:
    under = photo.copy() if overlay else Image.new("RGB", photo.size, "black")
    if panel.labels is not None:
        if overlay:
            return with_labels(under, panel.labels)
        return Image.fromarray(VOC_COLOURS[panel.labels]).resize(photo.size, Image.Resampling.NEAREST)
    assert panel.scores is not None
    layer = layer_of_scores(panel.classes, panel.scores).resize(photo.size, Image.Resampling.BILINEAR)
    share = layer.getchannel("A").point(lambda alpha: alpha * 3 // 4 if overlay else alpha)
    under.paste(layer.convert("RGB"), mask=share)
    return under


def stacked(sheets: Sequence[Image.Image]) -> Image.Image:
    """Sheets one below the other."""
    width = max(sheet.width for sheet in sheets)
    whole = Image.new("RGB", (width, sum(sheet.height + GAP for sheet in sheets) - GAP), PAPER)
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height + GAP
    return whole
