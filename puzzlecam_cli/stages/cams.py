"""cams: class activation maps of the training photos, over scales and mirrored views."""

from __future__ import annotations

from torch import Tensor

from puzzlecam_cli.data.loaders import ScaledPhotos, photo_loader
from puzzlecam_cli.data.pixels.sizes import size_at
from puzzlecam_cli.engine.accelerator import for_inference, loader_workers
from puzzlecam_cli.engine.views import groups_of_equal_size, photos_at_once, predict
from puzzlecam_cli.method.cam import add_mirrored
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.run.artifacts import write_cams
from puzzlecam_cli.run.context import Context


def make_cams(context: Context) -> None:
    """Write `cams/<id>.npz` for each training photo: the maps of its tags before resizing."""
    settings, accelerator, folder = context.recipe.cams, context.accelerator, context.folder
    classifier: Classifier = context.trained("train-cls")
    backbone, network = classifier.backbone, for_inference(classifier, accelerator, context.note_once)

    photos = context.to_do(context.train_photos, folder.cam)
    report, done = context.progress("maps"), 0
    views = ScaledPhotos(photos, settings.scales, backbone.mean, backbone.std, settings.longer_side)
    loaded = photo_loader(views, loader_workers(context.recipe.runtime, accelerator))
    for group in groups_of_equal_size(loaded, photos_at_once(context.recipe.runtime, accelerator)):
        maps: list[list[Tensor]] = [[] for _ in group]  # of each photo, one (K, h/S, w/S) a scale; S: stride
        for scaled in zip(*(scaled for _, _, scaled in group), strict=True):
            # (G, 2 or 1, C, h/S, w/S)
            predicted = predict(network, scaled, accelerator, flip=settings.flip, note=context.note_once)
            for (index, _, _), pair, of_photo in zip(group, predicted, maps, strict=True):
                rows = [tag - 1 for tag in photos[index].tags]
                of_photo.append(add_mirrored(pair[:, rows]) if settings.flip else pair[0, rows].relu())
        for (index, image, _), of_photo in zip(group, maps, strict=True):
            photo, size = photos[index], (image.shape[0], image.shape[1])
            seen, cell = size_at(size, settings.longer_side), backbone.strides[-1]
            write_cams(folder.cam(photo.id), photo.tags, size, settings.scales, of_photo, cell, seen=seen)
            done += 1
            report(done, len(photos))
