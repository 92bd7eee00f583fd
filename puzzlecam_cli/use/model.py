"""A trained network in Python: photos in, labels and probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from io import BytesIO
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from puzzlecam_cli.data.pixels.decode import HINTS
from puzzlecam_cli.data.pixels.photo_file import as_rgb, open_image
from puzzlecam_cli.data.pixels.sizes import size_within
from puzzlecam_cli.engine.place import Device, for_inference
from puzzlecam_cli.engine.refine import Labels, labelled
from puzzlecam_cli.engine.segment import Segmenter
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.recipe.schema import Predict
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.text import quoted
from puzzlecam_cli.use.hub import located

LARGEST_SHOWN = 640  # pixels of the longer side in a notebook
Photo = str | Path | NDArray[np.uint8] | Image.Image


def load_model(path: str | Path, *, device: str | None = None) -> Model:
    """A trained segmentation network, ready to predict.

    Args:
        path: a run folder, a `model.safetensors` that was copied from one, under any name, or `hf://owner/name`, with
            `@revision` where it is another than the newest, which is fetched from the hub.
        device: of PyTorch, such as `cpu` or `cuda:1`; None: a GPU where there is one.

    Raises:
        UserError: there is no finished network, it cannot be fetched, is damaged, its backbone is not installed, or
            no such device.
    """
    description, network = open_model(located(path))
    place = Device.named(device, description.precision, description.tf32)
    return Model(description, for_inference(network, place), place)


@dataclass(frozen=True)
class Prediction:
    """What a network sees in a photo. In a notebook it shows itself: the photo, and the photo under its labels.

    Args:
        labels: (H, W) uint8, 0 background, 1..C the classes in their order.
        classes: their names.
    """

    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    _photo: Image.Image = field(repr=False)
    _chances: Callable[[], NDArray[np.float32]] = field(repr=False)

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """(C+1, H, W) float32 after the CRF, summing to 1 over the classes, background first.

        Of a photo that went through in tiles they are made when they are first asked for, by predicting it again.
        """
        return self._chances()

    def _repr_png_(self) -> bytes:
        from puzzlecam_cli.view.pictures import row, sized, with_labels

        photo = sized(self._photo, min(LARGEST_SHOWN, max(self._photo.size)))
        found = [(index, self.classes[index - 1]) for index in np.unique(self.labels).tolist() if index]
        picture = row([("photo", photo), ("prediction", with_labels(photo, self.labels))], found)
        file = BytesIO()
        picture.save(file, "png")
        return file.getvalue()


class Model:
    """A trained network: `load_model` opens it.

    Args:
        description: what its file says of it.
        network: as `for_inference` gives it.
        place: where it is.
    """

    def __init__(self, description: Description, network: torch.nn.Module, place: Device):
        self.description = description
        self._network = network
        self._place = place

    def __repr__(self) -> str:
        return f"<Model of {len(self.classes)} classes on {self.description.backbone}, {self._place.device}>"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes 1..C, without background."""
        return self.description.classes

    @property
    def colours(self) -> tuple[tuple[int, int, int], ...]:
        """C + 1 times red, green and blue in 0..255; background first."""
        return self.description.colours

    def predict(
        self,
        photo: Photo,
        *,
        scales: float | Sequence[float] | None = None,
        flip: bool | None = None,
        crf: bool | int | Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
    ) -> Prediction:
        """Label the pixels of a photo; what is not said is done as the run's recipe says.

        On the same device it gives, bit for bit, what `seg` wrote for the photo; on a CPU, with as many threads.

        Args:
            photo: a file, (H, W, 3) uint8 in RGB, or a PIL image.
            scales: factors of the photo's size at which it is seen.
            flip: add the mirrored views.
            crf: False: none; iterations; or keys of the recipe's `seg.predict.crf` with other values.
            tags: names of the classes that are known to be in it: no others are found. Empty: it is all background.

        Raises:
            UserError: the photo cannot be read, a value is out of bounds, or a tag is no class.
        """
        settings = self._settings(scales, flip, crf)
        image, known = _picture(photo), self._indices(tags)
        size = (image.height, image.width)
        segmenter = Segmenter(self._network, self.description.mean, self.description.std, settings, self._place)
        seen = segmenter.photo(image, known)
        if isinstance(seen, Labels):

            def again() -> NDArray[np.float32]:
                shown = size_within(size, settings.crf.largest_side)
                into = torch.empty(len(self.classes) + 1, *shown)
                segmenter.in_tiles(image, known, into)
                return _at(into, size)

            return Prediction(seen.labels.numpy(), self.classes, image, again)
        refined = seen.refined(settings.crf, segmenter.fields)
        return Prediction(labelled(refined, size).labels.numpy(), self.classes, image, lambda: _at(refined, size))

    def _settings(
        self, scales: float | Sequence[float] | None, flip: bool | None, crf: bool | int | Mapping[str, Any] | None
    ) -> Predict:
        changes: dict[str, Any] = {}
        if scales is not None:
            changes["scales"] = (scales,) if isinstance(scales, int | float) else tuple(scales)
        if flip is not None:
            changes["flip"] = flip
        if isinstance(crf, Mapping):
            changes["crf"] = crf
        elif crf is not None and crf is not True:
            changes["crf"] = {"iterations": int(crf) if isinstance(crf, Integral) else crf}
        return self.description.settings(changes)

    def _indices(self, tags: Sequence[str] | None) -> tuple[int, ...] | None:
        """The classes of names.

        Raises:
            UserError: of all names that are none.
        """
        if tags is None:
            return None
        names = [tags] if isinstance(tags, str) else list(tags)
        if unknown := [name for name in names if name not in self.classes]:
            close = [get_close_matches(str(name), self.classes, 1) for name in unknown]
            lines = [
                f"{quoted(str(name))}" + (f": did you mean {quoted(found[0])}?" if found else "")
                for name, found in zip(unknown, close, strict=True)
            ]
            known = ", ".join(shorten(list(self.classes), 20))
            raise UserError("class-unknown", "tags name no classes of this model", shorten(lines), f"it knows {known}")
        return tuple(sorted({self.classes.index(name) + 1 for name in names}))


def _at(probabilities: torch.Tensor, size: tuple[int, int]) -> NDArray[np.float32]:
    """(C+1, h, w) → (C+1, H, W)."""
    if probabilities.shape[-2:] != size:
        probabilities = F.interpolate(probabilities[None], size, mode="bilinear", align_corners=False)[0]
    return probabilities.numpy()


def _picture(photo: Photo) -> Image.Image:
    """RGB, 8 bits.

    Raises:
        UserError: it cannot be read, or is no photo.
    """
    if isinstance(photo, str | Path):
        try:
            return open_image(Path(photo))
        except UserError as error:
            if error.hint != HINTS["image"]:
                raise
            hint = f"give the path of a photo, in full or from {Path.cwd()}"  # there is no list it could stand in
            raise UserError(error.reference, error.problem, error.where, hint) from None
    if isinstance(photo, Image.Image) and all(photo.size):
        return as_rgb(photo)
    given = np.asarray(photo)  # of a picture without pixels as well
    if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3 or 0 in given.shape:
        said = f"an array must be (H, W, 3) of uint8 in RGB, not {given.shape} of {given.dtype}"
        raise UserError("image-array", said, hint="for other pixels give a file or a PIL image")
    return Image.fromarray(given)
