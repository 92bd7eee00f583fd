"""seg: DeepLabv3+ trained on the pseudo labels, then predictions of the evaluation split."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import nn

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.accelerator import for_inference, seed_everything
from puzzlecam_cli.engine.refine import Labels
from puzzlecam_cli.engine.segment import Segmenter
from puzzlecam_cli.engine.step import LossModule, Terms
from puzzlecam_cli.events import Figure, Note
from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.stages.photo_jobs import PredictionJob, refine_prediction, write_prediction


class SegmentationLoss(LossModule):
    """Cross-entropy over all pixels but the padding, a weighted mean.

    Args:
        network: (B, 3, S, S) → (B, C+1, S, S) logits.
        background_weight: how much a pixel of background counts; one of an object counts 1.
    """

    def __init__(self, network: nn.Module, background_weight: float = 1.0):
        super().__init__(network)
        self.background_weight = background_weight

    def forward(self, batch: Batch) -> Terms:
        """`image` (B, 3, S, S), `mask` (B, S, S) → `cross_entropy`."""
        logits = self.network(batch["image"]).float()
        weight = None
        if self.background_weight != 1:
            weight = logits.new_ones(logits.shape[1])
            weight[0] = self.background_weight
        loss = F.cross_entropy(logits, batch["mask"], weight, ignore_index=IGNORE, reduction="sum")
        return {"cross_entropy": loss}

    def counts(self, batch: Batch) -> Terms:
        known, background = (batch["mask"] != IGNORE).sum(), (batch["mask"] == 0).sum()
        if self.background_weight == 1:
            return {"cross_entropy": known}
        return {"cross_entropy": known - background + self.background_weight * background}

    def weights(self, step: int, steps: int) -> dict[str, float]:
        return {"cross_entropy": 1.0}


def train_segmentation(context: Context) -> None:
    """Train on the pseudo labels, then write `seg/model.safetensors`."""
    settings = context.recipe.seg
    seed_everything(context.recipe.seed, "seg")
    from_classifier = settings.start_from == "classifier"
    backbone = context.trained("train-cls").backbone if from_classifier else context.backbone(pretrained=True)
    network: DeepLab = context.network("seg", backbone)
    if settings.first_weights == "kaiming":
        network.draw_kaiming()
    context.train(
        SegmentationLoss(network, settings.background_weight),
        settings,
        network.backbone,
        pretrained=network.backbone,
        freeze_batchnorm=settings.batchnorm == "frozen",
        mask_of=context.folder.pseudo_label,
    )


def predict_split(context: Context) -> None:
    """Write `seg/predictions/<split>/<id>.png` for the split `data.val`."""
    split = context.splits.val
    if split is None:
        return
    folder, settings, accelerator = context.folder, context.recipe.seg.predict, context.accelerator
    network: DeepLab = context.trained("seg")
    backbone = network.backbone
    segmenter = Segmenter(
        for_inference(network, accelerator, context.note_once),
        backbone.mean,
        backbone.std,
        settings,
        accelerator,
        context.note_once,
        context.counted("tiles of a large photo", "tiles"),
    )
    photos = context.to_do(context.data.photos(split), lambda image_id: folder.prediction(split, image_id))
    report = context.progress(f"predictions of {split}")
    done = shown = 0

    def count(shows: bool) -> None:
        nonlocal done, shown
        done, shown = done + 1, shown + shows
        report(done, len(photos))

    def jobs() -> Iterator[PredictionJob]:
        for index, found in segmenter.photos(photos, context.recipe.runtime):
            out = folder.prediction(split, photos[index].id)
            if isinstance(found, Labels):
                count(write_prediction(out, found.labels))
            else:
                yield PredictionJob(found, out, settings.crf)

    for shows in context.map_crfs(refine_prediction, jobs(), settings.crf):
        count(shows)
    if photos and not shown:
        context.emit(Figure("seg", "all background"))
        context.emit(
            Note(
                "seg",
                f"all predictions of `{split}` that were made now ({len(photos)}) are background: the network learned "
                "too little. Are there objects in rw/pseudo_labels? Then raise seg.epochs",
            )
        )
