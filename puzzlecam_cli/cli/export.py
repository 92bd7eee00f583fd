"""`puzzlecam export`: the segmentation network for other runtimes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from puzzlecam_cli.cli import completion
from puzzlecam_cli.cli.options import JsonOption


class Kind(StrEnum):
    onnx = "onnx"
    torchscript = "torchscript"
    safetensors = "safetensors"


class Numbers(StrEnum):
    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL",
            help="A run folder, a model.safetensors, or hf://OWNER/NAME.",
            autocompletion=completion.models,
        ),
    ],
    kind: Annotated[
        Kind | None, typer.Option("--format", help="What for: ONNX Runtime, PyTorch alone, or puzzlecam. \\[onnx]")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="\\[RUN.onnx, in this folder]")] = None,
    precision: Annotated[
        Numbers, typer.Option("--precision", help="Smaller files cost accuracy: how much is told.")
    ] = Numbers.fp32,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="PATH", help="Photos to try the file on. Repeatable. \\[photos of the run]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a FILE that is no export.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the network for other runtimes, and try it there on photos.

    It takes photos of any size as they are, uint8 RGB, and gives labels and probabilities. A file that does not do what
    the network does is not written.
    """
    from puzzlecam_cli.use.export.work import export as work
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.telling import Teller

    teller = Teller()
    done = work(
        model,
        kind and kind.value,
        out=out,
        precision=precision.value,
        check=check or (),
        force=force,
        tell=teller,
        begin=teller.now,
    )
    for note in done.notes:
        say(f"note: {note}")
    if as_json:
        print(json.dumps(asdict(done) | {"path": str(done.path)}, indent=1))
    else:
        say(str(done), stream=sys.stdout)
