"""What a recipe asks of this machine: engines, weights, networks, memory and disk."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.data.pixels.sizes import Size, is_tiled, side_of, size_at, size_within
from puzzlecam_cli.engine.environment import check_environment
from puzzlecam_cli.engine.free_memory import free_memory
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.crf_engines import best_engine, bytes_of
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.recipe.schema import Predict, Views
from puzzlecam_cli.registry import BACKBONES, LIBRARIES, backbone_factory, installed
from puzzlecam_cli.registry import crf_engine as load_crf_engine
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    from torch import nn

NETWORKS = ("train-cls/model", "cams", "affinity/model", "rw/scores", "seg/model", "seg/predictions")
TRAININGS = {"train-cls/model": "train_cls", "affinity/model": "affinity", "seg/model": "seg"}
MODEL = re.compile(r"[A-Za-z0-9_.-]+")  # how libraries call theirs

SCORE_BYTES = 55  # a pixel of a photo whose maps are scored: measured at 24 megapixels
PROBABILITY_BYTES = 12  # a pixel and label of a prediction: the sum of all views, one of them, and what they become


def _predicted(checked: Checked) -> Iterator[tuple[str, str]]:
    """The steps to be made that look at photos as `seg.predict` says, and the part whose photos these are."""
    if checked.makes("seg/model") and checked.run.recipe.seg.parts > 1:
        yield "seg/model", "train"
    if checked.makes("seg/predictions"):
        yield "seg/predictions", "val"


def environment(checked: Checked) -> Iterator[UserError]:
    """Variables that Accelerate would follow against the recipe."""
    try:
        check_environment(checked.run.recipe.runtime, os.environ)
    except UserError as error:
        yield error


def precision(checked: Checked) -> Iterator[UserError]:
    """Half precision without a GPU."""
    runtime = checked.run.recipe.runtime
    if runtime.mixed_precision != "fp16" or not any(map(checked.makes, NETWORKS)):
        return  # all else is possible anywhere, which is known without PyTorch
    from puzzlecam_cli.engine.precision import check_precision

    try:
        check_precision(runtime)
    except UserError as error:
        yield error


def crf_engine(checked: Checked) -> Iterator[UserError]:
    """A dense CRF whose engine is not installed or broken."""
    recipe = checked.run.recipe
    asked = {
        "affinity.labels.crf": (recipe.affinity.labels.crf, checked.makes("affinity/labels")),
        "rw.crf": (recipe.rw.crf, checked.makes("rw/pseudo_labels")),
        "seg.predict.crf": (recipe.seg.predict.crf, any(_predicted(checked))),
    }
    named: dict[str, list[str]] = {}
    for key, (crf, is_used) in asked.items():
        if is_used and crf.iterations:
            named.setdefault(best_engine() if crf.engine == "auto" else crf.engine, []).append(key)
    for name, keys in named.items():
        if name == "torch":
            continue  # it is always there, and to load it takes longer than a plan
        try:
            load_crf_engine(name)
        except UserError as error:
            where = (*(f"{key} asks for it" for key in keys), *error.where)
            instead = f"or take PyTorch's: {' '.join(f'--set {key}.engine=torch' for key in keys)}"
            yield UserError(error.reference, error.problem, where, f"{error.hint}, {instead}")


def backbone_is_there(checked: Checked) -> Iterator[UserError]:
    """A backbone that is not installed, or a weight file that is not there."""
    chosen = checked.run.recipe.backbone
    if not checked.makes(*TRAININGS):
        return
    yield from _name_is_known(chosen.name)
    if chosen.weights is not None and (problem := why_no_file(chosen.weights)):
        said = (
            f"there is no weight file {chosen.weights}" if problem == "is not there" else f"{chosen.weights} {problem}"
        )
        yield UserError("weights-missing", said, hint="backbone.weights names a .pth or .safetensors file")


def _name_is_known(name: str) -> Iterator[UserError]:
    """As far as is known without loading a library of networks."""
    library, colon, model = name.partition(":")
    if colon and library in LIBRARIES:
        if not MODEL.fullmatch(model):
            yield UserError(
                "backbone-missing",
                f"no model of {library} is called {quoted(model)}",
                hint=f"for example {library}:resnet18, or with a tag {library}:resnet18.a1_in1k; no path and no hub",
            )
        elif find_spec(library) is None:
            yield UserError("backbone-missing", f"{library} is not installed", hint=f"python -m pip install {library}")
    elif name not in installed(BACKBONES):
        try:
            backbone_factory(name)  # says what there is
        except UserError as error:
            yield error


def batch_for_processes(checked: Checked) -> Iterator[UserError]:
    """Batches that cannot be shared by all processes, because some would get no photo."""
    photos = checked.trained_on
    batches = {
        f"{key}.batch {batch}" + (f", of {photos} photos" if 0 < photos < batch else ""): min(batch, photos or batch)
        for step, key in TRAININGS.items()
        if checked.makes(step) and (key != "affinity" or checked.run.recipe.affinity.is_trained)
        for batch in [getattr(checked.run.recipe, key).batch]
    }
    if too_small := [line for line, batch in batches.items() if batch < checked.processes]:
        yield UserError(
            "batch-too-small",
            f"{checked.processes} processes need a batch of as many photos at least",
            tuple(too_small),
            f"--num-processes {min(batches.values())}, or raise the batch",
        )


def batch_for_batchnorm(checked: Checked) -> Iterator[UserError]:
    """Batch normalisation of one image a process, whose pooled features have no variance."""
    recipe = checked.run.recipe
    if not checked.makes("seg/model") or recipe.seg.norm != "batch":
        return
    accumulate = recipe.seg.accumulate
    share = min(recipe.seg.batch, checked.trained_on or recipe.seg.batch) // checked.processes
    part = share if accumulate == "auto" else share // accumulate
    if part < 2:
        yield UserError(
            "batch-too-small",
            f"seg.norm: batch needs at least two images at once, and a process gets {max(part, 1)}",
            (f"seg.batch {recipe.seg.batch}, processes {checked.processes}, seg.accumulate {accumulate}",),
            "--set seg.norm=group, or a larger seg.batch",
        )


def backbone_fits(checked: Checked) -> Iterator[UserError]:
    """A backbone that cannot be built, does not fit its weight file, or cannot take the recipe's crops."""
    recipe = checked.run.recipe
    chosen = recipe.backbone
    if not checked.makes(*NETWORKS) or any(_name_is_known(chosen.name)):  # told above
        return
    from puzzlecam_cli.models.backbone import load_backbone
    from puzzlecam_cli.models.fit import check_fit

    weights = chosen.weights if chosen.weights is not None and chosen.weights.is_file() else None
    try:
        backbone = load_backbone(chosen.name, weights=weights, **chosen.options)
    except UserError as error:
        yield error
        return
    checked.found["parameters"] = sum(parameter.numel() for parameter in backbone.parameters())
    checked.found["bytes"] = bytes_a_pixel(backbone)
    problems = check_fit(backbone, recipe)
    if problems:
        yield UserError(
            "backbone-unfit",
            f"the recipe's crops and kinds do not fit backbone `{chosen.name}`",
            tuple(problems),
            f"its maps have strides {', '.join(map(str, backbone.strides))}",
        )


