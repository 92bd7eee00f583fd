"""What a data set is: named splits of photos. This is the only door to data; nothing outside this room knows a kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.registry import dataset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Tick = Callable[[int, int], None]  # (done, total)


class Mask(Protocol):
    """Reads the true classes of a photo's pixels, for scoring. It travels to other processes."""

    @property
    def path(self) -> Path:
        """The file it reads: for messages, and to see whether it changed."""

    def read(self) -> NDArray[np.uint8]:
        """(H, W) classes 0..C, 0 background, 255 void.

        Raises:
            UserError: the file is missing, unreadable, or means something else.
        """

    def is_grey(self) -> bool:
        """Whether nothing but its numbers tells what it means: 255 may be void, or white."""


@dataclass(frozen=True)
class Photo:
    """One photo. `tags` are class indices 1..C, sorted; `mask` is for scoring only."""

    id: str
    image: Path
    tags: tuple[int, ...] = ()
    mask: Mask | None = None


@dataclass(frozen=True)
class Splits:
    """Names of the splits: trained on; predicted at the end, if any; maps and pseudo labels are scored on."""

    train: str
    val: str | None
    score: str

    def named(self, which: str) -> str | None:
        """The split that plays a part: `train`, `val` or `score`."""
        return {"train": self.train, "val": self.val, "score": self.score}[which]


class PhotoSet(ABC):
    """A data set on disk. Opening it reads nothing; all problems of a split are reported at once as a UserError.

    Args:
        settings: the recipe's.
        run: the run folder, where a kind may keep what it makes.
        seed: the recipe's.
    """

    Settings: ClassVar[type[DataSettings]]

    def __init__(self, settings: Any, run: Path, seed: int):
        self.settings = settings
        self.run = run
        self.seed = seed

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the object classes 1..C."""

    @property
    def mask_meaning(self) -> str:
        """What else than their files says what masks mean: what was seen of them holds while this stays."""
        return f"{len(self.classes)} classes"

    @property
    @abstractmethod
    def splits(self) -> Splits:
        """Their names; reads nothing."""

    @property
    @abstractmethod
    def tags_from(self) -> str:
        """Where tags come from, as the scores say it; `masks` where they were read off pixel masks."""

    @property
    def scores_some(self) -> bool:
        """Whether scores are of the photos that have a mask; otherwise each photo of a scored split must have one."""
        return False

    @abstractmethod
    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        """The photos of a split in the order of its list; `tags` reads their tags as well."""

    def known_tags(self, split: str) -> dict[str, tuple[int, ...]]:
        """Tags of a split by id, to compare masks with; none where they cannot all be read, or are the masks' own."""
        if self.tags_from == "masks":
            return {}
        try:
            return {photo.id: photo.tags for photo in self.photos(split, tags=True)}
        except UserError:
            return {}

    @abstractmethod
    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        """A hash of names, sizes and times of the split's files: it changes when the photos do."""

    def check(self) -> None:  # noqa: B027
        """Whether `prepare` can do its work; changes nothing.

        Raises:
            UserError: it cannot.
        """

    def prepare(self, tick: Tick) -> None:  # noqa: B027 - most kinds have nothing to prepare
        """Make what has to be made once, in the main process."""

    @property
    def to_prepare(self) -> int:
        """How many pictures `prepare` makes."""
        return 0

    @property
    def is_settled(self) -> bool:
        """Whether it is known which photo belongs to which split. Until then no split can be listed, only counted."""
        return True

    def settle(self, tick: Tick) -> None:  # noqa: B027 - most kinds have lists
        """Find out which photo belongs to which split and keep it in the run folder, once, in the main process.

        It comes before photos are checked. A person may not wait for a silent second: `tick` is told of photos.
        """

    def leave_out(self, ids: Collection[str]) -> bool:
        """From now on list splits without these photos, to look at the rest where some are at fault.

        Returns:
            Whether this kind of data can.
        """
        return False

    def unnamed(self) -> list[str]:
        """Ids of photos that lie in the folder and that nothing names."""
        return []

    def facts(self, split: str) -> list[str]:
        """What a person should know about a split and its tags, a sentence each; `photos` was called for it."""
        return []

    def why_no_masks(self, split: str) -> str:
        """What a person should know about masks none of which was found, as the end of a sentence."""
        return ""

    def count(self, split: str) -> tuple[int, int]:
        """Photos of a split, and how many of them have a mask."""
        photos = self.photos(split)
        return len(photos), sum(photo.mask is not None for photo in photos)

    def pinned(self) -> DataSettings:
        """Settings that name these very photos from any run folder and with any seed."""
        return self.settings  # type: ignore[no-any-return]

    def few(self, count: int) -> DataSettings:
        """Settings of which about `count` pictures a split are prepared."""
        return self.settings  # type: ignore[no-any-return]


def open_photos(settings: DataSettings, run: Path, seed: int) -> PhotoSet:
    """The data set that a recipe's `data` section names."""
    found: PhotoSet = dataset(settings.kind)(settings, run, seed)
    return found
