"""affinity: sure labels from the maps, then a network of affinities trained on them."""

from __future__ import annotations

import torch
from torch import Tensor

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.accelerator import pool_workers, seed_everything
from puzzlecam_cli.engine.pool import map_unordered
from puzzlecam_cli.engine.step import Losses, LossModule
from puzzlecam_cli.method.affinity import affinity_labels, affinity_loss
from puzzlecam_cli.models.pair_net import PairNet
from puzzlecam_cli.models.pair_nets import pair_net
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.stages.photo_jobs import LabelJob, label_photo


def make_labels(context: Context) -> None:
    """Write `affinity/labels/<id>.png`: class, 0 background, 255 unsure."""
    folder = context.folder
    photos = context.to_do(context.train_photos, folder.affinity_label)
    jobs = (
        LabelJob(photo.image, folder.cam(photo.id), folder.affinity_label(photo.id), context.recipe.affinity.labels)
        for photo in photos
    )
    report = context.progress("labels")
    for done, _ in enumerate(map_unordered(label_photo, jobs, pool_workers(context.recipe.runtime)), start=1):
        report(done, len(photos))


class AffinityLosses(LossModule):
    """The affinity loss of a batch."""

    network: PairNet
    averaged_over = ("background", "foreground", "different")

    def __init__(self, network: PairNet, radius: int):
        super().__init__(network)
        self.radius = radius

    def counts(self, batch: Batch) -> tuple[Tensor, ...]:
        """Pairs of the three kinds."""
        return tuple(pairs.sum() for pairs in affinity_labels(self._cells(batch), self.radius))

    def forward(self, batch: Batch, step: int, steps: int) -> Losses:
        """`image` (B, 3, S, S), `mask` (B, S, S) → `loss`."""
        output = self.network(batch["image"]).float()
        with torch.autocast(output.device.type, enabled=False):
            affinity = self.network.affinity(output, self.radius)
            pairs = affinity_labels(self._cells(batch), self.radius)
            weights = [self.weights[kind] for kind in self.averaged_over]
            return {"loss": affinity_loss(affinity, *pairs, weights)}

    def _cells(self, batch: Batch) -> Tensor:
        """(B, S, S) labels → those in the middle of each cell."""
        stride = self.network.stride
        return batch["mask"][:, stride // 2 :: stride, stride // 2 :: stride]


def train_affinity(context: Context) -> None:
    """Train on the confident labels, then write `affinity/model.safetensors`."""
    settings = context.recipe.affinity
    seed_everything(context.recipe.seed, "affinity")
    backbone = context.backbone(pretrained=True)
    context.train(
        AffinityLosses(pair_net(settings.kind, backbone), settings.radius),
        settings,
        backbone,
        pretrained=None,
        freeze_batchnorm=False,  # the network keeps its whole backbone in eval mode
        mask_of=context.folder.affinity_label,
    )
