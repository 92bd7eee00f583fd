"""What a data set is: named splits of photos. This is the only door to data; nothing outside this room knows a kind."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
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
Tell = Callable[[str], None]  # is told what is being done, for a person who waits
Look = Callable[["Sequence[Photo]"], "Sequence[bytes]"]  # thumbnails of photos: see `puzzlecam_cli.data.parts.likeness`


def silent(words: str) -> None:
    """Nobody waits."""


class Mask(Protocol):
    """Reads the true classes of a photo's pixels, for scoring. It travels to other processes."""

    @property
    def path(self) -> Path:
        """The file it reads, to see whether it changed."""

    @property
    def key(self) -> Path:
        """What messages call it and what was seen of it is remembered by: `path`, or `path#id` in a file of many."""

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
    tell: Tell = staticmethod(silent)  # whoever opens a data set may set it: reading 100,000 names takes seconds

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

    def fingerprint_without(self, split: str, ids: Iterable[str], *, tags: bool = False, masks: bool = False) -> str:
        """The fingerprint of a split of which photos are left out because they cannot be decoded.

        Best, it is what `fingerprint` is for the list without them: then nothing is made anew where such a photo is
        broken in another way, or is taken off its list.
        """
        whole = self.fingerprint(split, tags=tags, masks=masks)
        return hashlib.sha256("\n".join([whole, *sorted(ids)]).encode()).hexdigest()[:16]

    def left_out(self, split: str) -> dict[str, str]:
        """Photos that a split names and `photos` leaves out: the reason (`is not there`) by id.

        A kind leaves out, with `data.on_error: skip`, those whose file it cannot find; it need not decode any. What
        cannot be decoded is left out for it: see `puzzlecam_cli.data.skipping`. With `stop` `photos` raises instead.
        """
        return {}

    def masks_left_out(self, split: str) -> dict[str, str]:
        """Photos of a split that are not scored though others are, by id, with what is wrong with their mask.

        As with `left_out`, a kind leaves out masks that it cannot find, where it wants one of every photo, and only
        with `data.on_error: skip`; `photos` gives these without a mask.
        """
        return {}

    def why_changed(self, split: str) -> str:
        """What is known of why a split's fingerprint changed, as the end of a sentence; empty if nothing is."""
        return ""

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

    def settle(self, tick: Tick, look: Look) -> list[str]:
        """Find out which photo belongs to which split and keep it in the run folder, once, in the main process.

        It comes before photos are checked.

        Args:
            tick: is told of rounds of comparing photos.
            look: gives what photos are compared by, decoding them where it has to.

        Returns:
            Why it was found out once more, a sentence; nothing where it was the first time, or is known.

        Raises:
            UserError: there are too few photos, or the place of the lists holds what is not ours.
        """
        return []

    def restore(self) -> None:  # noqa: B027
        """Write again what `settle` found, where it is known and something else, or less, lies in its place.

        Raises:
            UserError: something there is not ours.
        """

    def look_past(self, ids: Collection[str]) -> bool:
        """From now on list splits as if nothing named these photos, to look at the rest where some are at fault.

        Returns:
            Whether this kind of data can.
        """
        return False

    def facts(self, split: str) -> list[str]:
        """What a person should know about a split and its tags, a sentence each; `photos` was called for it."""
        return []

    def why_no_masks(self, split: str) -> str:
        """What a person should know about masks none of which was found, as the end of a sentence."""
        return ""

    def check_masks(self) -> None:  # noqa: B027
        """Whether masks can be read on this machine, without reading one; asked where they are to be scored with.

        Raises:
            UserError: a package is missing.
        """

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


def open_photos(settings: DataSettings, run: Path, seed: int, tell: Tell = silent) -> PhotoSet:
    """The data set that a recipe's `data` section names."""
    found: PhotoSet = dataset(settings.kind)(settings, run, seed)
    found.tell = tell
    return found
