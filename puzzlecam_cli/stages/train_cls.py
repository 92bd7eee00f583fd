"""train-cls: the classifier, trained with the puzzle losses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean

import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.accelerator import seed_everything
from puzzlecam_cli.engine.step import LossModule, Terms
from puzzlecam_cli.events import Note
from puzzlecam_cli.method.background import background_sum
from puzzlecam_cli.method.cam import contrast, normalize_cams
from puzzlecam_cli.method.puzzle import (
    alpha_at,
    classification_loss,
    merge,
    pool,
    puzzle_counts,
    puzzle_sums,
    puzzle_weights,
    tile,
)
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.recipe.schema import Puzzle
from puzzlecam_cli.run.context import Context


class PuzzleLosses(LossModule):
    """The losses of a batch of images and their tiles, which share the classifier's weights."""

    network: Classifier

    def __init__(self, network: Classifier, puzzle: Puzzle, background: float = 0.0):
        super().__init__(network)
        self.puzzle, self.background = puzzle, background

    def forward(self, batch: Batch) -> Terms:
        """`image` (B, 3, S, S), `tags` (B, C) → the losses and the maps' contrast."""
        puzzle, images, labels = self.puzzle, batch["image"], batch["tags"]
        whole = self.network(images)  # (B, C, h, w), cells of the network's stride
        seen = {"contrast": contrast(whole.detach(), labels).sum()}
        if self.background:
            seen["loss_bg"] = background_sum(whole, labels)
        if not puzzle.is_used:
            return {"loss_cls": classification_loss(pool(whole), labels, "sum")} | seen
        merged = merge(self.network(tile(images, puzzle.rows)), puzzle.rows)
        losses = puzzle_sums(
            whole,
            merged,
            labels,
            compare=puzzle.compare,
            mask=puzzle.mask,
            reduction=puzzle.reduction,
            distance=puzzle.distance,
            detach=puzzle.detach,
        )
        return losses | seen

    def counts(self, batch: Batch) -> Terms:
        """Images, or what L_re compares; of the contrast, tags."""
        labels = batch["tags"]
        counts = puzzle_counts(labels, mask=self.puzzle.mask, reduction=self.puzzle.reduction)
        return counts | dict.fromkeys(("contrast", "loss_bg"), labels.sum().long())

    def weights(self, step: int, steps: int) -> dict[str, float]:
        background = {"loss_bg": self.background} if self.background else {}
        if not self.puzzle.is_used:
            return {"loss_cls": 1.0} | background
        return puzzle_weights(**self.schedule(step, steps), classify_tiles=self.puzzle.classify_tiles) | background

    def schedule(self, step: int, steps: int) -> dict[str, float]:
        """`alpha`, if tiles are used."""
        puzzle = self.puzzle
        return {"alpha": alpha_at(step, steps, puzzle.alpha, puzzle.ramp)} if puzzle.is_used else {}

    def maps(self, batch: Batch) -> Tensor:
        """The highest map of the photo's tags."""
        images, tags = batch["image"], batch["tags"]
        cams = normalize_cams(self.network(images).float()) * tags[:, :, None, None]
        return F.interpolate(cams.amax(dim=1, keepdim=True), images.shape[-2:], mode="bilinear")[:, 0]


def train_classifier(context: Context) -> None:
    """Train, then write `train-cls/model.safetensors`."""
    settings = context.recipe.train_cls
    seed_everything(context.recipe.seed, "train-cls")
    backbone = context.backbone(pretrained=True)
    backbone.eval().freeze(settings.frozen_levels)
    context.train(
        PuzzleLosses(context.network("train-cls", backbone), settings.puzzle, settings.background),
        settings,
        backbone,
        pretrained=backbone,
        freeze_batchnorm=settings.batchnorm == "frozen",
    )
    if context.accelerator.is_main_process:
        warn_of_flat_maps(context)


KEPT_CONTRAST = 0.75  # of its highest; `puzzlecam docs puzzle`


def warn_of_flat_maps(context: Context) -> None:
    """A note where the contrast of the maps, which only grows in a healthy training, fell while it went on."""
    lines = context.folder.metrics("train-cls").read_text().splitlines()
    kept = contrast_kept([json.loads(line)["contrast"] for line in lines])
    if kept < KEPT_CONTRAST:
        context.emit(
            Note(
                "train-cls",
                f"the maps went flat: {kept:.0%} of their highest contrast is left. Where L_re compares raw maps it "
                "rewards small ones, and objects fade before their surroundings do. Lower train_cls.puzzle.alpha, or "
                "set train_cls.puzzle.compare: cams; `puzzlecam ablate` measures what is better",
            )
        )


def contrast_kept(logged: Sequence[float]) -> float:
    """The last of ten equal parts of a training, as a share of the part with the highest mean; 1 for short logs."""
    part = len(logged) // 10
    if part == 0:
        return 1.0
    means = [fmean(logged[first : first + part]) for first in range(len(logged) % part, len(logged), part)]
    return means[-1] / max(max(means), 1e-12)
