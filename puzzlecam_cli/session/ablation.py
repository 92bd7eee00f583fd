"""The four rows of the paper's Table 1 over several seeds, all on the same photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.skipping import LeftOut
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.events import Emit, Note, Progress, RunStarted
from puzzlecam_cli.files import as_json, write_text
from puzzlecam_cli.group.interrupt import gentle_stop
from puzzlecam_cli.recipe.section import LARGEST_SEED
from puzzlecam_cli.run.ablation import FILES, TABLE_1, WHAT, Row, Summary, recipe_of, summarise
from puzzlecam_cli.run.execute import execute
from puzzlecam_cli.run.ownership import check_folder_of_runs, check_ours
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.preflight import preflight
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import read_scores
from puzzlecam_cli.session.member import joined
from puzzlecam_cli.session.stages import check_before, decide, load_for, mark, run_folder
from puzzlecam_cli.session.views import open_views
from puzzlecam_cli.stages import PIPELINE

if TYPE_CHECKING:
    from accelerate import Accelerator

STAGES = tuple(stage for stage in PIPELINE if stage.name in ("train-cls", "cams", "eval"))


def run_ablation(
    recipe: str | Path,
    run: str | Path | None = None,
    *,
    seeds: Sequence[int],
    changes: Sequence[str] = (),
    num_processes: int | None = None,
    plain: bool = True,
) -> tuple[Summary | None, Path]:
    """Train the classifier and score its maps once a row and seed; see `run_stages` for the other arguments.

    Returns:
        What the scores say together, None for one of several processes that does not show it; and the folder it is in.

    Raises:
        UserError: what the user can mend, among it photos without masks, which scores need.
    """
    if wrong := [seed for seed in seeds if not 0 <= seed < LARGEST_SEED]:
        raise UserError("usage", f"{str(wrong[0])[:60]} is no seed", hint=f"seeds are 0 to {LARGEST_SEED - 1:,}")
    root = run_folder(recipe, run)
    base = Run.at(load_for(root, recipe, changes), root)
    folder = root / "ablation"
    check_ours(base, ())
    pinned = base.recipe.model_copy(update={"data": base.photos.pinned()})
    variants = [
        (row, seed, Run.at(recipe_of(pinned, row, seed), folder / row.name / f"seed-{seed}"))
        for seed in seeds
        for row in TABLE_1
    ]
    check_folder_of_runs(folder, [variant.folder.root for _, _, variant in variants], FILES, WHAT)
    for _, _, variant in variants:
        check_ours(variant, all_steps(STAGES))

    def carry_out(accelerator: Accelerator | None, emit: Emit) -> None:
        if accelerator is None or accelerator.is_main_process:
            base.photos.prepare(lambda done, total: emit(Progress("ablate", "writing pictures", done, total)))
            for _, _, variant in variants if base.skipping else ():
                mark(variant)
                LeftOut.read(base.folder.left_out).write(variant.folder.left_out)
        if accelerator is not None:
            accelerator.wait_for_everyone()
        for number, (row, seed, variant) in enumerate(variants, start=1):
            title = f"{row.title}, seed {seed} ({number} of {len(variants)})"
            emit(RunStarted(title, str(variant.folder.root), tuple(stage.name for stage in STAGES)))
            decisions = decide(variant, STAGES, False, accelerator)
            execute(variant, STAGES, decisions, accelerator, emit)
            if accelerator is None or accelerator.is_main_process:
                miou = read_scores(variant.folder.scores)["results"][0]["miou"]
                emit(Note("ablate", f"{row.title}, seed {seed}: mIoU {miou:.3f}"))

    again = ["ablate", *(part for seed in seeds for part in ("--seeds", str(seed)))]
    with gentle_stop(), joined(base.recipe.runtime, root, num_processes) as member:
        if member.is_shown:
            check_masks(base)
            preflight(base, all_steps(STAGES), tick=None)
            mark(base)
            base.photos.restore()
        with open_views(member, root, plain) as emit:
            if member.is_shown:
                check_before(base, all_steps(STAGES), num_processes, emit)
            if not member.spread(again, base.recipe, root, num_processes, emit):
                carry_out(member.accelerator, emit)
        if not member.is_shown:
            return None, folder
        summary = summarise(base.recipe, seeds, _scores(variants))
        write_text(folder / FILES[0], as_json(summary, indent=1) + "\n")
    return summary, folder


def _scores(variants: Sequence[tuple[Row, int, Run]]) -> dict[tuple[str, int], dict[str, object]]:
    return {(row.name, seed): read_scores(variant.folder.scores) for row, seed, variant in variants}


def check_masks(run: Run) -> None:
    """Whether the maps can be scored at all, before hours are spent.

    Raises:
        UserError: masks are missing.
    """
    data, split = run.photos, run.photos.splits.score
    listed, with_mask = data.count(split)
    known = data.masks_left_out(split)
    if data.scores_some and with_mask == 0:
        raise UserError(
            "mask-missing",
            f"no photo of `{split}` has a mask: an ablation compares scores{data.why_no_masks(split)}",
            hint="--set data.masks=FOLDER names the masks",
        )
    if with_mask < listed - len(known) and not data.scores_some:
        without = [photo.id for photo in data.photos(split) if photo.mask is None and photo.id not in known]
        raise UserError(
            "mask-missing",
            f"{len(without)} images of `{split}` have no mask: an ablation compares scores",
            shorten(without),
            "name a list of images that have masks: --set data.score=LIST",
        )
