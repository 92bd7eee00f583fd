"""Label photos with a trained network, as `seg` labels the photos it was kept from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import ScaledPhotos, photo_loader
from puzzlecam_cli.data.photos import Photo, Tick
from puzzlecam_cli.data.pixels.sizes import size_within
from puzzlecam_cli.engine.accelerator import for_inference, loader_workers, share
from puzzlecam_cli.engine.pool import map_unordered, pool_workers
from puzzlecam_cli.engine.views import groups_of_equal_size, photos_at_once, predict
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import replacing
from puzzlecam_cli.method.crf import dense_crf
from puzzlecam_cli.method.labels import enlarged, highest
from puzzlecam_cli.run.artifacts import check_finite, write_labels
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.stages.photo_jobs import PredictionJob, options_of, pixels_within
from puzzlecam_cli.use.job import Job, Network
from puzzlecam_cli.use.results import CONFIDENCE, Given, Made, Results


@dataclass(frozen=True)
class _LabelJob(PredictionJob):
    """One photo for the pool; its probabilities are of the labels in `rows`."""

    rows: tuple[int, ...]
    confidence: Path | None


def predict_photos(
    job: Job, photos: Sequence[Given], results: Results, accelerator: Accelerator, report: Tick, note: object
) -> None:
    """Label this process's share of photos. Of those that cannot be read it is remembered why.

    Args:
        photos: all that are to be labelled.
        report: is told of photos that are done.

    Raises:
        UserError: the network cannot be opened, gives values that are not finite, or does not fit into memory.
    """
    assert isinstance(job.settings, Network)
    settings, runtime = job.settings.seg.predict, job.settings.runtime
    description, network = open_model(job.model)
    for_inference(network, accelerator)
    own = share(photos, accelerator)
    by_path = {results.staged(photo.id): photo for photo in own}
    done = 0

    def finished(made: Made) -> None:
        nonlocal done
        results.put(made)
        done += 1
        report(done, len(own))

    def refused(index: int, error: UserError) -> None:
        finished(Made(*own[index][:3], by=job.by, tags=own[index].tags, problem=error.problem))

    def jobs() -> Iterator[_LabelJob]:
        given = [Photo(photo.id, Path(photo.image)) for photo in own]
        views = ScaledPhotos(given, settings.scales, description.mean, description.std, settings.longer_side)
        loaded = photo_loader(views, loader_workers(runtime, accelerator), refused)
        for group in groups_of_equal_size(loaded, photos_at_once(runtime, accelerator)):
            height, width = group[0][1].shape[:2]
            seen, longest = [scaled for _, _, scaled in group], settings.crf.largest_side
            size = size_within((height, width), longest)
            probabilities = _probabilities(network, seen, size, settings.flip, accelerator)
            for (index, image, _), of_photo in zip(group, probabilities, strict=True):
                photo, out = own[index], results.staged(own[index].id)
                check_finite(results.picture(photo.id), [of_photo])
                rows = tuple(range(len(of_photo))) if photo.tags is None else (0, *photo.tags)
                pixels = pixels_within(Image.fromarray(image.numpy()), longest)
                confidence = results.staged(photo.id, f"{CONFIDENCE}/") if job.confidence else None
                chances = (of_photo if photo.tags is None else _only(of_photo, rows)).numpy()
                yield _LabelJob(pixels, chances, (height, width), out, settings.crf, rows, confidence)

    files = {"": ""} | ({f"{CONFIDENCE}/": ""} if job.confidence else {})
    for out, scores in map_unordered(_label, jobs(), pool_workers(runtime)):
        photo = by_path[out]
        finished(Made(*photo[:3], by=job.by, tags=photo.tags, files=files, scores=scores))


def _only(probabilities: Tensor, rows: Sequence[int]) -> Tensor:
    """Those of some labels, as if there were no others: (C+1, h, w) → (K, h, w)."""
    kept = probabilities[list(rows)]
    return kept / kept.sum(dim=0).clamp(min=torch.finfo(kept.dtype).tiny)


def _label(job: _LabelJob) -> tuple[Path, dict[str, float]]:
    """CRF, labels, and the winning probability of one photo; its labels with their mean probability."""
    refined = dense_crf(torch.from_numpy(job.image), torch.from_numpy(job.probabilities), **options_of(job.crf))
    chance, winner = highest(refined)  # (h, w) each
    labels = torch.tensor(job.rows, dtype=torch.uint8)[winner]
    write_labels(job.out, enlarged(labels, job.size))
    if job.confidence is not None:
        shown = F.interpolate(chance[None, None], job.size, mode="bilinear", align_corners=False)[0, 0]
        with replacing(job.confidence) as temporary:
            grey = (shown.clamp(0, 1) * 255).round().to(torch.uint8)
            Image.fromarray(grey.numpy()).save(temporary, format="png")
    found = torch.unique(labels).tolist()
    return job.out, {str(label): round(float(chance[labels == label].mean()), 6) for label in found}


@torch.inference_mode()
def _probabilities(
    network: nn.Module, photos: Sequence[Sequence[Tensor]], size: Sequence[int], flip: bool, accelerator: Accelerator
) -> Tensor:
    total = torch.zeros((), device=accelerator.device)
    for views in zip(*photos, strict=True):
        logits = predict(network, views, accelerator, flip=flip)
        summed = logits[:, 0] + logits[:, 1].flip(-1) if flip else logits[:, 0]
        total = total + F.interpolate(summed, list(size), mode="bilinear", align_corners=False)
    return total.softmax(dim=1).cpu()
