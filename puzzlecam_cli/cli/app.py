"""`puzzlecam`: the commands and their order."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from puzzlecam_cli import __version__
from puzzlecam_cli.cli.ablate import ablate
from puzzlecam_cli.cli.bench import bench
from puzzlecam_cli.cli.boundary import BoundaryGroup
from puzzlecam_cli.cli.card import card
from puzzlecam_cli.cli.clean import clean
from puzzlecam_cli.cli.compare import compare
from puzzlecam_cli.cli.data import data
from puzzlecam_cli.cli.docs import docs
from puzzlecam_cli.cli.doctor import doctor
from puzzlecam_cli.cli.explain import explain
from puzzlecam_cli.cli.export import export
from puzzlecam_cli.cli.labels import labels
from puzzlecam_cli.cli.look import backbones, status
from puzzlecam_cli.cli.new import new
from puzzlecam_cli.cli.plugins import plugins
from puzzlecam_cli.cli.predict import predict, predict_share
from puzzlecam_cli.cli.quick_help import load_help, wants_help
from puzzlecam_cli.cli.recipes import recipes
from puzzlecam_cli.cli.report import report, show
from puzzlecam_cli.cli.stages import run_all, stage_command
from puzzlecam_cli.cli.streams import prepare_streams
from puzzlecam_cli.cli.watch import watch
from puzzlecam_cli.stages import PIPELINE

STAGES = "Stages, in order"
USE = "Use a result"
COMPARE = "Compare"
LOOK = "Look around"
BEGIN = "Begin"

app = typer.Typer(
    cls=BoundaryGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Try it now, on a CPU, without downloads:  puzzlecam run-all quickstart",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def puzzlecam(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Learn to segment from image tags alone: Puzzle-CAM, one command per stage."""


app.command("new", rich_help_panel=BEGIN)(new)
app.command("docs", rich_help_panel=BEGIN)(docs)
for _stage in PIPELINE:
    app.command(_stage.name, rich_help_panel=STAGES)(stage_command(_stage))
app.command("run-all", rich_help_panel=STAGES)(run_all)
app.command("predict", rich_help_panel=USE)(predict)
app.command("predict-share", hidden=True)(predict_share)
app.command("card", rich_help_panel=USE)(card)
app.command("clean", rich_help_panel=USE)(clean)
app.command("labels", rich_help_panel=USE)(labels)
app.command("export", rich_help_panel=USE)(export)
app.command("report", rich_help_panel=USE)(report)
app.command("show", rich_help_panel=USE)(show)
app.command("ablate", rich_help_panel=COMPARE)(ablate)
app.command("compare", rich_help_panel=COMPARE)(compare)
app.command("bench", rich_help_panel=COMPARE)(bench)
app.command("status", rich_help_panel=LOOK)(status)
app.command("watch", rich_help_panel=LOOK)(watch)
app.add_typer(data, name="data", rich_help_panel=LOOK)
app.add_typer(recipes, name="recipes", rich_help_panel=LOOK)
app.command("backbones", rich_help_panel=LOOK)(backbones)
app.command("doctor", rich_help_panel=LOOK)(doctor)
app.add_typer(plugins, name="plugins", rich_help_panel=LOOK)
app.command("explain", rich_help_panel=LOOK)(explain)


def main() -> None:
    """The command of `sys.argv`, to the end of the process; `puzzlecam_cli.__main__` comes before it."""
    prepare_streams()
    if wants_help(sys.argv[1:]):
        load_help()
    app()
