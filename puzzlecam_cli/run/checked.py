"""What the checks of a preflight share: the run, and what was seen of its photos, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from puzzlecam_cli.data.photos import Photo, PhotoSet, Tick
from puzzlecam_cli.data.pixels.look import Seen
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.runtime import FIRST_WORKERS
from puzzlecam_cli.run.looking import Remembered, jobs_of, look
from puzzlecam_cli.run.pipeline import Step
from puzzlecam_cli.run.run import Run


@dataclass(frozen=True)
class Checked:
    """A run that is being checked; see `preflight` for the arguments."""

    run: Run
    steps: tuple[Step, ...]
    processes: int
    tick: Tick | None
    workers: int
    everything: bool = False  # as if all steps were to be made
    pictures: bool = False  # what tells photos from each other is asked for
    refused: dict[str, UserError] = field(default_factory=dict)  # splits that cannot be listed
    found: dict[str, int] = field(default_factory=dict)  # numbers that one check finds and another needs

    @property
    def at_once(self) -> int:
        """Photos that pools work on at once at least; without a number in the recipe more, as the memory allows."""
        most = self.workers if self.run.recipe.runtime.workers is not None else min(self.workers, FIRST_WORKERS)
        return max(most, 1)

    def makes(self, *names: str) -> bool:
        """Whether one of these steps is to be made."""
        return self.everything or any(step.name in names for step in self.steps)

    @property
    def splits(self) -> dict[str, str]:
        """The splits that are worked with, by the part they play.

        All of the recipe's; where nothing is made but scores, those of what is there to be scored.
        """
        named, folder = self.run.photos.splits, self.run.folder
        parts = {"train": named.train, "val": named.val, "score": named.score}
        if not self.everything and all(step.takes_what_is_there for step in self.steps):
            maps = any(place.is_dir() for place in (folder.cams, folder.walked, folder.pseudo_labels))
            predictions = named.val is not None and (folder.predictions / named.val).is_dir()
            parts = {"score": named.score if maps else None, "val": named.val if predictions else None}
        return {part: split for part, split in parts.items() if split}

    @cached_property
    def photos(self) -> dict[str, list[Photo]]:
        """The photos of each part whose split can be listed, those of `train` with their tags."""
        return self._listed(self.run.photos)

    @cached_property
    def all_photos(self) -> dict[str, list[Photo]]:
        """The same with photos that cannot be decoded and are left out."""
        return self.photos if self.run.skipping is None else self._listed(self.run.all_photos)

    def _listed(self, data: PhotoSet) -> dict[str, list[Photo]]:
        found = {}
        if data.to_prepare:  # made-up pictures are not there yet, and right when they are
            return {}
        for part, split in self.splits.items():
            try:
                if not data.is_settled:  # until then splits are counted only
                    data.count(split)
                    continue
                found[part] = data.photos(split, tags=part == "train")
            except UserError as error:
                self.refused[part] = error
        return found

    @cached_property
    def trained_on(self) -> int:
        """How many photos are trained on, without reading their tags; 0 where they cannot be listed."""
        try:
            return self.run.photos.count(self.run.photos.splits.train)[0]
        except UserError:  # `photos` tells it
            return 0

    @property
    def scored(self) -> dict[str, list[Photo]]:
        """The photos of each part that is scored and has masks."""
        return self._scored(self.photos)

    @property
    def all_scored(self) -> dict[str, list[Photo]]:
        """The same with photos that are left out."""
        return self._scored(self.all_photos)

    def _scored(self, listed: dict[str, list[Photo]]) -> dict[str, list[Photo]]:
        parts = {part: listed.get(part, []) for part in ("score", "val")} if self.makes("eval/scores") else {}
        return {part: photos for part, photos in parts.items() if any(photo.mask for photo in photos)}

    @cached_property
    def seen(self) -> dict[Path, Seen]:
        """What was seen of every photo and of every mask to be scored, decoded now where it was not before."""
        assert self.tick is not None
        photos = [photo for listed in self.all_photos.values() for photo in listed]
        masks = [photo for listed in self.all_scored.values() for photo in listed]
        known = Remembered.read(self.run.folder.looked_at, self.run.photos.mask_meaning)
        return look(jobs_of(photos, masks), known, self.workers, self.tick, self.pictures)
