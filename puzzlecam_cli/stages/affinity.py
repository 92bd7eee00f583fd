"""affinity: sure labels from the maps, then a network of affinities trained on them, or one that needs no training."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.accelerator import seed_everything
from puzzlecam_cli.engine.step import LossModule, Terms
from puzzlecam_cli.method.affinity import PAIR_WEIGHTS, affinity_labels, affinity_sums
from puzzlecam_cli.models.pair_net import PairNet
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.stages.photo_jobs import LabelJob, label_photo


def make_labels(context: Context) -> None:
    """Write `affinity/labels/<id>.png`: class, 0 background, 255 unsure."""
    folder = context.folder
    photos = context.to_do(context.train_photos, folder.affinity_label)
    settings, num_classes = context.recipe.affinity.labels, context.num_classes
    jobs = (
        LabelJob(
            photo.image,
            folder.cam(photo.id),
            folder.affinity_label(photo.id),
            settings,
            num_classes,
            context.saliency_of(photo.id, "maps", "labels"),
        )
        for photo in photos
    )
    report = context.progress("labels")
    for done, _ in enumerate(context.map_crfs(label_photo, jobs, settings.crf), start=1):
        report(done, len(photos))


KINDS = ("loss_background", "loss_foreground", "loss_different")  # of pairs, as `affinity_labels` gives them


class AffinityLosses(LossModule):
    """The affinity loss of a batch, a term for each kind of pairs."""

    network: PairNet

    def __init__(self, network: PairNet, radius: int):
        super().__init__(network)
        self.radius = radius

    def forward(self, batch: Batch) -> Terms:
        """`image` (B, 3, S, S), `mask` (B, S, S) → the cross-entropies."""
        output = self.network(batch["image"]).float()
        with torch.autocast(output.device.type, enabled=False):
            affinity = self.network.affinity(output, self.radius)
            return dict(zip(KINDS, affinity_sums(affinity, *self._pairs(batch)), strict=True))

    def counts(self, batch: Batch) -> Terms:
        return {kind: pairs.sum() for kind, pairs in zip(KINDS, self._pairs(batch), strict=True)}

    def weights(self, step: int, steps: int) -> dict[str, float]:
        return dict(zip(KINDS, PAIR_WEIGHTS, strict=True))

    def _pairs(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Between the (B, S, S) labels in the middle of each cell."""
        stride = self.network.stride
        return affinity_labels(batch["mask"][:, stride // 2 :: stride, stride // 2 :: stride], self.radius)


def _label_of(folder: RunFolder, image_id: str, epoch: int) -> Path:
    return folder.affinity_label(image_id)


def train_affinity(context: Context) -> None:
    """Train on the confident labels, then write `affinity/model.safetensors`; of kind `cosine` it is as it begins."""
    settings = context.recipe.affinity
    seed_everything(context.recipe.seed, "affinity")
    backbone = context.backbone(pretrained=True)
    network = context.network("affinity", backbone)
    if not settings.is_trained:
        context.train_nothing(network, backbone)
        return
    context.train(
        AffinityLosses(network, settings.radius),
        settings,
        backbone,
        pretrained=None,
        freeze_batchnorm=False,  # the network keeps its whole backbone in eval mode
        mask_of=partial(_label_of, context.folder),
    )
