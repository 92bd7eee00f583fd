"""`puzzlecam ablate`: the four rows of the paper's Table 1 over several seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from puzzlecam_cli.cli.group import joined, spread
from puzzlecam_cli.cli.options import (
    CpuOption,
    PlainOption,
    PrecisionOption,
    ProcessesOption,
    RecipeArgument,
    RunOption,
    SetOption,
    run_folder,
)
from puzzlecam_cli.cli.stages import decide, open_views, runtime_changes
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.events import Emit, Note, Progress, RunStarted
from puzzlecam_cli.interrupt import gentle_stop
from puzzlecam_cli.stages import PIPELINE

if TYPE_CHECKING:
    from accelerate import Accelerator

    from puzzlecam_cli.data.photos import PhotoSet
    from puzzlecam_cli.run.ablation import Summary

STAGES = tuple(stage for stage in PIPELINE if stage.name in ("train-cls", "cams", "eval"))


def ablate(
    recipe: RecipeArgument,
    more_seeds: Annotated[list[int] | None, typer.Argument(metavar="[SEED]...", hidden=True)] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seeds", help="Seeds, e.g. --seeds 0 1 2. \\[0 1 2]")] = None,
    run: RunOption = None,
    set_: SetOption = None,
    num_processes: ProcessesOption = None,
    mixed_precision: PrecisionOption = None,
    cpu: CpuOption = False,
    plain: PlainOption = False,
) -> None:
    """Measure what each puzzle loss does for the maps: Table 1 of the paper, over seeds.

    Trains the classifier and scores its maps once a row and seed, all on the same photos, in RUN/ablation; the same
    command continues, and more seeds add to those that are there. Needs masks of the scored split.
    """
    from puzzlecam_cli.data.open import open_data, resolve_data
    from puzzlecam_cli.data.voc import VocFolder
    from puzzlecam_cli.recipe.data import VocData
    from puzzlecam_cli.recipe.load import load_recipe
    from puzzlecam_cli.run.ablation import TABLE_1, recipe_of, summarise
    from puzzlecam_cli.run.execute import execute
    from puzzlecam_cli.run.folder import RunFolder
    from puzzlecam_cli.run.ledger import Ledger
    from puzzlecam_cli.run.scores import read_scores

    wanted = list(dict.fromkeys([*(seeds or ([] if more_seeds else [0, 1, 2])), *(more_seeds or [])]))
    base = load_recipe(recipe, runtime_changes(set_, mixed_precision, cpu))
    folder = RunFolder(run_folder(recipe, run))
    ablation = folder.root / "ablation"
    data = resolve_data(base.data, folder.root)
    runs = [(row, seed, recipe_of(base, data, row, seed)) for seed in wanted for row in TABLE_1]
    if isinstance(base.data, VocData):  # made-up pictures have their masks
        check_masks(VocFolder(data), data.score_split)

    def carry_out(accelerator: Accelerator | None, emit: Emit) -> None:
        if accelerator is None or accelerator.is_main_process:
            open_data(base, folder.root, lambda d, t: emit(Progress("ablate", "writing pictures", d, t)))
        if accelerator is not None:
            accelerator.wait_for_everyone()
        for number, (row, seed, variant) in enumerate(runs, start=1):
            where = RunFolder(ablation / row.name / f"seed-{seed}")
            title = f"{row.title}, seed {seed} ({number} of {len(runs)})"
            emit(RunStarted(title, str(where.root), tuple(stage.name for stage in STAGES)))
            ledger = Ledger(where.ledger)
            decisions = decide(variant, where, ledger, STAGES, False, accelerator)
            execute(variant, where, ledger, STAGES, decisions, accelerator, emit)
            if accelerator is None or accelerator.is_main_process:
                miou = read_scores(where.scores)["results"][0]["miou"]
                emit(Note("ablate", f"{row.title}, seed {seed}: mIoU {miou:.3f}"))

    again = ["ablate", *(part for seed in wanted for part in ("--seeds", str(seed)))]
    with gentle_stop(), joined(base, folder, num_processes) as member:
        with open_views(member, folder.root, plain) as emit:
            if not spread(member, again, base, folder, num_processes, emit):
                carry_out(member.accelerator, emit)
        if member.is_shown:
            found = {(row.name, seed): RunFolder(ablation / row.name / f"seed-{seed}").scores for row, seed, _ in runs}
            report(summarise(base, wanted, {key: read_scores(path) for key, path in found.items()}), ablation)


def check_masks(photos: PhotoSet, split: str) -> None:
    """Whether the split can be scored at all, before hours are spent.

    Raises:
        UserError: masks are missing.
    """
    without = [photo.id for photo in photos.photos(split) if photo.mask is None]
    if without:
        raise UserError(
            "mask-missing",
            f"{len(without)} images of `{split}` have no mask: an ablation compares scores",
            shorten(without),
            "name a list of images that have masks: --set data.score=LIST",
        )


def report(summary: Summary, folder: Path) -> None:
    """The table on stdout; table, plot and numbers in the folder."""
    from rich.console import Console

    from puzzlecam_cli.files import write_text
    from puzzlecam_cli.run.ablation import ablation_markdown
    from puzzlecam_cli.view.plot import ablation_plot
    from puzzlecam_cli.view.tables import ablation_view

    write_text(folder / "ablation.json", json.dumps(summary, indent=1) + "\n")
    write_text(folder / "ablation.md", ablation_markdown(summary))
    write_text(folder / "ablation.svg", ablation_plot(summary))
    Console(width=110).print(ablation_view(summary))
    typer.echo(f"Numbers, table and plot: {folder}")
