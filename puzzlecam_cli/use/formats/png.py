"""The label pictures themselves: PNGs with a palette, a pixel's number being its class."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB
from puzzlecam_cli.use.formats.labelled import Labelled
from puzzlecam_cli.use.formats.output import Output


def write(
    output: Output, photos: Sequence[Labelled], classes: tuple[str, ...], colours: tuple[RGB, ...], tick: Tick
) -> None:
    """`<id>.png`, as they are; they are read nevertheless, so that no broken one is given out."""
    for done, photo in enumerate(photos, start=1):
        name, of = f"{photo.id}.png", stat_of(str(photo.labels))
        if not output.is_made(name, of):
            photo.read(len(classes))
            with output.replacing(name, of) as temporary:
                shutil.copyfile(photo.labels, temporary)
        tick(done, len(photos))
