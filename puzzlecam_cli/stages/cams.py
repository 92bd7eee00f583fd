"""cams: class activation maps of the training photos, over scales and mirrored views."""

from __future__ import annotations

import torch
from torch import Tensor

from puzzlecam_cli.data.loaders import ScaledPhotos, photo_loader
from puzzlecam_cli.engine.accelerator import for_inference, loader_workers, on_device
from puzzlecam_cli.method.cam import add_mirrored
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.run.artifacts import load_model, write_cams
from puzzlecam_cli.run.context import Context


@torch.inference_mode()
def make_cams(context: Context) -> None:
    """Write `cams/<id>.npz` for each training photo: the maps of its tags before resizing."""
    settings, accelerator, folder = context.recipe.cams, context.accelerator, context.folder
    classifier = Classifier(context.backbone(pretrained=False), context.num_classes)
    load_model(folder.model("train-cls"), classifier)
    backbone, network = classifier.backbone, for_inference(classifier, accelerator)

    photos = context.to_do(context.train_photos, folder.cam)
    report = context.progress("maps")
    views = ScaledPhotos(photos, settings.scales, backbone.mean, backbone.std)
    workers = loader_workers(context.recipe.runtime, accelerator)
    for done, (index, image, scaled) in enumerate(photo_loader(views, workers), start=1):
        photo = photos[index]
        rows = [tag - 1 for tag in photo.tags]

        def maps_of(view: Tensor, rows: list[int] = rows) -> Tensor:  # (3, h, w) → (K, h/16, w/16)
            image = on_device(view[None], accelerator)
            pair = torch.cat([image, image.flip(-1)]) if settings.flip else image
            with accelerator.autocast():
                maps = network(pair)[:, rows].float()
            return add_mirrored(maps) if settings.flip else maps[0].relu()

        size = (image.shape[0], image.shape[1])
        write_cams(folder.cam(photo.id), photo.tags, size, settings.scales, [maps_of(view) for view in scaled])
        report(done, len(photos))