def bytes_a_pixel(network: nn.Module) -> int:
    """What a network holds at least a pixel of its input: twice its largest layer (measured: 0.7 to 1.5 times that)."""
    import torch

    largest, side = 0, 128

    def look(_module: nn.Module, _given: Any, output: Any) -> None:
        nonlocal largest
        if isinstance(output, torch.Tensor):
            largest = max(largest, output.numel())

    hooks = [module.register_forward_hook(look) for module in network.modules()]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return 2 * 4 * largest // side**2


def room_for_photos(checked: Checked) -> Iterator[UserError]:
    """Photos too large for the memory, by what a view and a CRF are known to need at least."""
    recipe, listed = checked.run.recipe, checked.photos
    if not any(listed.values()):
        return
    # part, pixels that are held at once, bytes a pixel, what for
    needs: list[tuple[str, Callable[[Size], float], float, str]] = []
    memory = free_memory()
    every_label = len(checked.run.photos.classes) + 1
    predicted = dict(_predicted(checked))
    for step, part, key, views in (
        ("cams", "train", "cams", recipe.cams),
        *((step, part, "seg.predict", recipe.seg.predict) for step, part in predicted.items()),
    ):
        if checked.makes(step):
            scale = max(views.scales)
            images = 2 if views.flip else 1
            brought = partial(size_at, longer_side=views.longer_side)
            held: Callable[[Size], float] = partial(_held, brought=brought, views=views, at_once=images)
            a_pixel = scale**2 * images * checked.found.get("bytes", 0)
            needs.append((part, held, a_pixel, f"{key}.scales up to {scale:g}"))
    for step, part, crf in (
        ("affinity/labels", "train", recipe.affinity.labels.crf),
        ("rw/pseudo_labels", "train", recipe.rw.crf),
        *((step, part, recipe.seg.predict.crf) for step, part in predicted.items()),
    ):
        if checked.makes(step) and crf.iterations:
            labels = every_label if part == "val" else 3  # of tagged photos those of the tags
            workers = checked.at_once
            views = recipe.seg.predict if step in predicted else Views()
            brought = partial(size_within, largest_side=crf.largest_side)
            held = partial(_held, brought=brought, views=views, at_once=workers)
            a_pixel = bytes_of(crf.engine, labels) * workers
            needs.append((part, held, a_pixel, f"the dense CRF of {step}, {workers} at once"))
    if checked.makes("eval/scores") and "score" in checked.scored:
        workers = checked.at_once
        needs.append(("score", prod, SCORE_BYTES * workers, f"the scoring of maps, {workers} at once"))
    for part in predicted.values():
        brought = partial(size_within, largest_side=recipe.seg.predict.crf.largest_side)
        held = partial(_held, brought=brought, views=recipe.seg.predict, at_once=1)
        needs.append((part, held, every_label * PROBABILITY_BYTES, f"the probabilities of {every_label} labels"))
    where: list[str] = []
    ids: dict[str, None] = {}
    for part, held, a_pixel, what in needs:
        sizes = [(photo, size) for photo in listed.get(part, ()) if (size := checked.seen[photo.image].size)]
        needed = [(held(size) * a_pixel, photo) for photo, size in sizes]
        large = [(amount, str(photo.image), photo.id) for amount, photo in needed if amount > memory]
        if large:
            most, path, _ = max(large)
            where.append(f"{path}: about {most / 1e9:.0f} GB for {what}")
            ids |= {image_id: None for _, _, image_id in large}
    if where:
        yield UserError(
            "photos-too-large",
            f"photos are too large for the {memory / 1e9:.1f} GB of memory that are free",
            tuple(where),
            "look at them shrunk: longer_side in cams and seg.predict, largest_side in crf (1000, say); or lower "
            "runtime.workers",
            tuple(ids),
        )


def _held(size: Size, *, brought: Callable[[Size], Size], views: Views, at_once: int) -> float:
    """Pixels of a photo, brought to a size, that are held by each of so many at once: of one in tiles, one tile's."""
    whole = prod(brought(size))
    if isinstance(views, Predict) and is_tiled(size, views):
        return min(whole, side_of(views) ** 2 / at_once)
    return whole


def room_on_disk(checked: Checked) -> Iterator[UserError]:
    """Too little space for what is about to be written, reckoned low."""
    root = checked.run.folder.root
    above = next(path for path in (root, *root.absolute().parents) if path.exists())
    pixels = sum(
        h * w
        for part in ("train", "val")
        for photo in checked.photos.get(part, ())
        for h, w in [checked.seen[photo.image].size or (0, 0)]
    )
    trainings = sum(checked.makes(step) for step in TRAININGS)
    needed = int(0.05 * pixels) + 2 * 4 * checked.found.get("parameters", 0) * trainings  # a model and a checkpoint
    free = shutil.disk_usage(above).free
    if free < needed:
        yield UserError(
            "disk",
            f"{root} needs at least {needed / 1e9:.3f} GB, and {free / 1e9:.3f} GB are free on its disk",
            hint="free some, or name a folder on another disk with --run",
        )
