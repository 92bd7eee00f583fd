"""seg: DeepLabv3+ trained on the pseudo labels, then predictions of the evaluation split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from puzzlecam_cli.data.loaders import Batch, ScaledPhotos, photo_loader
from puzzlecam_cli.data.pixels.sizes import size_within
from puzzlecam_cli.engine.accelerator import for_inference, loader_workers, seed_everything
from puzzlecam_cli.engine.pool import map_unordered, pool_workers
from puzzlecam_cli.engine.step import LossModule, Terms
from puzzlecam_cli.engine.views import groups_of_equal_size, photos_at_once, predict
from puzzlecam_cli.events import Note
from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.run.artifacts import check_finite
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.stages.photo_jobs import PredictionJob, pixels_within, refine_prediction


class SegmentationLoss(LossModule):
    """Cross-entropy over all pixels but the padding."""

    def forward(self, batch: Batch) -> Terms:
        """`image` (B, 3, S, S), `mask` (B, S, S) → `cross_entropy`."""
        logits = self.network(batch["image"]).float()
        return {"cross_entropy": F.cross_entropy(logits, batch["mask"], ignore_index=IGNORE, reduction="sum")}

    def counts(self, batch: Batch) -> Terms:
        return {"cross_entropy": (batch["mask"] != IGNORE).sum()}

    def weights(self, step: int, steps: int) -> dict[str, float]:
        return {"cross_entropy": 1.0}


def train_segmentation(context: Context) -> None:
    """Train on the pseudo labels, then write `seg/model.safetensors`."""
    settings = context.recipe.seg
    seed_everything(context.recipe.seed, "seg")
    from_classifier = settings.start_from == "classifier"
    backbone = context.trained("train-cls").backbone if from_classifier else context.backbone(pretrained=True)
    network: DeepLab = context.network("seg", backbone)
    context.train(
        SegmentationLoss(network),
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
    folder, settings = context.folder, context.recipe.seg.predict
    network: DeepLab = context.trained("seg")
    for_inference(network, context.accelerator)
    photos = context.to_do(context.data.photos(split), lambda image_id: folder.prediction(split, image_id))

    def jobs() -> Iterator[PredictionJob]:
        runtime, accelerator = context.recipe.runtime, context.accelerator
        backbone = network.backbone
        views = ScaledPhotos(photos, settings.scales, backbone.mean, backbone.std, settings.longer_side)
        loaded = photo_loader(views, loader_workers(runtime, accelerator))
        for group in groups_of_equal_size(loaded, photos_at_once(runtime, accelerator)):
            height, width = group[0][1].shape[:2]
            seen, longest = [scaled for _, _, scaled in group], settings.crf.largest_side
            probabilities = _probabilities(context, network, seen, size_within((height, width), longest))
            for (index, image, _), of_photo in zip(group, probabilities, strict=True):
                out = folder.prediction(split, photos[index].id)
                check_finite(out, [of_photo])
                pixels = pixels_within(Image.fromarray(image.numpy()), longest)
                yield PredictionJob(pixels, of_photo.numpy(), (height, width), out, settings.crf)

    report = context.progress(f"predictions of {split}")
    shown = 0
    workers = pool_workers(context.recipe.runtime)
    for done, shows in enumerate(map_unordered(refine_prediction, jobs(), workers), start=1):
        shown += shows
        report(done, len(photos))
    if photos and not shown:
        context.emit(
            Note(
                "seg",
                f"all predictions of `{split}` that were made now ({len(photos)}) are background: the network learned "
                "too little. Are there objects in rw/pseudo_labels? Then raise seg.epochs",
            )
        )


@torch.inference_mode()
def _probabilities(
    context: Context, network: DeepLab, photos: Sequence[Sequence[Tensor]], size: Sequence[int]
) -> Tensor:
    """Logits of all views summed at a size (H, W), then softmax [code]: (G, C+1, H, W) on the CPU."""
    settings, total = context.recipe.seg.predict, torch.zeros((), device=context.accelerator.device)
    for views in zip(*photos, strict=True):  # of one scale
        # (G, 2 or 1, C+1, h, w)
        logits = predict(network, views, context.accelerator, flip=settings.flip, note=context.note_once)
        summed = logits[:, 0] + logits[:, 1].flip(-1) if settings.flip else logits[:, 0]
        total = total + F.interpolate(summed, list(size), mode="bilinear", align_corners=False)
    return total.softmax(dim=1).cpu()
