"""rw: the maps spread along affinities by random walk, then cut and refined into pseudo labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from puzzlecam_cli.data.loaders import ScaledPhotos, photo_loader
from puzzlecam_cli.engine.accelerator import for_inference, loading
from puzzlecam_cli.method.random_walk import walk_with_background
from puzzlecam_cli.models.pair_net import PairNet
from puzzlecam_cli.recipe.schema import RandomWalk
from puzzlecam_cli.run.artifacts import read_cams, write_walked
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.stages.photo_jobs import PseudoLabelJob, pseudo_label_photo


@torch.inference_mode()
def walk(context: Context) -> None:
    """Write `rw/scores/<id>.npz`: the maps at stride 4 after the walk."""
    accelerator, folder = context.accelerator, context.folder
    network: PairNet = context.trained("affinity")
    for_inference(network, accelerator, context.note_once)

    photos = context.to_do(context.train_photos, folder.walked_scores)
    report = context.progress("walks")
    longer_side = context.recipe.rw.longer_side
    views = ScaledPhotos(photos, (1.0,), network.backbone.mean, network.backbone.std, longer_side)
    ahead = loading(context.recipe.runtime, accelerator, context.note_once)
    for done, (index, image, (view,)) in enumerate(photo_loader(views, ahead), start=1):
        photo = photos[index]
        size, seen = (image.shape[0], image.shape[1]), (view.shape[1], view.shape[2])
        classes, cams = read_cams(folder.cam(photo.id), stride=4, size=size, seen=seen)
        if len(classes):
            cams = _walk_photo(context, network, view, cams)
            cams /= cams.max().clamp(min=torch.finfo(cams.dtype).tiny)
        write_walked(folder.walked_scores(photo.id), classes, size, cams, seen=seen)
        report(done, len(photos))


def _walk_photo(context: Context, network: PairNet, view: Tensor, cams: Tensor) -> Tensor:
    """(3, H, W) photo, (K, h, w) maps → the maps after the walk; on the CPU if the GPU's memory does not hold it."""

    def on(device: torch.device) -> Tensor:
        with context.accelerator.autocast():
            along = network.to(device).walk(view.to(device))
        return walked(cams.to(device), along, context.recipe.rw).cpu()

    try:
        return on(context.accelerator.device)
    except torch.OutOfMemoryError:
        context.note_once("not all walks fit into the GPU's memory: those are made on the CPU")
    torch.cuda.empty_cache()
    return on(torch.device("cpu"))


def walked(cams: Tensor, walk: Callable[..., Tensor], settings: RandomWalk) -> Tensor:
    """(K, h, w) maps after the walk, as the recipe wants it."""
    walk = partial(walk, radius=settings.radius, beta=settings.beta, log2_steps=settings.log2_steps)
    power = settings.background_power
    return walk(cams) if power is None else walk_with_background(cams, power, walk)


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
