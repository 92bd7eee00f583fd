"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from puzzlecam_cli.cli import completion

WHERE = "Where to run"


class Precision(StrEnum):
    auto = "auto"
    no = "no"
    fp16 = "fp16"
    bf16 = "bf16"


RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe file, the name of a shipped recipe, or a run folder.",
        autocompletion=completion.recipes,
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run.", autocompletion=completion.runs)]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="Where results live; the same place again resumes. \\[runs/RECIPE]",
        autocompletion=completion.runs,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Change one value, e.g. seg.epochs=5. Repeatable.",
        autocompletion=completion.keys,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
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
    typer.Option(
        "--mixed-precision",
        help="Of the networks; auto: bf16 on GPUs that have it.",
        rich_help_panel=WHERE,
    ),
]
CpuOption = Annotated[bool, typer.Option("--cpu", help="Leave GPUs alone.", rich_help_panel=WHERE)]
PlainOption = Annotated[
    bool,
    typer.Option("--plain", help="Log lines instead of the dashboard. \\[when not a terminal]", rich_help_panel=WHERE),
]


def runtime_changes(set_: list[str] | None, mixed_precision: str | None, cpu: bool) -> list[str]:
    """The options of this machine, as `--set` changes."""
    precision = [f"runtime.mixed_precision='{mixed_precision}'"] if mixed_precision else []
    return [*(set_ or ()), *precision, *(["runtime.cpu=true"] if cpu else [])]
