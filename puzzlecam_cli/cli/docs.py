"""`puzzlecam docs`: the documentation, in the terminal."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from puzzlecam_cli.cli import completion
from puzzlecam_cli.cli.options import JsonOption


def docs(
    topic: Annotated[
        str, typer.Argument(help="The page to read; without one, what there is.", autocompletion=completion.topics)
    ] = "index",
    as_json: JsonOption = False,
) -> None:
    """Read the documentation here; in a pipe, as Markdown."""
    from puzzlecam_cli.view.pages import page, show_page, topics

    if as_json:
        print(json.dumps(topics(), indent=1))
        return
    show_page(page(topic))
