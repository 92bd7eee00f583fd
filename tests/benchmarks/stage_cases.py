"""More cases of `python -m tests.benchmarks`: what only a stage has, a training step and a pool of processes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from unittest.mock import Mock, patch

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from PIL import Image

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.accelerator import for_training, on_device
from puzzlecam_cli.engine.dense_crfs import map_crfs
from puzzlecam_cli.method.crf import label_probabilities
from puzzlecam_cli.method.labels import winners
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.recipe.schema import AffinityLabels, Puzzle, Runtime
from puzzlecam_cli.run.artifacts import read_cams, write_cams
from puzzlecam_cli.stages.photo_jobs import LabelJob, label_photo
from puzzlecam_cli.stages.train_cls import PuzzleLosses
from tests.benchmarks.measure import Pair
from tests.benchmarks.scenes import SIZE, maps, photo


def training_step(name: str, side: int, batch: int, bf16: bool) -> Pair:
    """Losses of whole images and tiles, gradients and update; plain in float32, in the memory order of PyTorch."""
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if bf16 else "no")
    images = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    tags = torch.eye(20)[:batch]

    def fresh() -> PuzzleLosses:
        torch.manual_seed(0)
        return PuzzleLosses(Classifier(load_backbone(name), 20), Puzzle()).train()

    plain, fast = fresh(), for_training(fresh(), accelerator, Runtime())

    def theirs() -> float:
        return _step(plain, {"image": images, "tags": tags})

    def ours() -> float:
        with accelerator.autocast():
            return _step(fast, {"image": on_device(images, accelerator, fast), "tags": tags})

    first = ours() / theirs()
    return Pair(ours, theirs, lambda: abs(first - 1))


def _step(module: PuzzleLosses, batch: Batch) -> float:
    sums, counts = module(batch), module.counts(batch)
    terms = [weight * sums[name] / counts[name] for name, weight in module.weights(3, 4).items()]
    loss = torch.stack(terms).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=1e-3)
                parameter.grad = None
    return loss.item()


def label_job() -> LabelJob:
    """A photo with two classes, and the maps of both."""
    folder = Path(tempfile.mkdtemp())
    Image.fromarray(photo(*SIZE)[0]).save(folder / "photo.jpg", quality=92)
    scales = (0.5, 1.0, 1.5, 2.0)
    drawn = [9 * maps(2, *(-(-round(side * scale) // 16) for side in SIZE)) for scale in scales]
    write_cams(folder / "maps.npz", (3, 8), SIZE, scales, drawn)
    return LabelJob(folder / "photo.jpg", folder / "maps.npz", folder / "labels.png", AffinityLabels(), 20)


def around_the_crf() -> Pair:
    """The affinity labels of a photo, from its files to its file, with a CRF that takes no time; and only the CRFs."""
    from pydensecrf.densecrf import DenseCRF2D

    from puzzlecam_cli.method import crf_pydensecrf

    job = label_job()
    kernels = job.settings.crf
    pixels = np.array(Image.open(job.image))
    cut = label_probabilities(winners(read_cams(job.cams, stride=1)[1], job.settings.foreground), 3)
    unary = np.ascontiguousarray(-cut.log().reshape(3, -1).numpy())

    def only_the_crfs() -> NDArray[np.float32]:
        field = DenseCRF2D(SIZE[1], SIZE[0], 3)
        field.addPairwiseGaussian(sxy=kernels.smooth_xy, compat=kernels.smooth_weight)
        field.addPairwiseBilateral(
            sxy=kernels.colour_xy, srgb=kernels.colour_rgb, rgbim=pixels, compat=kernels.colour_weight
        )
        for _ in range(2):
            field.setUnaryEnergy(unary)
            result = np.array(field.inference(kernels.iterations), dtype=np.float32)
        return result

    field = Mock()
    field.inference.return_value = only_the_crfs()

    def all_else() -> None:
        with patch.object(crf_pydensecrf, "densecrf", Mock(DenseCRF2D=lambda *_: field)):
            label_photo(job, crf_pydensecrf.PydensecrfField)

    return Pair(all_else, only_the_crfs)


def workers(count: int, photos: int) -> Pair:
    """Affinity labels by several processes and by one, from the moment all are busy."""
    job = label_job()

    def seconds_a_photo(processes: int) -> float:
        runtime = Runtime(workers=processes)
        done = map_crfs(label_photo, [job] * photos, job.settings.crf, torch.device("cpu"), runtime, print)
        for _ in range(2 * processes):
            next(done)
        start = perf_counter()
        rest = sum(1 for _ in done)
        return (perf_counter() - start) / rest

    return Pair(seconds=(seconds_a_photo(1), seconds_a_photo(count)))
