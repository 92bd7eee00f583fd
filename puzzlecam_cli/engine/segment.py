"""Photos through a network that labels pixels: scales, mirror images and tiles, merged here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import ScaledPhotos
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.data.pixels.sizes import Size, is_tiled, side_of, size_at, size_within
from puzzlecam_cli.data.transforms import Colour, normalize, resized, scaled
from puzzlecam_cli.engine.beside import beside, to_host
from puzzlecam_cli.engine.dense_crfs import fields_of
from puzzlecam_cli.engine.place import Place
from puzzlecam_cli.engine.refine import Labels, Segmented, labelled, pixels_within, refined
from puzzlecam_cli.engine.tiles import Box, tiles, window
from puzzlecam_cli.engine.views import Loaded, loaded_together, predict
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.method.labels import enlarged
from puzzlecam_cli.recipe.schema import Predict, Runtime

Note = Callable[[str], None]
TagsOf = Callable[[int], Sequence[int] | None]


def segment(
    network: nn.Module,
    photos: Sequence[Sequence[Tensor]],
    size: Size,
    accelerator: Place,
    *,
    flip: bool,
    note: Note = lambda text: None,
) -> Tensor:
    """Probabilities of photos of one size: the logits of all views, summed at a size, then softmax [code].

    Args:
        network: (B, 3, h, w) → (B, C+1, h, w) logits, as `for_inference` gives it.
        photos: G of normalised views (3, h, w), one a scale.
        size: (H, W) of the probabilities.
        flip: add the mirrored views.
        note: see `predict`.

    Returns:
        (G, C+1, H, W) float32 on the CPU.

    Raises:
        UserError: as of `predict`.
    """
    return _probabilities(network, photos, size, accelerator, flip, note).cpu()


@torch.inference_mode()
def _probabilities(
    network: nn.Module, photos: Sequence[Sequence[Tensor]], size: Size, accelerator: Place, flip: bool, note: Note
) -> Tensor:
    """The same where the network is."""
    total = torch.zeros((), device=accelerator.device)
    for views in zip(*photos, strict=True):  # of one scale
        logits = predict(network, views, accelerator, flip=flip, note=note)  # (G, 2 or 1, C+1, h, w)
        summed = logits[:, 0] + logits[:, 1].flip(-1) if flip else logits[:, 0]
        total = total + F.interpolate(summed, list(size), mode="bilinear", align_corners=False)
    return total.softmax(dim=1)


@dataclass(frozen=True)
class Segmenter:
    """A network that labels pixels, and how it sees photos.

    A photo beyond `settings.tile` goes through in overlapping tiles, so that memory grows with the tile alone.

    Args:
        network: as `for_inference` gives it.
        mean, std: of its normalised input.
        settings: the recipe's `seg.predict`.
        accelerator: where it is.
        note: is told once of what else would be said of one photo after the other.
        report: is told of the (done, total) tiles of a large photo, each when it is done.
    """

    network: nn.Module
    mean: Colour
    std: Colour
    settings: Predict
    accelerator: Place
    note: Note = lambda text: None
    report: Callable[[int, int], None] = lambda done, total: None

    @cached_property
    def fields(self) -> FieldOf:
        """What makes the fields of CRFs."""
        return fields_of(self.settings.crf, self.accelerator.device, self.note)

    def photos(
        self,
        photos: Sequence[Photo],
        runtime: Runtime,
        *,
        tags: TagsOf = lambda index: None,
        failed: Callable[[UserError], None] | None = None,
    ) -> Iterator[tuple[int, Segmented | Labels]]:
        """Each photo's index with its probabilities, or with its labels at once if it is a large one.

        They come in their order on a CPU; photos of equal size come together on a GPU.

        Args:
            photos: of which only id and file count.
            runtime: the recipe's.
            tags: the classes 1..C that are known to be in the photo of an index; None: any may be.
            failed: is given the error of a photo that cannot be read, its id in `ids`, and the others go on; None: the
                error is raised.

        Raises:
            UserError: a photo cannot be read, or does not fit into memory, or the network overflows on it.
        """
        views = ScaledPhotos(
            photos,
            self.settings.scales,
            self.mean,
            self.std,
            self.settings.longer_side,
            alone=partial(is_tiled, settings=self.settings),
        )

        def finished(seen: tuple[list[Loaded], Callable[[], list[Tensor]]]) -> list[tuple[int, Segmented]]:
            done = []
            (probabilities,) = seen[1]()
            for (index, image, _), of_photo in zip(seen[0], probabilities, strict=True):
                check_finite(of_photo, f"`{photos[index].id}`")
                pixels = pixels_within(Image.fromarray(image.numpy()), self.settings.crf.largest_side)
                size = (image.shape[0], image.shape[1])
                done.append((index, self._found(pixels, of_photo, size, tags(index))))
            return done

        groups = loaded_together(views, runtime, self.accelerator, self.note, failed)
        for is_alone, some in groupby(groups, lambda group: not group[0][2]):
            if is_alone:
                for index in (index for group in some for index, _, _ in group):
                    if (found := self._alone(photos[index], tags(index), failed)) is not None:
                        yield index, found
            else:
                for done in beside(finished, map(self._seen, some), ahead=1):  # a group of 21 labels has 126 MB
                    yield from done

    def _seen(self, group: list[Loaded]) -> tuple[list[Loaded], Callable[[], list[Tensor]]]:
        """Photos of one size, and what waits for their probabilities (G, C+1, h, w)."""
        height, width = group[0][1].shape[:2]
        size, views = size_within((height, width), self.settings.crf.largest_side), [views for _, _, views in group]
        found = _probabilities(self.network, views, size, self.accelerator, self.settings.flip, self.note)
        return group, to_host([found])

    def _alone(
        self, photo: Photo, tags: Sequence[int] | None, failed: Callable[[UserError], None] | None
    ) -> Segmented | Labels | None:
        """A large photo, opened here; None: it cannot be read, and `failed` was told."""
        try:
            image = open_image(photo.image)
        except UserError as error:
            if failed is None:
                raise
            failed(error.about(photo.id))
            return None
        return self.in_tiles(image, tags)

    def photo(self, image: Image.Image, tags: Sequence[int] | None = None) -> Segmented | Labels:
        """One photo in RGB: its probabilities, or its labels at once if it is a large one.

        Raises:
            UserError: it does not fit into memory, or the network overflows on it.
        """
        size, settings = (image.height, image.width), self.settings
        if is_tiled(size, settings):
            return self.in_tiles(image, tags)
        views = scaled(image, settings.scales, self.mean, self.std, settings.longer_side)
        pixels = pixels_within(image, settings.crf.largest_side)
        shown = (pixels.shape[0], pixels.shape[1])
        (of_photo,) = segment(self.network, [views], shown, self.accelerator, flip=settings.flip, note=self.note)
        check_finite(of_photo, "this photo")
        return self._found(pixels, of_photo, size, tags)

    def in_tiles(
        self, image: Image.Image, tags: Sequence[int] | None = None, into: Tensor | None = None
    ) -> Segmented | Labels:
        """The same of a large photo, tile by tile.

        The network sees tiles where the photo is large at scale 1, and the CRF where what is labelled is.

        Args:
            into: (C+1, h, w), is filled with the probabilities after the CRF, at the size that is labelled, where
                labels are returned.
        """
        settings, size = self.settings, (image.height, image.width)
        assert settings.tile is not None
        seen, shown = size_at(size, settings.longer_side), size_within(size, settings.crf.largest_side)
        is_whole = max(seen) <= settings.tile
        ratio = max(seen) / max(shown)
        boxes = [*tiles(shown, side_of(settings, 1.0 if is_whole else ratio))]
        logits = self._of_whole(image, shown) if is_whole else partial(self._of_tile, image, shown)
        labels, confidence = (torch.zeros(shown, dtype=torch.uint8) for _ in range(2))
        whole = None
        for done, (outer, inner) in enumerate(boxes, start=1):
            probabilities = logits(outer).softmax(dim=0).cpu()
            check_finite(probabilities, "this photo")
            if max(shown) <= settings.tile:
                whole = torch.empty(len(probabilities), *shown) if whole is None else whole
                inner.of(whole)[:] = inner.within(outer).of(probabilities)
            else:
                pixels, power = _pixels(image, shown, outer), settings.region_power
                after = refined(pixels, probabilities, settings.crf, self.fields, tags, power)
                found = labelled(inner.within(outer).of(after), inner.size)
                inner.of(labels)[:], inner.of(confidence)[:] = found
                if into is not None:
                    inner.of(into)[:] = inner.within(outer).of(after)
            self.report(done, len(boxes))
        if whole is not None:
            return self._found(pixels_within(image, settings.crf.largest_side), whole, size, tags)
        if shown != size:
            big = F.interpolate(confidence[None, None], size, mode="nearest")[0, 0]
            return Labels(enlarged(labels, size), big)
        return Labels(labels, confidence)

    def _found(
        self, image: NDArray[np.uint8], probabilities: Tensor, size: Size, tags: Sequence[int] | None
    ) -> Segmented:
        return Segmented(image, probabilities.numpy(), size, tags, self.settings.region_power)

    def _of_whole(self, image: Image.Image, shown: Size) -> Callable[[Box], Tensor]:
        """What gives the logits of a box of a photo that the network sees in one piece."""
        settings = self.settings
        views = scaled(image, settings.scales, self.mean, self.std, settings.longer_side)
        logits = [self._merged(view) for view in views]
        return lambda box: torch.stack([window(of_view, shown, box) for of_view in logits]).sum(dim=0)

    def _of_tile(self, image: Image.Image, shown: Size, box: Box) -> Tensor:
        """The logits of a box of a photo that the network sees tile by tile."""
        settings = self.settings
        whole = 1.0 if settings.longer_side is None else settings.longer_side / max(image.size)
        crop = image.crop(_whole(_in_photo(image, shown, box)))
        total = torch.zeros((), device=self.accelerator.device)
        for scale in settings.scales:
            summed = self._merged(normalize(resized(crop, whole * scale), self.mean, self.std))
            total = total + F.interpolate(summed[None], list(box.size), mode="bilinear", align_corners=False)[0]
        return total

    @torch.inference_mode()
    def _merged(self, view: Tensor) -> Tensor:
        """(3, h, w) → (C+1, h, w) logits, the mirror image seen after the other, to save memory."""
        straight = predict(self.network, [view], self.accelerator, flip=False, note=self.note)[0, 0]
        if not self.settings.flip:
            return straight
        mirrored = predict(self.network, [view.flip(-1)], self.accelerator, flip=False, note=self.note)[0, 0]
        return straight + mirrored.flip(-1)


def _in_photo(image: Image.Image, shown: Size, box: Box) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in the photo of a box of it at another size."""
    down, right = image.height / shown[0], image.width / shown[1]
    return box.left * right, box.top * down, box.right * right, box.bottom * down


def _pixels(image: Image.Image, shown: Size, box: Box) -> NDArray[np.uint8]:
    """(h, w, 3) of a box of the photo at a size."""
    place = _in_photo(image, shown, box)
    if shown == (image.height, image.width):
        return np.array(image.crop(_whole(place)))
    return np.array(image.resize(box.size[::-1], Image.Resampling.BOX, box=place))


def _whole(place: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """Whole pixels, one at least."""
    left, top, right, bottom = map(round, place)
    return left, top, max(left + 1, right), max(top + 1, bottom)


def check_finite(probabilities: Tensor, what: str) -> None:
    """Nothing is made of what an overflow in the network gave: softmax spreads it over all labels of a pixel.

    Raises:
        UserError: a value is not finite.
    """
    if not probabilities[0].isfinite().all():
        raise UserError(
            "map-not-finite",
            f"the network gives values that are not finite for {what}",
            hint="with fp16 or bf16 try --mixed-precision no; else train again with a lower lr, or clip_norm: 2",
        )
