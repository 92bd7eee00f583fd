"""The only training loop: classifier, AffinityNet and DeepLab differ in network, loss and data."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import Batch, TrainingBatches, TrainingViews, training_loader
from puzzlecam_cli.engine.accelerator import for_training, loading, on_device, seed_everything
from puzzlecam_cli.engine.agreement import Agreement
from puzzlecam_cli.engine.checkpoint import Checkpoints
from puzzlecam_cli.engine.finite import NONE, FiniteWatch, not_finite
from puzzlecam_cli.engine.first_step import FirstStep
from puzzlecam_cli.engine.gauge import Gauge
from puzzlecam_cli.engine.graph import Gradients, by_graph
from puzzlecam_cli.engine.memory import out_of_memory
from puzzlecam_cli.engine.metric_log import MetricLog
from puzzlecam_cli.engine.optimiser import make_optimiser, poly_rate, set_rate
from puzzlecam_cli.engine.step import LossModule, Terms, add_gradients, averages
from puzzlecam_cli.engine.trackers import Trackers, overlay
from puzzlecam_cli.engine.way import Way, in_words
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Doing, Emit, HowItFits, Metric, Note, Progress
from puzzlecam_cli.group.interrupt import stop_asked
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.fit import unfit
from puzzlecam_cli.recipe.schema import Runtime, Training


@dataclass(frozen=True)
class Task:
    """One training. Its folder receives `metrics.jsonl` and `checkpoint/step-<number>`."""

    stage: str
    module: LossModule
    backbone: Backbone
    pretrained: nn.Module | None  # the part with pretrained weights
    freeze_batchnorm: nn.Module | None  # the part that keeps its running statistics
    views: TrainingViews
    settings: Training
    runtime: Runtime
    seed: int
    folder: Path
    run: Path  # its folder, where trackers write
    until: int | None = None  # epochs, after which it is left for now; None: the last


def train(task: Task, accelerator: Accelerator, emit: Emit) -> None:
    """Train to an epoch; what was left off continues after its last checkpoint, as if nothing had been.

    Raises:
        UserError: crop and backbone do not go together, the loss is no longer finite, or a photo cannot be read.
    """
    settings, processes, precision = task.settings, accelerator.num_processes, accelerator.mixed_precision
    if problems := unfit(task.backbone, settings):
        section = task.stage.replace("-", "_")
        raise UserError("backbone-unfit", f"{section}.{problems[0]}")
    batches = TrainingBatches(len(task.views), settings.batch, settings.epochs, task.seed)
    steps, per_epoch = len(batches), batches.steps_per_epoch
    if min(len(task.views), settings.batch) < processes:
        raise UserError(
            "batch-too-small",
            f"a batch of {min(len(task.views), settings.batch)} cannot be divided over {processes} processes",
            hint="lower --num-processes, or raise the stage's batch",
        )
    if len(task.views) < settings.batch:
        emit(
            Note(
                task.stage,
                f"only {len(task.views)} images: batches of {len(task.views)}, not {settings.batch}",
            )
        )

    pixels = steps * settings.batch * settings.crop**2
    module = for_training(task.module, accelerator, task.runtime, pixels)
    optimiser = make_optimiser(module, task.pretrained, settings)
    agreement = Agreement(accelerator)
    checkpoints = Checkpoints(task.folder / "checkpoint", module, optimiser, accelerator, agreement)
    first_step, note = checkpoints.restore(per_epoch * (task.until or settings.epochs))
    if first_step or note:
        begun = f"continues after step {first_step} of {steps}" if first_step else "begins again"
        emit(Note(task.stage, f"{begun}; {note}" if note else begun))
    log = MetricLog(task.folder / "metrics.jsonl", first_step, accelerator.is_main_process)
    wrapped, prepared = accelerator.prepare(module, optimiser)

    mine = TrainingBatches(
        len(task.views),
        settings.batch,
        settings.epochs,
        task.seed,
        first_step,
        accelerator.process_index,
        processes,
        task.until,
    )
    ahead = loading(task.runtime, accelerator, lambda said: emit(Note(task.stage, said)))
    loader = training_loader(task.views, mine, ahead)
    trackers = Trackers(task.runtime, task.run, task.stage, first_step, accelerator)
    last_log, last_save = -math.inf, time.monotonic()
    watch = FiniteWatch()
    way, images = checkpoints.way, min(settings.batch, len(task.views))
    gauge = Gauge(accelerator.device, images)
    emit(Doing(task.stage, "loading the first batch"))
    for step, batch in enumerate(gauge.waiting(loader), start=first_step):
        epoch, within = divmod(step, per_epoch)
        if within == 0:
            seed_everything(task.seed, f"{task.stage} epoch {epoch} process {accelerator.process_index}")
        if within == 0 or step == first_step:
            _train_mode(wrapped, task.freeze_batchnorm)
        if step == first_step and within:
            checkpoints.restore_random_numbers()
        rate = poly_rate(step, steps, settings)
        set_rate(optimiser, rate)
        try:
            moved = _on_device(batch, accelerator, task.module)
            if step == first_step:
                emit(Doing(task.stage, "making the first step"))
                start = FirstStep(module, optimiser, moved, accelerator, agreement)
                checkpoints.way = way = start.find_way(task.stage, settings, task.backbone, images // processes, way)
                if settings.accumulate == "auto" and way != Way():
                    emit(HowItFits(task.stage, in_words(way, images, task.stage, module)))
                gradients = _gradients(task, module, wrapped, way, accelerator, emit)
            losses = gradients(moved, step, steps)
        except torch.OutOfMemoryError as error:
            raise out_of_memory(task.stage, settings, precision, processes, task.backbone, way.parts) from error
        if settings.clip_norm:
            accelerator.clip_grad_norm_(module.parameters(), settings.clip_norm)
        prepared.step()
        prepared.zero_grad()
        watch.note(step, losses)

        is_last = step + 1 == steps
        is_log_due = time.monotonic() - last_log >= task.runtime.log_seconds or is_last
        is_save_due = time.monotonic() - last_save >= 60 * task.runtime.checkpoint_minutes
        stop, save, show = agreement.any(stop_asked(), is_save_due, is_log_due)
        save = save or stop or within + 1 == per_epoch
        if (save or show) and (bad := agreement.least(watch.first())) != NONE:
            raise not_finite(task.stage, bad, batches, task.views, watch.values(bad), precision == "fp16")
        if show:
            values: dict[str, float] = {"epoch": epoch, "lr": rate} | averages(losses, accelerator)
            values |= module.schedule(step, steps)
            log.write({"step": step, **values})
            trackers.tell(step, values)
            emit(Metric(task.stage, step, values))
            emit(Progress(task.stage, f"epoch {epoch + 1}/{settings.epochs}", step + 1, steps, "steps"))
            if pace := gauge.read(task.stage):
                emit(pace)
            last_log = time.monotonic()
        if within + 1 == per_epoch:
            trackers.show(step, partial(_pictures, task, accelerator))
        if save:
            checkpoints.save(step + 1)
            last_save = time.monotonic()
        if stop:
            raise KeyboardInterrupt
    trackers.close()
    accelerator.free_memory()


def _gradients(
    task: Task, module: LossModule, wrapped: nn.Module, way: Way, accelerator: Accelerator, emit: Emit
) -> Gradients:
    """What computes those of a batch."""

    def one_by_one(batch: Batch, step: int, steps: int) -> Terms:
        return add_gradients(module, wrapped, batch, step, steps, way.parts, accelerator)

    wanted = task.runtime.cuda_graphs
    return by_graph(wanted, one_by_one, module, wrapped, way, accelerator, lambda text: emit(Note(task.stage, text)))


def _train_mode(module: nn.Module, freeze_batchnorm: nn.Module | None) -> None:
    module.train()
    for part in freeze_batchnorm.modules() if freeze_batchnorm else ():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


def _on_device(batch: Batch, accelerator: Accelerator, module: nn.Module) -> Batch:
    moved = {key: value.to(accelerator.device, non_blocking=True) for key, value in batch.items()}
    return moved | {"image": on_device(batch["image"], accelerator, module)}


@torch.inference_mode()
def _pictures(task: Task, accelerator: Accelerator) -> Tensor | None:
    """Of the first photos, always in the same views, with what the network sees: (N, 3, H, W) in [0, 1].

    It is left in eval mode; the next epoch begins by going back to training.
    """
    views = [view for index in range(min(4, len(task.views))) if isinstance(view := task.views[0, index], dict)]
    batch = {key: torch.stack([view[key] for view in views]) for key in views[0]}
    task.module.eval()
    batch = _on_device(batch, accelerator, task.module)
    with accelerator.autocast():
        maps = task.module.maps(batch)
    if maps is None:
        return None
    std, mean = (torch.tensor(c, device=maps.device)[:, None, None] for c in (task.views.std, task.views.mean))
    return overlay(batch["image"] * std + mean, maps)
