"""`clean`: what of a run can go, and how much that frees."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from puzzlecam_cli.cli.options import JsonOption, RunArgument
from puzzlecam_cli.errors import LINE

YesOption = Annotated[bool, typer.Option("--yes", help="Delete it; without this, nothing is deleted.")]


def clean(run: RunArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Say what of a run can go, and how much that frees; with --yes, delete it.

    Kept is what predicts, what is scored and what tells how it was made. What is deleted is made again only where
    something needs it.
    """
    from puzzlecam_cli.run.clean import clean as delete
    from puzzlecam_cli.run.clean import what_can_go
    from puzzlecam_cli.run.run import Run
    from puzzlecam_cli.stages import PIPELINE
    from puzzlecam_cli.text import shell
    from puzzlecam_cli.view.telling import Teller
    from puzzlecam_cli.view.words import size

    found = Run.of(Path(run))
    if yes:
        tell = Teller()
        done = delete(found, PIPELINE, say=_say, tick=lambda n, total: tell(f"deleted {n:,} of {total:,} files"))
    else:
        done = what_can_go(found, PIPELINE)
    freed = sum(item.bytes for item in done.items)
    if as_json:
        items = [
            {"place": item.place, "what": item.what, "files": len(item.files), "bytes": item.bytes}
            for item in done.items
        ]
        waits = [{"place": place, "because": because} for place, because in done.waits]
        print(json.dumps({"schema": 1, "deleted": yes, "bytes": freed, "items": items, "stays": waits}, indent=1))
        return
    for item in done.items:
        _say(f"{size(item.bytes):>8} {len(item.files):>8,} files  {item.place:20} {item.what}", sys.stdout)
    for place, because in done.waits:
        _say(f"{'stays':>8} {'':>14}  {place:20} {because}", sys.stdout)
    if not done.items:
        _say("there is nothing to delete")
    elif yes:
        _say(f"freed {size(freed)}; the run predicts as before, and its scores stay: `puzzlecam status {shell(run)}`")
    else:
        _say(f"{size(freed)} can go; nothing is deleted yet: --yes deletes it")


def _say(text: str, stream: TextIO | None = None) -> None:
    from puzzlecam_cli.view.lines import say

    say(text, hang=46 if stream else 0, most=LINE, stream=stream)
