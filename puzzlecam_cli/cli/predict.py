"""`puzzlecam predict`: labels for photos that were not trained on."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from puzzlecam_cli.cli import completion
from puzzlecam_cli.cli.options import (
    CpuOption,
    JsonOption,
    PlainOption,
    PrecisionOption,
    ProcessesOption,
    runtime_changes,
)


class From(StrEnum):
    seg = "seg"
    pseudo = "pseudo"


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL",
            help="A run folder, a model.safetensors, or hf://OWNER/NAME.",
            autocompletion=completion.models,
        ),
    ],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Photos, folders of photos, patterns; - for a list on stdin, one a line."
        ),
    ],
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Where results lie; the same place again goes on.")],
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAMES",
            help="png,overlay,json,coco,yolo,cvat: one or several. PNGs are always written.",
        ),
    ] = "png",
    from_: Annotated[
        From, typer.Option("--from", help="The network of seg; or classifier, walk and CRF, for tagged photos.")
    ] = From.seg,
    tags: Annotated[
        str | None,
        typer.Option("--tags", metavar="FILE|folders", help="What photos show: nothing else is found in them."),
    ] = None,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Write the winning probability, as grey PNGs: 255 is 1.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep-maps", help="Keep the maps and scores of --from pseudo.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="Change a value, e.g. seg.predict.flip=false. Repeatable.",
            autocompletion=completion.keys,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make anew what is there.")] = False,
    num_processes: ProcessesOption = None,
    mixed_precision: PrecisionOption = None,
    cpu: CpuOption = False,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Label photos with what was trained.

    A photo's result is DIR/ID.png, a pixel's number being its class. Ctrl-C is safe: the same command goes on. Photos
    that cannot be read are named at the end, with exit code 2; all others are done.
    """
    from puzzlecam_cli.session.predict import predict as work
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.outcome import predicted_lines

    done = work(
        model,
        paths,
        out,
        formats=formats,
        source=from_.value,
        changes=runtime_changes(set_, mixed_precision, cpu),
        tags=tags,
        confidence=confidence,
        keep=keep,
        force=force,
        num_processes=num_processes,
        plain=plain,
        read_list=_read_list,
    )
    if done is None:
        return
    if as_json:
        print(json.dumps({"schema": 1} | asdict(done) | {"out": str(done.out)}, indent=1))
    else:
        for line in predicted_lines(done.out, done.classes, done.made, done.kept, done.formats, done.confidence):
            say(line, stream=sys.stdout)
    if done.unreadable:
        sys.stdout.flush()
        raise done.refusal()


def predict_share(out: str) -> None:
    """One process's share of a prediction; `predict` starts it."""
    from puzzlecam_cli.session.shares import predict_share as work

    work(out)


def _read_list() -> bytes:
    if sys.stdin is None:
        return b""
    if sys.stdin.isatty():
        print("paths of photos, one a line; Ctrl-D ends the list", file=sys.stderr, flush=True)
    return sys.stdin.buffer.read()
