"""Commands that look around and change nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from puzzlecam_cli.cli.options import JsonOption, RecipeArgument, RunOption, SetOption
from puzzlecam_cli.errors import LINE, printable


def status(recipe: RecipeArgument, run: RunOption = None, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Say what is done, what is stale, and why."""
    from puzzlecam_cli.session.plan import hint_of, status_of
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.telling import Teller

    found = status_of(recipe, run, changes=set_ or (), tell=Teller())
    if as_json:
        print(json.dumps([asdict(entry) for entry in found], indent=1))
        return
    for entry in found:
        say(f"{entry.state:12} {entry.step:17} {entry.because}", hang=31, most=2 * LINE, stream=sys.stdout)
    if gone := [entry.step for entry in found if entry.state == "cleaned"]:
        works = "predictions and scores are whole, and `seg`, `predict` and `export` work without them"
        say(f"deleted by `puzzlecam clean`: {', '.join(gone)}; {works}", most=LINE)
    if hint := hint_of(found, recipe, run, changes=set_ or ()):
        say(hint)


def backbones(as_json: JsonOption = False) -> None:
    """List the installed backbones; none is imported."""
    from puzzlecam_cli.registry import BACKBONES, distribution_of, installed

    found = [{"name": name, "distribution": distribution_of(entry)} for name, entry in installed(BACKBONES).items()]
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for backbone in found:
        print(printable(f"{backbone['name']:20} {backbone['distribution']}"))
    print("timm:<model>         any timm network that gives its features")
