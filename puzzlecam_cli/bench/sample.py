"""A few photos of a data set, and steps that see no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, cast

from torch import nn

from puzzlecam_cli.data.photos import Photo, PhotoSet
from puzzlecam_cli.data.skipping import readable
from puzzlecam_cli.engine.step import LossModule
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.recipe.schema import Training
from puzzlecam_cli.run.context import Context

STILL = 1e-9  # a learning rate that changes nothing: random weights and the recipe's rate need not go together


def usable(whole: PhotoSet, photos: Sequence[Photo], count: int) -> list[Photo]:
    """So many of the photos, evenly over the list; of a recipe that leaves out those that cannot be read, others.

    Raises:
        UserError: none of them can be read.
    """
    chosen = spread(photos, count)
    if not whole.settings.skips or not chosen:
        return chosen
    ids = {photo.id for photo in chosen}
    found = list(islice(readable([*chosen, *(photo for photo in photos if photo.id not in ids)]), count))
    if not found:
        raise UserError("image-unreadable", f"none of {len(photos)} photos can be read, such as {photos[0].image}")
    return found


def spread(photos: Sequence[Photo], count: int) -> list[Photo]:
    """So many of the photos, evenly over the list: lists are often sorted by class."""
    count = min(count, len(photos))
    return [photos[number * len(photos) // count] for number in range(count)]


@dataclass(frozen=True)
class Sample:
    """A few photos of each split of a data set.

    Maps can be scored of photos only that are trained on and have a mask, so these are preferred.
    """

    whole: PhotoSet
    chosen: dict[str, list[Photo]] = field(default_factory=dict)

    @classmethod
    def of(cls, whole: PhotoSet, count: int) -> Sample:
        """`count` photos a split; fewer where there are not so many."""
        splits = whole.splits
        scored = whole.photos(splits.score)
        with_mask = {photo.id for photo in scored if photo.mask}
        train = whole.photos(splits.train, tags=True)
        train = usable(whole, [photo for photo in train if photo.id in with_mask] or train, count)
        ids = {photo.id for photo in train}
        chosen: dict[str, list[Photo]] = {}
        if splits.val:
            val = whole.photos(splits.val)
            chosen[splits.val] = usable(whole, [photo for photo in val if photo.mask] or val, count)
        chosen[splits.score] = [photo for photo in scored if photo.id in ids]
        chosen[splits.train] = train
        return cls(whole, chosen)

    def __getattr__(self, name: str) -> Any:
        """All else is as in the whole data set."""
        return getattr(self.whole, name)

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        return self.chosen[split]

    def repeated(self, split: str, count: int) -> Sample:
        """The sample with so many photos of a split, the same over and over."""
        return replace(self, chosen=self.chosen | {split: list(islice(cycle(self.chosen[split]), count))})


@dataclass(frozen=True)
class SampleContext(Context):
    """A context whose trainings take a few steps, each with as many images as a step of the recipe has.

    Args:
        sample: the photos that steps see.
        train_count: how many photos the recipe trains on.
        steps: of a training.
    """

    sample: Sample
    train_count: int
    steps: int

    @property
    def data(self) -> PhotoSet:
        return cast(PhotoSet, self.sample)

    def train(
        self,
        module: LossModule,
        settings: Training,
        backbone: Backbone,
        *,
        pretrained: nn.Module | None,
        freeze_batchnorm: bool,
        mask_of: Callable[[str, int], Path] | None = None,
        until: int | None = None,
    ) -> None:
        batch = min(settings.batch, self.train_count)
        few = replace(self, sample=self.sample.repeated(self.splits.train, batch * self.steps))
        Context.train(
            few,
            module,
            settings.model_copy(update={"epochs": 1, "batch": batch, "lr": STILL}),
            backbone,
            pretrained=pretrained,
            freeze_batchnorm=freeze_batchnorm,
            mask_of=mask_of,
            until=until,
        )
