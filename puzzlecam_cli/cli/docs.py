"""`puzzlecam docs`: the documentation, in the terminal."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def docs(
    topic: Annotated[str, typer.Argument(help="The page to read; without one, what there is.")] = "index",
    as_json: Annotated[bool, typer.Option("--json", help="The names of all topics, as JSON.")] = False,
) -> None:
    """Read the documentation here; in a pipe, as Markdown."""
    from puzzlecam_cli.view.pages import page, show_page, topics

    if as_json:
        print(json.dumps(topics(), indent=1))
        return
    show_page(page(topic))
