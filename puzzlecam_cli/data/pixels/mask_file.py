"""Decode masks: what a stored number or colour means is decided here, or refused; our own labels are read strictly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from puzzlecam_cli.data.pixels.colours import RGB, voc_colour
from puzzlecam_cli.data.pixels.decode import ORIENTATION, kind_of_pixels, opened, prepare, raw_mode, refused
from puzzlecam_cli.data.pixels.photo_file import PHOTOMETRIC, TURNS
from puzzlecam_cli.errors import UserError

VOID = 255
UNKNOWN = -1
WHITE = (255, 255, 255)
LOSSLESS = ("PNG", "BMP", "TIFF", "GIF")
LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")
SAVE_AS_PNG = (
    "masks are PNGs: grey or with a palette, a pixel's number being its class (255: void), or in VOC's colours"
)

Numbers = NDArray[Any]  # whole numbers of any size


@dataclass(frozen=True)
class MaskFile:
    """A mask on disk and what its numbers and colours mean.

    Args:
        path: a grey, palette or colour picture without loss.
        num_classes: the object classes, 1 to 254; 0 is background, 255 void.
        colours: red, green, blue of class 0 (background), 1, ...; None: PASCAL VOC's.
        white: what 255 in grey, and the colour white, stand for: void, or the only class of masks in black and white.
        voids: further colours that stand for void.
    """

    path: Path
    num_classes: int
    colours: tuple[RGB, ...] | None = None
    white: Literal["void", "class"] = "void"
    voids: tuple[RGB, ...] = ()

    def __post_init__(self) -> None:
        if self.white == "class" and self.num_classes != 1:
            raise ValueError(f"white can be the class of one class, not of {self.num_classes}")

    @property
    def key(self) -> Path:
        return self.path

    def read(self) -> NDArray[np.uint8]:
        """(H, W) class indices 0..num_classes, and 255 for void. A turn that EXIF asks for is not made.

        - grey of 1, 2, 4, 8, 16 bits: the stored number;
        - palette: the stored number, unless the palette is VOC's (or `colours`) in another order: then the colour;
        - RGB, or with an alpha of 255 throughout: the colour.

        Raises:
            UserError: `mask-missing`; `mask-unreadable` for a file that is broken, of several frames or compressed
                with loss; `mask-invalid` for a number above the classes, an unknown colour, partly transparent pixels.
        """
        with self.opened() as file:
            self._refuse_format(file)
            if file.mode == "P":
                indices = _as_stored(file)
                labels = self._of_palette(indices, np.array(file.getpalette(), dtype=np.uint8).reshape(-1, 3))
            elif file.mode in ("RGB", "RGBA"):
                labels = self._of_colours(_as_stored(file))
            else:
                labels = self._of_numbers(self._grey(file))
        return self._checked(labels)

    @contextmanager
    def opened(self) -> Iterator[ImageFile]:
        with opened(self.path, "mask") as file:
            yield file

    def is_grey(self) -> bool:
        """Whether numbers stand for classes without colours that could tell what they are."""
        with self.opened() as file:
            return file.mode not in ("P", "RGB", "RGBA")

    def _refuse_format(self, file: ImageFile) -> None:
        compression = file.info.get("compression")
        if file.format not in LOSSLESS or (file.format == "TIFF" and compression in LOSSY_TIFF):
            name = f"{file.format}" if file.format not in LOSSLESS else "TIFF with JPEG's or WebP's compression"
            raise refused("mask", self.key, f"is a {name}: its compression changes labels", SAVE_AS_PNG)
        prepare(file, "mask", self.key)
        raw = raw_mode(file)
        if ";16" in raw and file.mode in ("RGB", "RGBA", "LA"):
            raise refused("mask", self.key, "holds 16 bits a colour", SAVE_AS_PNG)
        if isinstance(file, TiffImageFile) and file.tag_v2.get(PHOTOMETRIC) == 0:
            raise refused("mask", self.key, "is a TIFF that counts from white, so that 0 is white", SAVE_AS_PNG)
        if file.mode not in ("1", "L", "LA", "P", "I", "I;16", "I;16B", "RGB", "RGBA"):
            raise refused("mask", self.key, f"holds {kind_of_pixels(file)}", SAVE_AS_PNG)

    def _grey(self, file: ImageFile) -> Numbers:
        """The stored numbers; Pillow spreads 2 and 4 bits over 0..255."""
        raw = raw_mode(file)
        numbers = _as_stored(file)
        if file.mode == "LA":
            self._refuse_transparency(numbers[..., 1])
            numbers = numbers[..., 0]
        if file.format in ("PNG", "TIFF"):
            numbers = numbers // (85 if raw.startswith("L;2") else 17 if raw.startswith("L;4") else 1)
        return np.where(numbers == 65535, VOID, numbers) if file.mode.startswith("I;16") else numbers

    def _of_numbers(self, numbers: Numbers) -> Numbers:
        return np.where(numbers == VOID, 1, numbers) if self.white == "class" else numbers

    def _of_palette(self, indices: Numbers, palette: NDArray[np.uint8]) -> Numbers:
        """(H, W) indices and (N, 3) colours.

        An optimiser drops the colours that are not used and sorts the rest: then all that are left are known ones, or
        greys that were the numbers of a grey mask. A palette with one foreign colour is another's: its numbers count.
        """
        known = _known(self.colours, self.white, self.voids)
        by_colour = np.array([known.get(_packed(*colour), UNKNOWN) for colour in palette.tolist()])
        greys = palette[:, 0] if (palette == palette[:, :1]).all() else np.full(len(palette), UNKNOWN)
        used = np.flatnonzero(np.bincount(indices.ravel(), minlength=len(palette)))
        if used[-1] < len(palette) and _are_first(used, palette):
            numbers_fit = self._allowed(self._of_numbers(used)).all()
            for meaning in (by_colour, self._of_numbers(greys)):
                sure = (meaning != UNKNOWN).all() or (meaning[used] == used).all() or not numbers_fit
                if sure and self._allowed(meaning[used]).all():
                    return meaning[indices]
        return self._of_numbers(indices)

    def _of_colours(self, pixels: NDArray[np.uint8]) -> Numbers:
        """(H, W, 3 or 4) colours."""
        if pixels.shape[2] == 4:
            self._refuse_transparency(pixels[..., 3])
        red, green, blue = (pixels[..., channel].astype(np.uint32).ravel() for channel in range(3))
        packed = red << 16 | green << 8 | blue
        # masks are flat: only where a colour begins is looked up
        starts = np.concatenate(([0], np.flatnonzero(packed[1:] != packed[:-1]) + 1))
        found, which = np.unique(packed[starts], return_inverse=True)
        known = _known(self.colours, self.white, self.voids)
        labels = np.array([known.get(colour, UNKNOWN) for colour in found.tolist()])
        if (labels == UNKNOWN).any():
            strange = [(c >> 16, c >> 8 & 255, c & 255) for c in found[labels == UNKNOWN].tolist()]
            some = ", ".join(map(str, strange[:3])) + (f" and {len(strange) - 3:,} more" if len(strange) > 3 else "")
            whose = "VOC's" if self.colours is None else "of the colours given"
            raise UserError(
                "mask-invalid",
                f"{self.key} holds colours that are not {whose}: {some}",
                hint="save it as a PNG, grey or with a palette, of class numbers, or give the colours as a file",
            )
        return np.repeat(labels[which], np.diff(starts, append=len(packed))).reshape(pixels.shape[:2])

    def _refuse_transparency(self, alpha: NDArray[np.uint8]) -> None:
        if (alpha != 255).any():
            raise UserError(
                "mask-invalid", f"{self.key} is transparent in places, which stands for no class", hint=SAVE_AS_PNG
            )

    def _allowed(self, labels: Numbers) -> NDArray[np.bool_]:
        allowed: NDArray[np.bool_] = ((labels >= 0) & (labels <= self.num_classes)) | (labels == VOID)
        return allowed

    def _checked(self, labels: Numbers) -> NDArray[np.uint8]:
        allowed = self._allowed(labels)
        if not allowed.all():
            wrong = np.unique(labels[~allowed])
            more = f" and {len(wrong) - 1} more numbers" if len(wrong) > 1 else ""
            classes = "1 class" if self.num_classes == 1 else f"{self.num_classes} classes"
            raise UserError(
                "mask-invalid",
                f"{self.key} holds class {wrong[0]}{more}; there are {classes} (0 is background, 255 void)",
                hint="is the list of classes another's, or does the mask count its classes from another number?",
            )
        return labels.astype(np.uint8)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """(H, W) stored numbers of labels that we wrote: a PNG of 8 bits, grey or with a palette. No number is interpreted.

    Raises:
        UserError: `artifact-missing`, `artifact-unreadable`.
    """
    with opened(path, "artifact") as file:
        if file.format != "PNG" or raw_mode(file) not in ("P", "L"):
            raise refused("artifact", path, "is no PNG of 8-bit class indices, as the stage writes them")
        return np.array(file)


def _as_stored(file: ImageFile) -> Numbers:
    """The pixels as they lie in the file: a turn that Pillow made of a TIFF is undone."""
    turn = TURNS.get(file.tag_v2.get(ORIENTATION, 1)) if isinstance(file, TiffImageFile) else None
    file.load()
    if turn is None:
        return np.asarray(file)
    back = {TURNS[6]: TURNS[8], TURNS[8]: TURNS[6]}.get(turn, turn)
    return np.asarray(file.transpose(back))


def _are_first(indices: NDArray[np.intp], palette: NDArray[np.uint8]) -> bool:
    """Whether each index is the first of its colour: otherwise two indices are one colour, which then says nothing."""
    colours = palette.tolist()
    return all(colours.index(colours[index]) == index for index in indices.tolist())


def _packed(red: int, green: int, blue: int) -> int:
    return red << 16 | green << 8 | blue


@lru_cache(maxsize=8)
def _known(
    colours: tuple[RGB, ...] | None, white: Literal["void", "class"], voids: tuple[RGB, ...] = ()
) -> dict[int, int]:
    """What each colour, packed, stands for. Given colours go before VOC's void and white."""
    known = {_packed(*colour): VOID for colour in (voc_colour(VOID), *voids)}
    if colours is None:
        known = {_packed(*voc_colour(label)): label for label in range(256)}
        known[_packed(*WHITE)] = VOID
    else:
        known |= {_packed(*colour): label for label, colour in enumerate(colours)}
    return known | {_packed(*WHITE): 1} if white == "class" else known
