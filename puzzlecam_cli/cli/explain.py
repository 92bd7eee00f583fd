"""`puzzlecam explain`: what a message means."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from puzzlecam_cli.cli import completion
from puzzlecam_cli.cli.options import JsonOption

ReferenceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[REFERENCE]",
        help="The name in a message's first line, e.g. stage-stale. \\[list all]",
        autocompletion=completion.references,
    ),
]


def explain(reference: ReferenceArgument = None, as_json: JsonOption = False) -> None:
    """Tell more about a message: what it means, why it comes, what to do, with an example."""
    from puzzlecam_cli.session.explain import explanation, explanations, first_sentence
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.pages import show_page

    if as_json:
        found = explanations() if reference is None else {reference: explanation(reference)}
        print(json.dumps(found, indent=1))
    elif reference is not None:
        show_page(explanation(reference))
    else:
        for name, text in explanations().items():
            say(f"{name:22} {first_sentence(text)}", hang=23, stream=sys.stdout)
