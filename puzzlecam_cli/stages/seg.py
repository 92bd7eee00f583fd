"""seg: DeepLabv3+ trained on the pseudo labels, then predictions of the evaluation split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.data.loaders import Batch, ScaledPhotos, photo_loader
from puzzlecam_cli.engine.accelerator import for_inference, loader_workers, on_device, pool_workers, seed_everything
from puzzlecam_cli.engine.loop import Losses, LossModule
from puzzlecam_cli.engine.pool import map_unordered
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.run.artifacts import load_model
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.stages.photo_jobs import PredictionJob, refine_prediction

IGNORE = 255


class SegmentationLoss(LossModule):
    """Cross-entropy over all pixels but the padding."""

    def forward(self, batch: Batch, step: int, steps: int) -> Losses:
        """`image` (B, 3, S, S), `mask` (B, S, S) → `loss`."""
        logits = self.network(batch["image"]).float()
        return {"loss": F.cross_entropy(logits, batch["mask"], ignore_index=IGNORE)}


def _network(context: Context, *, pretrained: bool) -> DeepLab:
    """The bare network, or with the backbone's first weights."""
    settings = context.recipe.seg
    from_classifier = settings.start_from == "classifier"
    backbone = context.backbone(pretrained=pretrained and not from_classifier)
    if pretrained and from_classifier:
        load_model(context.folder.model("train-cls"), Classifier(backbone, context.num_classes))
    return DeepLab(backbone, context.num_classes + 1, settings.width, settings.norm)


def train_segmentation(context: Context) -> None:
    """Train on the pseudo labels, then write `seg/model.safetensors`."""
    settings = context.recipe.seg
    seed_everything(context.recipe.seed, "seg")
    network = _network(context, pretrained=True)
    context.train(
        SegmentationLoss(network),
        settings,
        network.backbone,
        pretrained=network.backbone,
        freeze_batchnorm=settings.batchnorm == "frozen",
        mask_of=context.folder.pseudo_label,
    )


def predict(context: Context) -> None:
    """Write `seg/predictions/<split>/<id>.png` for the split `data.val`."""
    split = context.splits.val
    if split is None:
        return
    folder, settings = context.folder, context.recipe.seg.predict
    network = _network(context, pretrained=False)
    load_model(folder.model("seg"), network)
    for_inference(network, context.accelerator)
    photos = context.to_do(context.data.photos(split), lambda image_id: folder.prediction(split, image_id))

    def jobs() -> Iterator[PredictionJob]:
        views = ScaledPhotos(photos, settings.scales, network.backbone.mean, network.backbone.std)
        for index, image, scaled in photo_loader(views, loader_workers(context.recipe.runtime, context.accelerator)):
            probabilities = _probabilities(context, network, scaled, (image.shape[0], image.shape[1]))
            out = folder.prediction(split, photos[index].id)
            yield PredictionJob(image.numpy(), probabilities.numpy(), out, settings.crf)

    report = context.progress(f"predictions of {split}")
    for done, _ in enumerate(map_unordered(refine_prediction, jobs(), pool_workers(context.recipe.runtime)), start=1):
        report(done, len(photos))


@torch.inference_mode()
def _probabilities(context: Context, network: DeepLab, views: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Logits of all views summed at the photo's size, then softmax, as the authors do: (C+1, H, W) on the CPU."""
    total = torch.zeros(())
    for view in views:
        image = on_device(view[None], context.accelerator)
        for mirrored in (False, True) if context.recipe.seg.predict.flip else (False,):
            with context.accelerator.autocast():
                logits = network(image.flip(-1) if mirrored else image)
            logits = F.interpolate(logits.float(), size, mode="bilinear", align_corners=False)[0]
            total = total.to(logits.device) + (logits.flip(-1) if mirrored else logits)
    return total.softmax(dim=0).cpu()
