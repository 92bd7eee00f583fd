"""`report` and `show`: a run as a page, and photos of it as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from puzzlecam_cli.cli.card import RunArgument

OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help="\\[RUN/report.html]")]
PhotosOption = Annotated[int, typer.Option("--photos", min=0, max=200, help="How many photos are shown, at most.")]


def report(run: RunArgument, out: OutOption = None, photos: PhotosOption = 36) -> None:
    """Write one page that shows a run: scores beside the paper's, curves, thresholds, photos with all made of them.

    It is a single file that needs no network: send it, print it, open it on a phone. An unfinished run has one as well.
    """
    from puzzlecam_cli.session.report import write_report
    from puzzlecam_cli.view.telling import Teller
    from puzzlecam_cli.view.words import size

    Teller().now("reading the run")
    file = write_report(Path(run), out, photos=photos)
    print(f"{file}  ({size(file.stat().st_size)})")
