"""`puzzlecam labels`: the pseudo labels of a run, to be corrected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from puzzlecam_cli.cli.options import JsonOption, RunArgument
from puzzlecam_cli.errors import LINE, UserError

if TYPE_CHECKING:
    from puzzlecam_cli.data.photos import Tick

OutOption = Annotated[str, typer.Option("--out", metavar="DIR", help="Where they are written.")]
FormatOption = Annotated[
    str,
    typer.Option("--format", metavar="NAMES", help="One or several of png,overlay,json,coco,yolo,cvat."),
]
OverwriteOption = Annotated[bool, typer.Option("--force", help="Overwrite files that are not as they were written.")]


def labels(
    run: RunArgument,
    out: OutOption,
    format_: FormatOption = "png",
    force: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the training photos' pseudo labels, to be corrected in CVAT, Label Studio or FiftyOne.

    `puzzlecam eval RUN --set data.masks=FILE` scores a run with what came back.
    """
    from puzzlecam_cli.group.interrupt import gentle_stop, stop_if_asked
    from puzzlecam_cli.use.formats.table import chosen
    from puzzlecam_cli.use.labels import write_labels
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.telling import Teller

    teller = Teller()

    def told(task: str) -> Tick:
        def tick(done: int, total: int) -> None:
            stop_if_asked()
            teller(f"{task}: {done:,} of {total:,} photos")

        return tick

    formats = chosen(format_)
    if not out.strip():
        raise UserError("usage", "--out names no folder")
    with gentle_stop():
        count = write_labels(run, out, formats, force=force, told=told, tell=teller)
    if as_json:
        print(json.dumps({"schema": 1, "out": out, "photos": count, "formats": formats}, indent=1))
        return
    say(f"labels of {count:,} photos are in {out}: {', '.join(formats)}", most=LINE)
