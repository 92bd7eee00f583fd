"""The only training loop: classifier, AffinityNet and DeepLab differ in network, loss and data."""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import Batch, TrainingBatches, TrainingViews, training_loader
from puzzlecam_cli.engine.accelerator import for_training, loader_workers, on_device, seed_everything
from puzzlecam_cli.engine.agreement import Agreement
from puzzlecam_cli.engine.checkpoint import Checkpoints
from puzzlecam_cli.engine.optimiser import make_optimiser, poly_rate, set_rate
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Emit, Metric, Note, Progress
from puzzlecam_cli.files import append_line, replacing
from puzzlecam_cli.interrupt import stop_asked
from puzzlecam_cli.recipe.schema import Runtime, Training

Losses = dict[str, Tensor]


class LossModule(nn.Module, ABC):
    """A network with its loss, so that all of a step's forward passes lie in one `forward` (as DDP needs)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    @abstractmethod
    def forward(self, batch: Batch, step: int, steps: int) -> Losses:
        """A dictionary of scalars; `loss` is minimised, all are logged."""


@dataclass(frozen=True)
class Task:
    """One training. Its folder receives `metrics.jsonl` and `checkpoint/step-<number>`."""

    stage: str
    module: LossModule
    pretrained: nn.Module | None  # the part with pretrained weights
    freeze_batchnorm: nn.Module | None  # the part that keeps its running statistics
    views: TrainingViews
    settings: Training
    runtime: Runtime
    seed: int
    folder: Path


def train(task: Task, accelerator: Accelerator, emit: Emit) -> None:
    """Train to the last epoch; an interrupted training continues after its last checkpoint, as if nothing had been.

    Raises:
        UserError: the loss is no longer finite, or a photo cannot be read.
    """
    settings, processes = task.settings, accelerator.num_processes
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

    module = for_training(task.module, accelerator)
    optimiser = make_optimiser(module, task.pretrained, settings)
    agreement = Agreement(accelerator)
    checkpoints = Checkpoints(task.folder / "checkpoint", module, optimiser, accelerator, agreement)
    first_step, note = checkpoints.restore()
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
    )
    loader = training_loader(task.views, mine, loader_workers(task.runtime, accelerator))
    last_log, last_save = -math.inf, time.monotonic()
    for step, batch in enumerate(loader, start=first_step):
        epoch, within = divmod(step, per_epoch)
        if within == 0:
            seed_everything(task.seed, f"{task.stage} epoch {epoch} process {accelerator.process_index}")
        if within == 0 or step == first_step:
            _train_mode(wrapped, task.freeze_batchnorm)
        if step == first_step and within:
            checkpoints.restore_random_numbers()
        rate = poly_rate(step, steps, settings)
        set_rate(optimiser, rate)
        batch = {key: value.to(accelerator.device, non_blocking=True) for key, value in batch.items()}
        batch["image"] = on_device(batch["image"], accelerator)
        with accelerator.autocast():
            losses = wrapped(batch, step, steps)
        accelerator.backward(losses["loss"])
        if settings.clip_norm:
            accelerator.clip_grad_norm_(module.parameters(), settings.clip_norm)
        prepared.step()
        prepared.zero_grad()

        is_last = step + 1 == steps
        if time.monotonic() - last_log >= task.runtime.log_seconds or is_last:
            values: dict[str, float] = {"epoch": epoch, "lr": rate} | {
                name: value.item() for name, value in losses.items()
            }
            _check_finite(task.stage, step, values)
            log.write({"step": step, **values})
            emit(Metric(task.stage, step, values))
            emit(Progress(task.stage, f"epoch {epoch + 1}/{settings.epochs}", step + 1, steps, "steps"))
            last_log = time.monotonic()
        is_due = time.monotonic() - last_save >= 60 * task.runtime.checkpoint_minutes
        stop, save = agreement.any(stop_asked(), is_due)
        if save or stop or within + 1 == per_epoch:
            checkpoints.save(step + 1)
            last_save = time.monotonic()
        if stop:
            raise KeyboardInterrupt
    accelerator.free_memory()


class MetricLog:
    """`metrics.jsonl`: one object a logged step. Steps at or after `first_step` are of an interrupted try and go."""

    def __init__(self, path: Path, first_step: int, active: bool):
        self.path, self.active = path, active
        if active:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_text().splitlines() if path.exists() and first_step else []
            kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] < first_step]
            with replacing(path) as temporary:
                temporary.write_text("".join(line + "\n" for line in kept))

    def write(self, values: dict[str, float]) -> None:
        if self.active:
            append_line(self.path, json.dumps(values))


def _train_mode(module: nn.Module, freeze_batchnorm: nn.Module | None) -> None:
    module.train()
    for part in freeze_batchnorm.modules() if freeze_batchnorm else ():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


def _check_finite(stage: str, step: int, values: dict[str, float]) -> None:
    if not all(math.isfinite(value) for value in values.values()):
        raise UserError(
            "loss-not-finite",
            f"the loss of {stage} is no longer finite at step {step}",
            tuple(f"{name} = {value}" for name, value in values.items()),
            f"lower {stage.replace('-', '_')}.lr, or set {stage.replace('-', '_')}.clip_norm=2",
        )
