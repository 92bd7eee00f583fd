"""train-cls: the classifier, trained with the puzzle losses."""

from __future__ import annotations

import torch

from puzzlecam_cli.data.images import check_readable
from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.accelerator import seed_everything
from puzzlecam_cli.engine.loop import Losses, LossModule
from puzzlecam_cli.method.puzzle import alpha_at, classification_loss, merge, pool, puzzle_loss, tile
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.recipe.schema import Puzzle
from puzzlecam_cli.run.context import Context


class PuzzleLosses(LossModule):
    """The puzzle losses of a batch of images and their tiles, which share the classifier's weights."""

    network: Classifier

    def __init__(self, network: Classifier, settings: Puzzle):
        super().__init__(network)
        self.settings = settings

    def forward(self, batch: Batch, step: int, steps: int) -> Losses:
        """`image` (B, 3, S, S), `tags` (B, C) → the losses, and `alpha` if tiles are used."""
        puzzle, images, labels = self.settings, batch["image"], batch["tags"]
        whole = self.network(images)  # (B, C, S/16, S/16)
        if not puzzle.is_used:
            loss = classification_loss(pool(whole), labels)
            return {"loss_cls": loss, "loss": loss}
        merged = merge(self.network(tile(images, puzzle.rows)), puzzle.rows)
        alpha = alpha_at(step, steps, puzzle.alpha, puzzle.ramp)
        losses = puzzle_loss(
            whole,
            merged,
            labels,
            alpha,
            classify_tiles=puzzle.classify_tiles,
            compare=puzzle.compare,
            mask=puzzle.mask,
            reduction=puzzle.reduction,
            distance=puzzle.distance,
            detach=puzzle.detach,
        )
        return losses | {"alpha": torch.tensor(alpha)}


def train_classifier(context: Context) -> None:
    """Train, then write `train-cls/model.safetensors`."""
    settings = context.recipe.train_cls
    photos = context.train_photos
    if context.accelerator.is_main_process:
        check_readable([photo.image for photo in photos], context.progress("looking at the photos"))
    seed_everything(context.recipe.seed, "train-cls")
    backbone = context.backbone(pretrained=True)
    backbone.eval().freeze(settings.frozen_levels)
    classifier = Classifier(backbone, context.num_classes)
    context.train(
        PuzzleLosses(classifier, settings.puzzle),
        settings,
        backbone,
        pretrained=backbone,
        freeze_batchnorm=settings.batchnorm == "frozen",
    )
