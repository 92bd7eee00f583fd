"""Every step of a recipe on a few photos, to tell what the whole recipe will take. Nothing outside a folder is written.

The network's weights are random: loading none needs no download, and speed, memory and the size of models do not depend
on them. What does, a little: the size of map and label files, and the dense CRFs, whose labels are random too. Photos
differ in size and number of tags; more of them tell more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree

import torch

from puzzlecam_cli.bench import memory
from puzzlecam_cli.bench.costs import Cost, Extent, Observed, Report, at_once, cost, sample_size
from puzzlecam_cli.bench.sample import Sample, SampleContext
from puzzlecam_cli.data.loaders import TrainingBatches
from puzzlecam_cli.data.photos import PhotoSet, open_photos
from puzzlecam_cli.engine.accelerator import loader_workers, make_accelerator
from puzzlecam_cli.engine.checkpoint import KEPT
from puzzlecam_cli.engine.pool import pool_workers
from puzzlecam_cli.engine.precision import tf32
from puzzlecam_cli.events import Emit, Event, HowItFits, Progress, StageEnded, StageStarted
from puzzlecam_cli.recipe.schema import Recipe, Training
from puzzlecam_cli.run.pipeline import Step
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages import PIPELINE


@dataclass(frozen=True)
class Sizes:
    """Of the whole data set: photos to train on and to predict, files to score, and what to know about the masks."""

    train: int
    val: int
    scored: int
    note: str = ""


class OutOfTime(Exception):  # noqa: N818 - it is none, as StopIteration is none
    """The time limit of a forecast has passed."""


def forecast(
    recipe: Recipe, whole: PhotoSet, root: Path, photos: int, emit: Emit, limit: float = math.inf
) -> tuple[list[Cost], list[str]]:
    """The cost of every step, in order; made-up pictures come first. Then the steps that there was no time for.

    Args:
        whole: the recipe's photos, as the run's check has read them: a second time takes as long.
        root: an empty folder to work in; much of what is written to it stays there.
        photos: the fewest photos of a split, and steps of a training, that are timed; more where processes share work.
        limit: seconds after which the step under way ends with its next photo, or step of a training, and is reckoned
            from those before; later ones need what it makes, so they are not timed.

    Raises:
        UserError: as the steps do, for data that cannot be worked with.
    """
    accelerator = make_accelerator(recipe.runtime)
    on_gpu = accelerator.device.type == "cuda"
    workers = pool_workers(recipe.runtime), loader_workers(recipe.runtime, accelerator)
    count, steps = (sample_size(photos, number) for number in workers)

    costs: list[Cost] = []
    untimed: list[str] = []
    deadline = time.monotonic() + limit
    asked, recipe = recipe, bare(recipe)
    if whole.to_prepare:
        few = open_photos(whole.few(count), root, recipe.seed)

        def prepare(watch: Emit) -> None:
            few.prepare(lambda done, total: watch(Progress("data", "pictures", done, total)))

        costs.append(cost("data", observe(prepare, emit, [root / "data"], on_gpu), Extent(whole.to_prepare)))
    else:
        few = whole
        whole.settle(lambda done, total: None, lambda photos: [b""] * len(photos))  # as if none were alike: no decoding
    sizes = sizes_of(whole)
    recipe = recipe.model_copy(update={"data": few.pinned()})
    extents = extents_of(asked, sizes, *map(at_once, workers))
    run = Run.at(recipe, root)
    context = SampleContext("", run, run.folder, accelerator, emit, Sample.of(few, count), sizes.train, steps)
    for stage in PIPELINE:
        began = time.monotonic()
        if began > deadline:
            untimed += [step.name for step in stage.steps]
            continue
        emit(StageStarted(stage.name, "a few photos"))
        for step in stage.steps:
            observed = None
            if time.monotonic() <= deadline:
                observed = observe_step(replace(context, stage=stage.name), step, on_gpu, deadline)
            if observed is not None and observed.tells:
                costs.append(cost(stage.name, observed, extents[step.name]))
            else:
                untimed.append(step.name)
        ended = time.monotonic()
        emit(StageEnded(stage.name, "done" if ended <= deadline else "interrupted", ended - began))
    return costs, untimed


def bare(recipe: Recipe) -> Recipe:
    """The recipe without pretrained weights, trained in one round, each step of a training reported."""
    backbone = recipe.backbone.model_copy(update={"pretrained": False, "weights": None})
    runtime = recipe.runtime.model_copy(update={"log_seconds": 0.0})
    seg = recipe.seg.model_copy(update={"rounds": 1})
    return recipe.model_copy(update={"backbone": backbone, "seg": seg, "runtime": runtime})


def sizes_of(data: PhotoSet) -> Sizes:
    """Look at all photos and masks of a data set; scores are of maps, walked maps, pseudo labels and predictions."""
    splits = data.splits
    scored = {splits.score: 3, **({splits.val: 1} if splits.val else {})}
    if splits.val == splits.score:
        scored = {splits.val: 4}
    files, notes = 0, []
    for split, times in scored.items():
        listed, masks = data.count(split)
        files += times * masks
        if masks < listed - len(data.masks_left_out(split)):
            notes.append(missing_masks(split, masks, listed, data.scores_some))
    val = data.count(splits.val)[0] if splits.val else 0
    return Sizes(data.count(splits.train)[0], val, files, "; ".join(notes))


def missing_masks(split: str, masks: int, listed: int, is_fine: bool) -> str:
    if not masks:
        return f"`{split}` has no masks: not scored"
    if is_fine:
        return f"{masks} of {listed} photos of `{split}` have a mask to score with"
    return f"{listed - masks} of {listed} masks of `{split}` are missing: eval will refuse"


def extents_of(recipe: Recipe, sizes: Sizes, pooled: int, loaded: int) -> dict[str, Extent]:
    """What the recipe asks for, by step. `pooled`, `loaded`: items that begin at once in pools and trainings."""
    images = Extent(sizes.train, pooled)

    def training(settings: Training) -> Extent:
        batches = TrainingBatches(sizes.train, settings.batch, settings.epochs, recipe.seed)
        return Extent(len(batches), loaded, images=min(settings.batch, sizes.train), files_grow=False)

    return {
        "train-cls/model": training(recipe.train_cls),
        "cams": images,
        "affinity/labels": images,
        "affinity/model": training(recipe.affinity) if recipe.affinity.is_trained else Extent(0, files_grow=False),
        "rw/scores": images,
        "rw/pseudo_labels": images,
        "seg/model": training(recipe.seg),
        # the network of this process takes longest; at the end, only the CRFs of the last photos are left
        "seg/predictions": Extent(
            sizes.val + sizes.train * (recipe.seg.parts - 1),  # later rounds predict what they learn from
            trailing=pooled if pooled > 1 else 0,
            note="" if sizes.val else "data.val names no list",
        ),
        "eval/scores": Extent(sizes.scored, pooled, files_grow=False, note=sizes.note),
    }


@dataclass
class Watch:
    """Passes progress on, and remembers when it was made.

    Notes and losses end here: they are about an untrained network. How a batch fits into memory is remembered as well.
    """

    emit: Emit
    clock: Callable[[], float] = time.monotonic
    deadline: float = math.inf
    reports: list[Report] = field(default_factory=list)
    what: str = ""
    unit: str = "images"
    note: str = ""
    children: int = 0

    def __post_init__(self) -> None:
        self.began = self.clock()

    def __call__(self, event: Event) -> None:
        if isinstance(event, HowItFits):
            self.note = event.text
        if not isinstance(event, Progress):
            return
        what = "training" if event.unit == "steps" else event.task
        if what != self.what:
            self.what, self.unit, self.reports = what, event.unit, []
        now = self.clock()
        self.reports.append((now - self.began, event.done))
        if event.done == event.total:  # the processes that helped are still there
            self.children = max(self.children, memory.children_peak())
        self.emit(event)
        if now > self.deadline and event.done != event.total:
            raise OutOfTime


def observe(
    work: Callable[[Emit], None], emit: Emit, own: Iterable[Path], on_gpu: bool, deadline: float = math.inf
) -> Observed:
    """What a piece of work tells while it is done, or until the deadline, and leaves in its own files and folders."""
    memory.forget_peaks()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    watch = Watch(emit, time.monotonic, deadline)
    is_whole = False
    with suppress(OutOfTime):
        work(watch)
        is_whole = True
    return Observed(
        watch.what,
        watch.unit,
        tuple(watch.reports),
        watch.clock() - watch.began,
        left_in(own),
        memory.peak() + watch.children if memory.KNOWN else None,
        torch.cuda.max_memory_allocated() if on_gpu else None,
        is_whole,
        watch.note,
    )


def left_in(own: Iterable[Path]) -> int:
    """Bytes of files and folders; trainings keep more checkpoints than these few steps made."""
    files = [file for path in own for file in (path, *path.rglob("*")) if file.is_file()]
    of_checkpoints = sum(file.stat().st_size for file in files if file.parts[-3] == "checkpoint")
    made = len({file.parent for file in files if file.parts[-3] == "checkpoint"}) or 1
    return sum(file.stat().st_size for file in files) + of_checkpoints * (KEPT - made) // made


def observe_step(context: SampleContext, step: Step, on_gpu: bool, deadline: float = math.inf) -> Observed:
    """Make a step's files from the sample, as far as there is time."""
    own = [context.folder.root / name for name in step.own]
    with tf32(context.recipe.runtime.tf32):
        observed = observe(lambda watch: step.make(replace(context, emit=watch)), context.emit, own, on_gpu, deadline)
    rmtree(context.folder.training(context.stage) / "checkpoint", ignore_errors=True)  # large, and of no more use
    return observed if observed.what else replace(observed, what=step.name.rpartition("/")[2])
