"""`report` and `show`: a run as a page, and photos of it as pictures."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from puzzlecam_cli.cli import completion
from puzzlecam_cli.cli.options import RunArgument
from puzzlecam_cli.errors import UserError, printable


class Way(StrEnum):
    kitty = "kitty"
    iterm = "iterm"
    sixel = "sixel"
    blocks = "blocks"


PageOption = Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help="\\[RUN/report.html]")]
PhotosOption = Annotated[int, typer.Option("--photos", min=0, max=200, help="How many photos are shown, at most.")]
IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...",
        help="Photos. \\[some of each split]",
        show_default=False,
        autocompletion=completion.image_ids,
    ),
]
PicturesOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="For ID.png of each, or one sheet: FILE.png. \\[the terminal]"),
]
OverlayOption = Annotated[bool, typer.Option("--overlay", help="Lay maps and labels over the photo.")]
PredictOption = Annotated[bool, typer.Option("--predict", help="Let the network predict training photos as well.")]
SizeOption = Annotated[int, typer.Option("--size", min=32, max=2048, help="Longer side of each picture, in pixels.")]
WayOption = Annotated[
    Way | None,
    typer.Option("--as", help="How the terminal shows pictures. \\[what it says it can]", show_default=False),
]


def report(run: RunArgument, out: PageOption = None, photos: PhotosOption = 36) -> None:
    """Write one page that shows a run: scores beside the paper's, curves, thresholds, photos with all made of them.

    It is a single file that needs no network: send it, print it, open it on a phone. An unfinished run has one as well.
    """
    from puzzlecam_cli.view.telling import Teller

    Teller().now("reading the run")
    from puzzlecam_cli.session.report import write_report
    from puzzlecam_cli.view.words import size

    file = write_report(Path(run), out, photos=photos)
    print(f"{printable(str(file), 5000)}  ({size(file.stat().st_size)})")


def show(
    run: RunArgument,
    ids: IdsArgument = None,
    out: PicturesOption = None,
    overlay: OverlayOption = False,
    predict: PredictOption = False,
    size: SizeOption = 240,
    way: WayOption = None,
) -> None:
    """Show photos beside all that was made of them: maps of each tag, walked maps, labels, prediction, truth."""
    if out is None and not (sys.stdout is not None and sys.stdout.isatty()):
        raise UserError("usage", "there is no terminal to show pictures in", hint="--out DIR writes them as PNG")
    from puzzlecam_cli.session.show import rows, write_rows
    from puzzlecam_cli.use.run import Run
    from puzzlecam_cli.view.photo_row import drawn, pictures
    from puzzlecam_cli.view.telling import Teller
    from puzzlecam_cli.view.terminal_pictures import (
        answer_of_terminal,
        show_blocks,
        show_picture,
        shows_no_blocks,
        way_of,
    )

    opened = Run(run)
    Teller().now("reading the run")
    found = rows(opened, ids or (), predict=predict)
    if out is not None:
        for file in write_rows(found, opened.classes, out, size=size, overlay=overlay):
            print(printable(str(file), 5000))
        return
    chosen = way.value if way else way_of(os.environ, answer_of_terminal)
    if chosen == Way.blocks and (why := shows_no_blocks()):
        raise UserError("usage", why, hint="--out DIR writes PNG")
    for row in found:
        print(printable(row.id))
        if chosen == Way.blocks:
            show_blocks(pictures(row, opened.classes, size=size, overlay=overlay))
        else:
            show_picture(drawn(row, opened.classes, size=size, overlay=overlay), chosen)
