"""Commands that look around and change nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import RecipeArgument, RunOption, SetOption, run_folder

JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


def status(recipe: RecipeArgument, run: RunOption = None, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Say what is done, what is stale, and why."""
    from puzzlecam_cli.recipe.load import load_recipe
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.run.ledger import Ledger
    from puzzlecam_cli.run.plan import plan
    from puzzlecam_cli.stages import PIPELINE

    folder = RunFolder(run_folder(recipe, run))
    ledger = Ledger(folder.ledger)
    decisions = plan(load_recipe(recipe, set_ or ()), folder, ledger, PIPELINE, PIPELINE)
    if as_json:
        typer.echo(json.dumps([asdict(decision) for decision in decisions], indent=1))
        return
    for decision in decisions:
        record = ledger.get(decision.step)
        state = "done" if decision.action == "keep" else "stale" if record and record.state == "done" else "missing"
        if record and record.state != "done":
            state = record.state
        typer.echo(f"{state:12} {decision.step:17} {decision.because}")


def backbones(as_json: JsonOption = False) -> None:
    """List the installed backbones; none is imported."""
    from puzzlecam_cli.registry import distribution_of, installed_backbones

    found = [{"name": name, "distribution": distribution_of(entry)} for name, entry in installed_backbones().items()]
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    for backbone in found:
        typer.echo(f"{backbone['name']:20} {backbone['distribution']}")
    typer.echo("timm:<model>         any timm network that gives its features")
