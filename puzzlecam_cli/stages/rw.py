"""rw: the maps spread along affinities by random walk, then cut and refined into pseudo labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from puzzlecam_cli.data.loaders import ScaledPhotos
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.sizes import Size
from puzzlecam_cli.engine.accelerator import for_inference
from puzzlecam_cli.engine.beside import beside, to_host
from puzzlecam_cli.engine.views import Loaded, loaded_together
from puzzlecam_cli.method.random_walk import walk_with_background
from puzzlecam_cli.method.saliency import brought_to, salient_maps
from puzzlecam_cli.models.pair_net import PairNet
from puzzlecam_cli.recipe.schema import RandomWalk
from puzzlecam_cli.run.artifacts import read_cams, write_walked
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.stages.photo_jobs import PseudoLabelJob, pseudo_label_photo

TINY = torch.finfo(torch.float32).tiny


@torch.inference_mode()
def walk(context: Context) -> None:
    """Write `rw/scores/<id>.npz`: the maps at stride 4 after the walk."""
    accelerator, folder, runtime = context.accelerator, context.folder, context.recipe.runtime
    network: PairNet = context.trained("affinity")
    for_inference(network, accelerator, context.note_once)

    photos = context.to_do(context.train_photos, folder.walked_scores)
    longer_side = context.recipe.rw.longer_side
    views = ScaledPhotos(photos, (1.0,), network.backbone.mean, network.backbone.std, longer_side)

    def read(group: list[Loaded]) -> list[Start]:
        starts = []
        for index, image, (view,) in group:
            photo, size = photos[index], (image.shape[0], image.shape[1])
            classes, cams = read_cams(folder.cam(photo.id), 4, size, seen=(view.shape[1], view.shape[2]))
            background = torch.zeros(1, *cams.shape[1:])
            if len(cams) and (salient := context.saliency_of(photo.id, "maps", "walk")):
                saliency = brought_to(torch.from_numpy(salient.read(image.numpy())), (cams.shape[1], cams.shape[2]))
                cams = salient_maps(cams, saliency, salient.settings.maps)
                background = (1 - saliency)[None] if salient.settings.walk else background
            starts.append(Start(photo, size, view, classes, cams, background))
        return starts

    def made() -> Iterator[Walked]:
        for starts in beside(read, loaded_together(views, runtime, accelerator, context.note_once), ahead=1):
            maps = _walk_together(context, network, starts)
            for (photo, size, view, classes, *_), cams in zip(starts, maps, strict=True):
                scores = to_host([cams / cams.max().clamp(min=TINY) if cams.numel() else cams])
                yield Walked(photo, size, (view.shape[1], view.shape[2]), classes, scores)

    def write(one: Walked) -> None:
        (scores,) = one.scores()
        write_walked(folder.walked_scores(one.photo.id), one.classes, one.size, scores, seen=one.seen)

    report = context.progress("walks")
    for done, _ in enumerate(beside(write, made()), start=1):
        report(done, len(photos))


class Start(NamedTuple):
    """A photo of (H, W) pixels, seen as (3, h, w), and the (K, ceil(h/4), ceil(w/4)) maps of its classes.

    `background` (1, ceil(h/4), ceil(w/4)) is what the background's score is at least.
    """

    photo: Photo
    size: Size
    view: Tensor
    classes: NDArray[np.int16]
    cams: Tensor
    background: Tensor


class Walked(NamedTuple):
    """Of a photo of (H, W) pixels, seen as (h, w), what gives the maps of its classes once they are on the CPU.

    Its pixels are let go of: they lie in memory that is shared with the processes that load.
    """

    photo: Photo
    size: Size
    seen: Size
    classes: NDArray[np.int16]
    scores: Callable[[], list[Tensor]]


def _walk_together(context: Context, network: PairNet, starts: Sequence[Start]) -> list[Tensor]:
    """The maps of photos of one size after the walk; in halves, then on the CPU, if the GPU's memory holds no more."""
    counts = [len(start.cams) for start in starts]
    if not any(counts):
        return [start.cams for start in starts]

    def on(device: torch.device) -> list[Tensor]:
        images = torch.stack([start.view.to(device, non_blocking=True) for start in starts])
        with context.accelerator.autocast():
            along = network.to(device).walk(images)
        cams = pad_sequence([start.cams for start in starts], batch_first=True).to(device)  # what is added stays 0
        least = torch.stack([start.background for start in starts]).to(device)
        maps = walked(cams, along, context.recipe.rw, least)
        return [own[:count] for own, count in zip(maps, counts, strict=True)]

    with suppress(torch.OutOfMemoryError):
        return on(context.accelerator.device)
    torch.cuda.empty_cache()
    if half := len(starts) // 2:
        context.note_once("not all photos of one size fit into the GPU's memory: they walk in halves")
        return [maps for part in (starts[:half], starts[half:]) for maps in _walk_together(context, network, part)]
    context.note_once("not all walks fit into the GPU's memory: those are made on the CPU")
    return on(torch.device("cpu"))


def walked(cams: Tensor, walk: Callable[..., Tensor], settings: RandomWalk, least: Tensor | None = None) -> Tensor:
    """(B, K, h, w) maps after the walk, as the recipe wants it; `least` as of `walk_with_background`."""
    walk = partial(walk, radius=settings.radius, beta=settings.beta, log2_steps=settings.log2_steps)
    power = settings.background_power
    return walk(cams) if power is None else walk_with_background(cams, power, walk, least)


def make_pseudo_labels(context: Context) -> None:
    """Write `rw/pseudo_labels/<id>.png`: class or 0, at the photo's size."""
    folder = context.folder
    photos = context.to_do(context.train_photos, folder.pseudo_label)
    settings, num_classes = context.recipe.rw, context.num_classes
    jobs = (
        PseudoLabelJob(
            photo.image, folder.walked_scores(photo.id), folder.pseudo_label(photo.id), settings, num_classes
        )
        for photo in photos
    )
    report = context.progress("pseudo labels")
    for done, _ in enumerate(context.map_crfs(pseudo_label_photo, jobs, settings.crf), start=1):
        report(done, len(photos))
