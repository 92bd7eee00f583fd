"""cams: class activation maps of the training photos, over scales and mirrored views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from puzzlecam_cli.data.loaders import ScaledPhotos
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.sizes import Size, size_at
from puzzlecam_cli.engine.accelerator import for_inference
from puzzlecam_cli.engine.beside import beside, to_host
from puzzlecam_cli.engine.views import loaded_together, predict
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
    views = ScaledPhotos(photos, settings.scales, backbone.mean, backbone.std, settings.longer_side)

    def made() -> Iterator[Made]:
        for group in loaded_together(views, context.recipe.runtime, accelerator, context.note_once):
            maps: list[list[Tensor]] = [[] for _ in group]  # of each photo, one (K, h/S, w/S) a scale; S: stride
            for scaled in zip(*(scaled for _, _, scaled in group), strict=True):
                # (G, 2 or 1, C, h/S, w/S)
                predicted = predict(network, scaled, accelerator, flip=settings.flip, note=context.note_once)
                for (index, _, _), pair, of_photo in zip(group, predicted, maps, strict=True):
                    tagged = of_tags(pair, photos[index].tags)
                    of_photo.append(add_mirrored(tagged) if settings.flip else tagged[0].relu())
            for (index, image, _), of_photo in zip(group, maps, strict=True):
                yield Made(photos[index], (image.shape[0], image.shape[1]), to_host(of_photo))

    def write(one: Made) -> None:
        seen, cell = size_at(one.size, settings.longer_side), classifier.stride
        out, tags = folder.cam(one.photo.id), one.photo.tags
        write_cams(out, tags, one.size, settings.scales, one.maps(), cell, seen=seen)

    report = context.progress("maps")
    for done, _ in enumerate(beside(write, made()), start=1):
        report(done, len(photos))


class Made(NamedTuple):
    """Of a photo of (H, W) pixels, what gives its maps once they are on the CPU."""

    photo: Photo
    size: Size
    maps: Callable[[], list[Tensor]]


def of_tags(maps: Tensor, tags: Sequence[int]) -> Tensor:
    """The maps of tags 1..C alone: (V, C, h, w) → (V, K, h, w). A list as an index would wait for the GPU."""
    return torch.stack([maps[:, tag - 1] for tag in tags], dim=1) if tags else maps[:, :0]
