"""seg: DeepLabv3+ trained on the pseudo labels, then predictions of the evaluation split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch.nn.functional as F
from torch import nn

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.engine.accelerator import for_inference, seed_everything
from puzzlecam_cli.engine.refine import Labels
from puzzlecam_cli.engine.segment import Segmenter
from puzzlecam_cli.engine.step import LossModule, Terms
from puzzlecam_cli.events import Figure, Note
from puzzlecam_cli.files import is_whole
from puzzlecam_cli.group.launch import agreed
from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.recipe.schema import Seg
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.run.folder import RunFolder
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
    """Train on the pseudo labels, in later rounds on the network's own, then write `seg/model.safetensors`."""
    settings, folder = context.recipe.seg, context.folder
    for number in range(1, settings.parts):
        photos = context.train_photos
        before, own = (partial(folder.round_label, number + later) for later in (0, 1))
        if not agreed(all(is_whole(own(photo.id)) for photo in photos), context.accelerator):
            until = settings.epochs * number // settings.parts
            task = f"labels of round {number + 1} of {settings.parts}"
            _label(context, _train(context, until), photos, own, task, before)
        context.accelerator.wait_for_everyone()
    _train(context)


def _learned(folder: RunFolder, settings: Seg, image_id: str, epoch: int) -> Path:
    """What an epoch learns of a photo; without its checkpoints, a training goes through earlier rounds again."""
    return folder.round_label(settings.round_of(epoch), image_id)


def _train(context: Context, until: int | None = None) -> DeepLab:
    """DeepLabv3+, begun anew or from its last checkpoint, after so many epochs; None: after all."""
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
        mask_of=partial(_learned, context.folder, settings),
        until=until,
    )
    return network


def predict_split(context: Context) -> None:
    """Write `seg/predictions/<split>/<id>.png` for the split `data.val`."""
    split = context.splits.val
    if split is None:
        return
    network: DeepLab = context.trained("seg")
    photos, out = context.data.photos(split), partial(context.folder.prediction, split)
    made, shown = _label(context, network, photos, out, f"predictions of {split}")
    if made and not shown:
        context.emit(Figure("seg", "all background"))
        context.emit(
            Note(
                "seg",
                f"all predictions of `{split}` that were made now ({made}) are background: the network learned "
                "too little. Are there objects in rw/pseudo_labels? Then raise seg.epochs",
            )
        )


def _label(
    context: Context,
    network: DeepLab,
    photos: Sequence[Photo],
    out: Callable[[str], Path],
    task: str,
    before: Callable[[str], Path] | None = None,
) -> tuple[int, int]:
    """Write the labels of this process's share of photos, where there are none yet.

    Args:
        network: of which nothing else is asked any more: it is folded.
        out: the file of an image id.
        task: what is reported.
        before: where labels of photos with known tags lie, which are kept of tags that the network does not find.

    Returns:
        How many were written, and how many of them show anything but background.
    """
    settings, accelerator = context.recipe.seg.predict, context.accelerator
    segmenter = Segmenter(
        for_inference(network, accelerator, context.note_once),
        network.backbone.mean,
        network.backbone.std,
        settings,
        accelerator,
        context.note_once,
        context.counted("tiles of a large photo", "tiles"),
    )
    photos = context.to_do(photos, out)
    report = context.progress(task)
    made = shown = 0

    def count(shows: bool) -> None:
        nonlocal made, shown
        made, shown = made + 1, shown + shows
        report(made, len(photos))

    def tags(index: int) -> tuple[int, ...] | None:
        return photos[index].tags if before else None

    def jobs() -> Iterator[PredictionJob]:
        for index, found in segmenter.photos(photos, context.recipe.runtime, tags=tags):
            image_id = photos[index].id
            place = out(image_id), before and before(image_id)
            if isinstance(found, Labels):
                count(write_prediction(*place, found.labels))
            else:
                yield PredictionJob(found, *place, settings.crf)

    for shows in context.map_crfs(refine_prediction, jobs(), settings.crf):
        count(shows)
    return made, shown
