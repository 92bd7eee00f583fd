"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from puzzlecam_cli.errors import UserError

WHERE = "Where to run"


class Precision(StrEnum):
    no = "no"
    fp16 = "fp16"
    bf16 = "bf16"


RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A recipe file, or the name of a shipped recipe.")
]
RunOption = Annotated[
    Path | None,
    typer.Option("--run", help="Where results live; the same place again resumes. \\[runs/RECIPE]"),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change one value, e.g. seg.epochs=5. Repeatable."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Redo what is up to date.")]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--num-processes",
        min=1,
        help="Processes to spread the work over. \\[one a visible GPU; 1 on a CPU]",
        rich_help_panel=WHERE,
    ),
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option("--mixed-precision", help="Precision of the networks.", rich_help_panel=WHERE),
]
CpuOption = Annotated[bool, typer.Option("--cpu", help="Leave GPUs alone.", rich_help_panel=WHERE)]
PlainOption = Annotated[
    bool,
    typer.Option("--plain", help="Log lines instead of the dashboard. \\[when not a terminal]", rich_help_panel=WHERE),
]


def run_folder(recipe: str, run: Path | None) -> Path:
    """The run folder of a recipe: as named, else `runs/<recipe name>`.

    Raises:
        UserError: it is a file.
    """
    folder = run or Path("runs") / Path(recipe).name.removesuffix(".yaml")
    if folder.is_file():
        raise UserError("run-folder", f"{folder} is a file", hint="--run names a new folder or an earlier run's")
    return folder
