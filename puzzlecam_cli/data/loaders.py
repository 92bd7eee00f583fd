"""Batches for training and photos for inference, loaded ahead by worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf, prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate, get_worker_info

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.mask_file import read_labels
from puzzlecam_cli.data.pixels.photo_file import open_image, size_of
from puzzlecam_cli.data.pixels.sizes import Size, size_at
from puzzlecam_cli.data.shared_memory import Loaders, forget_failed, loaders_for
from puzzlecam_cli.data.transforms import Colour, Side, generator_for, random_view, scaled
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group.interrupt import follow_parent, signals_held_back
from puzzlecam_cli.method.constants import IGNORE

Batch = dict[str, Tensor]
LOOKED_AT = 64  # photos by whose sizes it is reckoned what loading ahead takes


@dataclass(frozen=True)
class Loading:
    """How items are loaded ahead.

    Args:
        workers: processes; 0: in this one, when they are asked for.
        pinned: for a GPU, which copies them while it computes.
        memory: bytes that may be loaded ahead.
        note: is told where memory allows less, in words.
    """

    workers: int = 0
    pinned: bool = False
    memory: float = inf
    note: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class TrainingViews(Dataset[Batch | UserError]):
    """Random views of photos with their tags and, if `mask_of` names label files, their labels.

    An item is asked for by (epoch, index): `image` (3, S, S), `tags` (C,) multi-hot, `mask` (S, S) int64.
    """

    photos: Sequence[Photo]
    num_classes: int
    seed: int
    resize: tuple[int, int]
    crop: int
    mean: Colour
    std: Colour
    mask_of: Callable[[str, int], Path] | None = None  # of an image id and an epoch
    resize_side: Side = "longer"

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def item_bytes(self) -> int:
        """Of one view with all that belongs to it."""
        return (12 + (8 if self.mask_of else 0)) * self.crop**2 + 4 * self.num_classes

    def __getitem__(self, key: tuple[int, int]) -> Batch | UserError:
        epoch, index = key
        photo = self.photos[index]
        try:
            mask = read_labels(self.mask_of(photo.id, epoch)) if self.mask_of else None
            image, labels = random_view(
                open_image(photo.image),
                mask,
                generator_for(self.seed, epoch, index),
                resize=self.resize,
                crop=self.crop,
                mean=self.mean,
                std=self.std,
                resize_side=self.resize_side,
            )
        except UserError as error:
            return error  # raised in the main process: workers would turn it into text
        except ValueError as error:
            return UserError("mask-size", f"the labels of {photo.id} do not fit its photo: {error}")
        if labels is not None and bool(((labels > self.num_classes) & (labels != IGNORE)).any()):
            problem = f"the labels of {photo.id} hold a class above {self.num_classes}"
            return UserError("artifact-unreadable", problem, hint="delete them; their stage makes them again")
        tags = torch.zeros(self.num_classes)
        tags[[tag - 1 for tag in photo.tags]] = 1
        return {"image": image, "tags": tags} | ({} if labels is None else {"mask": labels})


@dataclass(frozen=True)
class TrainingBatches:
    """A batch sampler over all steps of a training: shuffled by (seed, epoch), divided over processes.

    The last, smaller batch of an epoch is dropped [code], unless it is the only one.
    """

    count: int
    batch: int
    epochs: int
    seed: int
    first_step: int = 0
    process: int = 0
    processes: int = 1
    until: int | None = None  # epochs, if not to the end

    @property
    def steps_per_epoch(self) -> int:
        return max(1, self.count // self.batch)

    def __len__(self) -> int:
        return self.epochs * self.steps_per_epoch - self.first_step

    def of_step(self, step: int) -> list[tuple[int, int]]:
        """What all processes together see at a step, as (epoch, index)."""
        epoch, within = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.count)
        return [(epoch, index) for index in order[within * self.batch : (within + 1) * self.batch].tolist()]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.first_step, (self.until or self.epochs) * self.steps_per_epoch):
            yield self.of_step(step)[self.process :: self.processes]


@dataclass(frozen=True)
class ScaledPhotos(Dataset[Any]):
    """Whole photos at several scales, normalised: (index, (H, W, 3) uint8, one (3, h, w) float32 a scale).

    Of photos whose (H, W) is to be seen `alone`, because it is too large to be handed on, no pixels. Of photos of more
    bytes than `most` a process that loads hands on the index alone.
    """

    photos: Sequence[Photo]
    scales: Sequence[float]
    mean: Colour
    std: Colour
    longer_side: int | None = None  # of every photo at scale 1; None: its own
    alone: Callable[[Size], bool] | None = None
    most: float = inf

    def __len__(self) -> int:
        return len(self.photos)

    def bytes_of(self, size: Size) -> int:
        """What is handed on of a photo of (H, W) pixels."""
        if self.alone is not None and self.alone(size):
            return 0
        seen = size_at(size, self.longer_side)
        return 3 * prod(size) + sum(12 * round(prod(seen) * scale**2) for scale in self.scales)

    def largest_of_some(self) -> int:
        """Bytes of the largest of a few photos, evenly over the list; of those that can be read."""
        found = [1]
        for photo in self.photos[:: -(-len(self) // LOOKED_AT)] if self.photos else ():
            with suppress(UserError):
                found.append(self.bytes_of(size_of(photo.image)))
        return max(found)

    def __getitem__(self, index: int) -> tuple[int, Tensor, list[Tensor]] | int | UserError:
        photo = self.photos[index]
        try:
            size = size_of(photo.image)
            if self.alone is not None and self.alone(size):
                return index, torch.empty(0, 0, 3, dtype=torch.uint8), []
            if get_worker_info() is not None and self.bytes_of(size) > self.most:
                return index
            image = open_image(photo.image)
        except UserError as error:
            return error.about(photo.id)
        views = scaled(image, self.scales, self.mean, self.std, self.longer_side)
        return index, torch.from_numpy(np.array(image)), views


def _first_error_or_batch(items: list[Batch | UserError]) -> Any:
    """Workers stack straight into the memory that they share with the main process."""
    return next((item for item in items if isinstance(item, UserError)), None) or default_collate(items)


def _only_item(items: list[Any]) -> Any:
    return items[0]


def training_loader(views: TrainingViews, batches: TrainingBatches, loading: Loading) -> Iterator[Batch]:
    """The batches of a training, in order.

    Raises:
        UserError: a photo or a mask cannot be read.
    """
    largest = -(-min(batches.batch, batches.count) // batches.processes)
    loaders = _loaders(loading, largest * views.item_bytes, HELD)
    yield from _loaded(views, batches, _first_error_or_batch, loading, loaders)


def photo_loader(
    photos: ScaledPhotos, loading: Loading, failed: Callable[[UserError], None] | None = None, held: int = 1
) -> Iterator[tuple[int, Tensor, list[Tensor]]]:
    """The photos in order, see `ScaledPhotos`.

    Args:
        failed: is given the error of a photo that cannot be read, its id in `ids`, and the others go on.
        held: photos that are kept by whoever takes them.

    Raises:
        UserError: a photo cannot be read, without `failed`.
    """
    loaders = _loaders(loading, photos.largest_of_some() if loading.workers else 1, HELD + held - 1)
    photos = replace(photos, most=loaders.most)
    yield from _loaded(photos, [[index] for index in range(len(photos))], _only_item, loading, loaders, failed)


HELD = 2  # items, while one is taken and the one before it is not given up yet


def _loaders(loading: Loading, item: float, held: int) -> Loaders:
    if not loading.workers:
        return Loaders(0)
    # what is pinned is a copy, and what was shared is free again
    return loaders_for(loading.workers, item, 1 if loading.pinned else held, loading.memory, loading.note)


def _follow_parent(_: int) -> None:
    follow_parent(os.getppid())


@dataclass(frozen=True)
class _HandedOn:
    """What a loading process hands on of some items: what `collate` makes of them, in shared memory.

    Where that has no room, a number, for which the main process loads them itself. PyTorch would find out in a thread
    that loses what it cannot share, and the main process would wait for it for ever.
    """

    collate: Callable[[list[Any]], Any]

    def __call__(self, items: list[Any]) -> Any:
        try:
            found = self.collate(items)
            if get_worker_info() is not None:
                _share(found)
        except RuntimeError as error:  # any other comes again in the main process
            forget_failed(str(error))
            return 0
        return found


def _share(item: Any) -> None:
    """Move all tensors of an item to shared memory, in place."""
    if isinstance(item, Tensor):
        if item.numel():
            item.share_memory_()  # type: ignore[no-untyped-call]
    elif isinstance(item, dict | list | tuple):
        for part in item.values() if isinstance(item, dict) else item:
            _share(part)


def _loaded(
    source: Dataset[Any],
    keys: Sequence[list[Any]] | TrainingBatches,
    collate: Callable[[list[Any]], Any],
    loading: Loading,
    loaders: Loaders,
    failed: Callable[[UserError], None] | None = None,
) -> Iterator[Any]:
    """What `collate` makes of the items of each of `keys`, in order."""
    ahead: dict[str, Any] = {"prefetch_factor": loaders.ahead} if loaders.workers else {}
    ahead |= {"num_workers": loaders.workers, "pin_memory": loading.pinned, "worker_init_fn": _follow_parent}
    with signals_held_back():
        items: Any = iter(DataLoader(source, batch_sampler=keys, collate_fn=_HandedOn(collate), **ahead))
    try:
        for some, item in zip(keys, items, strict=True):
            if isinstance(item, int):
                item = collate([source[key] for key in some])
            if not isinstance(item, UserError):
                yield item
            elif failed is None:
                raise item
            else:
                failed(item)
    finally:
        if loaders.workers:  # an error's traceback would keep them until Python ends, which then waits for them
            items._shutdown_workers()
