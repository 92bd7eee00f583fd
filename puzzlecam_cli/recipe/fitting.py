"""Values of a recipe that fit a data set and a machine, each with its reason: they follow from what is known of both.

Everything follows from one length: the side at which photos are looked at. `small_photos` was chosen on photos of 320
pixels, looks at them as they are and crops 70 to 90 % of that; here other photos are enlarged or shrunk to a side, and
all lengths keep their proportion to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, sqrt
from operator import attrgetter
from typing import Any, NamedTuple

from puzzlecam_cli.method.crf_engines import bytes_of
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.runtime import WORKER_BYTES
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.text import several

BASE = "small_photos"
BASE_PHOTOS, BASE_BATCH = 163, 8  # of MSRC, which its values were chosen on
LEAST_SIDE = 224  # pixels along the longer side; ImageNet's networks know smaller objects badly
MOST_ENLARGED = 4.0
LARGEST_SIDE, LARGEST_GPU_SIDE = 400, 512
LEAST_CROP = 96  # what pairs of cells up to 40 pixels apart need, in tiles of whole cells
CROPS = {"train_cls": 0.7, "affinity": 0.7, "seg": 0.9}  # of the side
RANGES = {"train_cls": (0.7, 1.4), "affinity": (0.7, 1.0), "seg": (0.8, 1.6)}  # of the side
FEWER_SCALES, MANY_ON_CPU = [0.5, 1.0, 1.5], 5000  # of maps, for so many photos
UNLIKE = 2.0  # times the median: photos so large, or so much smaller, are brought to one side
LARGE = 2.5  # times the side: CRFs see such photos shrunk
LEAST_STEPS = {"train_cls": 100, "affinity": 60, "seg": 200}
GROWTH, GPU_GROWTH = 0.6, 0.75  # steps grow with photos to this power
VIEW_BYTES = 200  # a pixel of a view, as the backbone of `small_photos` holds it
PROBABILITY_BYTES = 12  # a pixel and label of a prediction on its way to a CRF
PHOTO_BYTES = 60  # a pixel of a photo whose maps are scored at its own size
SHARE_OF_MEMORY = 0.4
GPU_AT_ONCE = 8  # what `runtime` does by itself


class Sides(NamedTuple):
    """Lengths in pixels over all photos."""

    smallest: int
    median: int
    largest: int

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Sides:
        """Those of at least one photo."""
        ordered = sorted(lengths)
        return cls(ordered[0], ordered[len(ordered) // 2], ordered[-1])


@dataclass(frozen=True)
class Facts:
    """What is known of a data set and a machine.

    Args:
        train: photos that are trained on.
        longer, shorter: of the two sides of each photo.
        pixels: of the largest photo.
        classes: C.
        cores: of the CPU.
        memory: bytes that are free.
        gpu_memory: bytes of the GPU that is worked on; None without one.
    """

    train: int
    longer: Sides
    shorter: Sides
    pixels: int
    classes: int
    cores: int
    memory: int
    gpu_memory: int | None = None

    @classmethod
    def of(cls, sizes: Sequence[tuple[int, int]], **others: Any) -> Facts:
        """From the (H, W) of the photos, or of a fair sample of them; at least one."""
        return cls(
            longer=Sides.of([max(size) for size in sizes]),
            shorter=Sides.of([min(size) for size in sizes]),
            pixels=max(height * width for height, width in sizes),
            **others,
        )


class Fit(NamedTuple):
    value: Any
    reason: str  # a clause without a full stop


def fitting(facts: Facts, cell: int = 16) -> dict[str, Fit]:
    """What of the recipe `BASE` is to be changed for a data set on a machine, by dotted key.

    Args:
        facts: of both.
        cell: stride of the backbone's last map in pixels; crops are cut into 2 × 2 tiles of whole cells.
    """
    side = _side(facts)
    fits = {**_views(facts, side, cell), **_crfs(facts, side), **_lengths(facts), **_machine(facts, side)}
    return {key: fit for key, fit in fits.items() if fit.value != _base_value(key)}


def _base_value(key: str) -> Any:
    value = attrgetter(key)(_base())
    return list(value) if isinstance(value, tuple) else value


@cache
def _base() -> Recipe:
    return load_recipe(BASE)


class _Side(NamedTuple):
    """The length at which the longer side of a photo is looked at."""

    pixels: int
    usual: int  # the same for a photo of usual proportions
    is_set: bool  # or every photo is looked at as it is
    reason: str


def _side(facts: Facts) -> _Side:
    own, largest = facts.longer.median, LARGEST_SIDE if facts.gpu_memory is None else LARGEST_GPU_SIDE
    possible = max(round(own * MOST_ENLARGED), 16)  # which is what a recipe takes at least
    usual = min(max(own, LEAST_SIDE), largest, possible)
    proportion = own / facts.shorter.median
    long = min(max(sqrt(proportion / 2), 1.0), 2.0)  # of strips, else nothing would be left of the shorter side
    side = min(round(usual * long), possible)
    if side != own:
        reason = f"photos of {own} pixels are {'enlarged' if side > own else 'shrunk'}"
        if long > 1:
            reason += f", being {proportion:.1f} times as long as wide"
        return _Side(side, usual, True, reason)
    unlike = facts.longer.largest >= UNLIKE * own or facts.longer.smallest * UNLIKE <= own
    reason = f"photos of {facts.longer.smallest} to {facts.longer.largest} pixels are brought to one size"
    return _Side(side, usual, unlike, reason if unlike else f"photos have {own} pixels")


def _views(facts: Facts, side: _Side, cell: int) -> dict[str, Fit]:
    """Crops and sizes of training views, and of whole photos."""
    tile = 2 * cell
    fits = {}
    for section, ends in RANGES.items():
        lengths = [max(16, round(side.pixels * end)) for end in ends]
        fits[f"{section}.resize"] = Fit(lengths, f"around {side.pixels}: {side.reason}")
        share, least = CROPS[section], ceil(LEAST_CROP / tile)
        tiles = round(share * side.usual / tile)
        length = f"about {share:.0%} of {side.usual} pixels" if tiles >= least else f"at least {LEAST_CROP} pixels"
        fits[f"{section}.crop"] = Fit(max(tiles, least) * tile, f"{length}, in whole tiles")
    for section in ("cams", "rw", "seg.predict"):
        fits[f"{section}.longer_side"] = Fit(side.pixels if side.is_set else None, side.reason)
    if facts.gpu_memory is None and facts.train > MANY_ON_CPU:
        fits["cams.scales"] = Fit(FEWER_SCALES, f"the largest view is left out: {facts.train:,} photos on a CPU")
    return fits


def _crfs(facts: Facts, side: _Side) -> dict[str, Fit]:
    fits = {}
    for key, labels in (("affinity.labels.crf", 3), ("rw.crf", 3), ("seg.predict.crf", facts.classes + 1)):
        longest = _crf_side(facts, side, labels)
        fits[f"{key}.largest_side"] = Fit(longest, f"photos have up to {facts.longer.largest:,} pixels a side")
    return fits


def _crf_side(facts: Facts, side: _Side, labels: int) -> int | None:
    """Photos up to `LARGE` times the side are seen as they are, if the memory allows it for one at a time."""
    allowed = sqrt(SHARE_OF_MEMORY * facts.memory / _crf_bytes(labels))
    allowed *= sqrt(facts.longer.largest**2 / facts.pixels)
    wanted = 2 * side.pixels if facts.longer.largest > LARGE * side.pixels else facts.longer.largest
    longest = min(wanted, int(allowed))
    return None if longest >= facts.longer.largest else max(longest, 32)


def _crf_bytes(labels: int) -> int:
    """A pixel."""
    return bytes_of("auto", labels) + PROBABILITY_BYTES * labels


def _lengths(facts: Facts) -> dict[str, Fit]:
    """Batches and epochs: more photos, more steps, though fewer for each photo."""
    batch = min(BASE_BATCH, facts.train)
    an_epoch = max(1, facts.train // batch)
    more = (facts.train / BASE_PHOTOS) ** (GROWTH if facts.gpu_memory is None else GPU_GROWTH)
    fits = {}
    for section, least in LEAST_STEPS.items():
        steps = _base_value(f"{section}.epochs") * (BASE_PHOTOS // BASE_BATCH) * more
        epochs = max(1, round(max(steps, least) / an_epoch))
        fits[f"{section}.batch"] = Fit(batch, "as many as there are photos")
        fits[f"{section}.epochs"] = Fit(epochs, f"{epochs * an_epoch:,} steps, for {several(facts.train, 'photo')}")
    return fits


def _machine(facts: Facts, side: _Side) -> dict[str, Fit]:
    """Processes and photos at once, as the memory allows."""
    labels = facts.classes + 1
    longest = _crf_side(facts, side, labels) or facts.longer.largest
    pixels = facts.pixels * (longest / facts.longer.largest) ** 2
    crf, scoring = pixels * _crf_bytes(labels), facts.pixels * PHOTO_BYTES
    workers = max(1, int(SHARE_OF_MEMORY * facts.memory / max(crf, scoring)))
    by_itself = max(1, min(facts.cores, facts.memory // WORKER_BYTES))
    heavy = f"a dense CRF of {labels} labels" if crf > scoring else "scoring the largest photo"
    reason = f"{heavy} takes {max(crf, scoring) / 1e9:.1f} GB"
    fits = {"runtime.workers": Fit(None if workers >= by_itself else workers, reason)}
    if facts.gpu_memory is not None:
        seen = side.pixels**2 if side.is_set else facts.pixels
        photo = 2 * VIEW_BYTES * 4 * seen + 12 * labels * pixels
        at_once = max(1, min(GPU_AT_ONCE, int(SHARE_OF_MEMORY * facts.gpu_memory / photo)))
        reason = f"a photo takes up to {photo / 1e9:.1f} GB of the GPU"
        fits["runtime.photos_at_once"] = Fit(None if at_once == GPU_AT_ONCE else at_once, reason)
    return fits
