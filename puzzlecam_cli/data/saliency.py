"""Saliency maps of photos: grey PNGs by image id, or what a plugin makes of each photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.disk.resolver import FileIndex
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.saliency import Saliency
from puzzlecam_cli.registry import saliency_method
from puzzlecam_cli.text import quoted, several

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_called = cache(saliency_method)  # a plugin may load a network: once in a process


@dataclass(frozen=True)
class SaliencyOf:
    """Where the saliency map of one photo is from, and its uses. It travels to other processes.

    Args:
        settings: with a folder or a plugin.
        file: in the folder.
    """

    settings: Saliency
    file: Path | None

    def read(self, photo: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The map of a photo (H, W, 3): (H, W) in [0, 1].

        Raises:
            UserError: `saliency-missing`; `saliency-unreadable` for what is no grey PNG of the photo's size;
                `plugin-broken`.
        """
        import numpy as np

        if self.file is None:
            found: NDArray[np.float32] = _called(str(self.settings.plugin))(photo)
            return found
        grey = read_grey(self.file)
        if grey.shape != photo.shape[:2]:
            raise unfit(self.file, _of_another_size(grey.shape, photo.shape[:2]))
        return grey.astype(np.float32) / np.float32(255)


class SaliencyMaps:
    """The saliency maps of a recipe, by image id.

    Args:
        settings: with a folder or a plugin.
    """

    def __init__(self, settings: Saliency):
        self._settings = settings

    @cached_property
    def _index(self) -> FileIndex | None:
        folder = self._settings.folder
        return None if folder is None else FileIndex(folder, (".png",))

    def of(self, image_id: str) -> SaliencyOf:
        """Of one photo.

        Raises:
            UserError: `saliency-missing`: the folder holds none.
        """
        if self._index is None:
            return SaliencyOf(self._settings, None)
        file = self._index.find(image_id)
        if file is None:
            self.check([image_id])
        return SaliencyOf(self._settings, file)

    def check(self, ids: Iterable[str]) -> None:
        """Whether there is a map of each of these photos, or who makes them; none is read.

        Raises:
            UserError: `saliency-missing` with all ids; what `registry.saliency_method` raises.
        """
        if self._index is None:
            saliency_method(str(self._settings.plugin))
            return
        folder = self._index.folder
        if not folder.is_dir():
            raise UserError(
                "saliency-missing",
                f"there is no folder of saliency maps {folder}",
                hint="saliency.folder names a folder with a grey PNG `<id>.png` for each photo",
            )
        asked = list(ids)
        missing = self._index.unusable(asked)
        if missing:
            raise UserError(
                "saliency-missing",
                f"{len(missing)} of {several(len(asked), 'photo')} have no saliency map in {folder}",
                shorten([f"{quoted(image_id)}: {reason}" for image_id, reason in missing.items()]),
                "the folder holds a grey PNG `<id>.png` for each photo",
                tuple(missing),
            )

    def states(self, ids: Iterable[str]) -> list[str]:
        """Size and time of each map's file, to see whether it changed; of a plugin's, nothing."""
        return [] if self._index is None else self._index.stats(ids)


def read_grey(path: Path) -> NDArray[np.uint8]:
    """(H, W) of a grey PNG of 8 bits or less, white being 255.

    Raises:
        UserError: `saliency-missing`, `saliency-unreadable`.
    """
    import numpy as np

    from puzzlecam_cli.data.pixels.decode import opened

    with opened(path, "saliency") as file:
        if file.format != "PNG" or file.mode not in ("1", "L"):
            raise unfit(path, f"is no grey PNG of 8 bits: it is a {file.format} of kind {file.mode}")
        return np.array(file.convert("L"))


def wrong_with(path: Path, size: tuple[int, int] | None) -> str | None:
    """Why a file is no saliency map of a photo of (H, W) pixels, in words; None: it is one."""
    try:
        grey = read_grey(path)
    except UserError as error:
        return error.problem
    return f"{path} {_of_another_size(grey.shape, size)}" if size and grey.shape != size else None


def _of_another_size(found: tuple[int, ...], photo: tuple[int, ...]) -> str:
    return f"has {found[1]} × {found[0]} pixels, its photo {photo[1]} × {photo[0]}"


def unfit(path: Path, problem: str) -> UserError:
    from puzzlecam_cli.data.pixels.decode import refused

    return refused("saliency", path, problem)
