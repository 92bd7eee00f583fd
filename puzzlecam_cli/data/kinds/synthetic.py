"""Made-up pictures, written once in VOC layout."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Literal

from puzzlecam_cli.data.kinds.voc import VocData, VocPhotos
from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits, Tick
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import leftovers, write_text
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.section import Count, Integer, Location, default

MARKER = "synthetic.json"
UNFINISHED = "unfinished"
NOT_DRAWN = {"kind", "root", "on_error"}  # settings that change nothing in the pictures


class SyntheticData(DataSettings):
    """Made-up pictures: objects with a small telling part and a plain larger body."""

    kind: Literal["synthetic"]
    root: Location | None = default(None, "Where the pictures are written; null: `data` in the run folder [ours].")
    pictures: Count = default(240, "Pictures to train on [ours].", le=100_000)
    val_pictures: Count = default(60, "Pictures to predict and score [ours].", le=100_000)
    size: Integer = default(160, "Longer side in pixels, about [ours].", ge=48, le=4096)
    classes: Integer = default(6, "Object classes [ours].", ge=1, le=8)


class SyntheticPhotos(PhotoSet):
    """Pictures that are drawn from the recipe's seed, and their masks."""

    Settings = SyntheticData
    settings: SyntheticData

    @cached_property
    def _drawn(self) -> VocPhotos:
        return VocPhotos(self.pinned(), self.run, self.seed)

    def pinned(self) -> VocData:
        root = self.settings.root or self.run / "data"
        return VocData(kind="voc", on_error=self.settings.on_error, root=root, train="train", val="val")

    @property
    def classes(self) -> tuple[str, ...]:
        return self._drawn.classes

    @property
    def splits(self) -> Splits:
        return Splits("train", "val", "train")

    @property
    def tags_from(self) -> str:
        return self._drawn.tags_from

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        return self._drawn.photos(split, tags=tags)

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        return f"synthetic {self._content}"

    @property
    def to_prepare(self) -> int:
        return self.settings.pictures + self.settings.val_pictures

    def count(self, split: str) -> tuple[int, int]:
        number = self.settings.pictures if split == "train" else self.settings.val_pictures
        return number, number

    def few(self, count: int) -> SyntheticData:
        sizes = {"pictures": min(count, self.settings.pictures), "val_pictures": min(count, self.settings.val_pictures)}
        return self.settings.model_copy(update={"root": None, **sizes})

    @property
    def _content(self) -> str:
        described = self.settings.model_dump(exclude=NOT_DRAWN)
        return json.dumps({"version": 1, "seed": self.seed} | described)

    @property
    def _is_prepared(self) -> bool:
        marker = self.pinned().root / MARKER
        try:
            return marker.is_file() and not marker.is_symlink() and marker.read_bytes() == self._content.encode()
        except OSError:  # `check` says what
            return False

    def check(self) -> None:
        """Whether the pictures can be written, or are there as the recipe wants them.

        Raises:
            UserError: another's files lie where they should go.
        """
        if self._is_prepared:
            return
        root = self.pinned().root
        try:
            problem = self._why_not(root)
        except OSError as error:  # a name that is too long, a loop of links
            problem = f"{root} cannot be used: {error.strerror}"
        if problem:
            raise UserError("folder-not-ours", problem, hint="--set data.root= a new or empty folder")

    def _why_not(self, root: Path) -> str | None:
        """What keeps us from writing pictures into a folder, in words."""
        if root.is_symlink() or (root.exists() and not root.is_dir()):
            return f"{root} is no folder of its own"
        above = next(path for path in (root, *root.absolute().parents) if path.is_symlink() or path.exists())
        if not above.is_dir():
            return f"{above} is no folder"
        if root.exists() and set(root.iterdir()) - set(leftovers(root / MARKER)):  # of one killed as it wrote its first
            if not _is_ours(root / MARKER):
                return f"{root} holds files that are not ours"
            from puzzlecam_cli.data.made_up.drawn import changed_by_others

            if changed := changed_by_others(root):
                return f"{changed} is not as we wrote it"
        return None

    def prepare(self, tick: Tick) -> None:
        """Write the pictures, if they are not there as the recipe wants them.

        Raises:
            UserError: another's files lie where they should go.
        """
        if self._is_prepared:
            return
        self.check()
        from puzzlecam_cli.data.made_up.drawn import remove_drawn, write_synthetic

        root = self.pinned().root
        marker = root / MARKER
        # The marker goes in first, unfinished, so that an interrupted writing is known as ours and begun again.
        for begun in leftovers(marker):
            begun.unlink(missing_ok=True)
        write_text(marker, UNFINISHED)
        remove_drawn(root)
        settings = self.settings
        write_synthetic(
            root,
            train=settings.pictures,
            val=settings.val_pictures,
            size=settings.size,
            classes=settings.classes,
            seed=self.seed,
            progress=tick,
        )
        write_text(marker, self._content)
        self.__dict__.pop("_drawn", None)  # what it knows of the folder is old


def _is_ours(marker: Path) -> bool:
    """Whether we wrote a marker: nothing of another's `synthetic.json` is like ours."""
    if marker.is_symlink() or not marker.is_file() or marker.stat().st_size > 4096:
        return False
    text = marker.read_text(encoding="utf-8", errors="replace")
    if text == UNFINISHED:
        return True
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return False
    known = {"version", "seed", *SyntheticData.model_fields} - NOT_DRAWN
    return isinstance(content, dict) and content.keys() == known
