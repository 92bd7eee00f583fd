"""On which pictures an export is tried: photos that are named, else the run's, else made-up ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from puzzlecam_cli.data.made_up.drawing import CLASS_NAMES, draw_picture
from puzzlecam_cli.data.photos import Photo, Tell
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import is_folder
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.text import several
from puzzlecam_cli.use.gathered import gather

TRIED = 8  # photos whose results are compared
CALIBRATING = 32  # photos whose ranges of values are taken for int8
SCORED = 200  # photos that are scored against their masks, where there are more
MADE_UP = 160  # pixels of the longer side, more or less

Picture = Callable[[], Image.Image]


@dataclass(frozen=True)
class Pictures:
    """What there is to try an export on.

    Args:
        tried: results are compared on these.
        told: what they are, in words.
        calibrating: ranges of values are taken from these; none where no photos are known.
        scored: photos with masks that were not trained on; none where there are none.
        note: what a person should know; empty if nothing.
    """

    tried: Sequence[Picture]
    told: str
    calibrating: Sequence[Picture] = ()
    scored: Sequence[Photo] = ()
    note: str = ""


def find_pictures(path: Path, given: Sequence[str], out: Path, tell: Tell) -> Pictures:
    """The pictures for the model at a path.

    Args:
        path: a run folder or a model file.
        given: files, folders and patterns that a person names; none: the run's `val`, else its `train`.
        out: the file that is to be written.

    Raises:
        UserError: what is given cannot be found. That the run's own photos cannot, is a note.
    """
    named: Sequence[Photo] = gather(given, out.with_name(f".{out.name}"), tell=tell).photos if given else ()
    val, train, note = _of_run(path, tell)
    tried = _spread(named or val or train, TRIED)
    of = "" if named else " of the run's val" if val else " of the run's train"
    drawn = [partial(_drawn, number) for number in range(TRIED)]
    return Pictures(
        tried=list(map(_opener, tried)) or drawn,
        told=several(len(tried), "photo") + of if tried else several(len(drawn), "made-up picture"),
        calibrating=list(map(_opener, _spread(train or named, CALIBRATING))),
        scored=_spread([photo for photo in val if photo.mask is not None], SCORED),
        note=note,
    )


def _of_run(path: Path, tell: Tell) -> tuple[list[Photo], list[Photo], str]:
    """The photos of `val` and `train` of the run that a model is of, and why there are none."""
    root = path if is_folder(path) else path.absolute().parent.parent
    folder = RunFolder(root)
    is_of_run = is_folder(path) or path.absolute() == folder.model("seg")
    if not is_of_run or not folder.ledger.is_file():
        return [], [], ""
    try:
        data = Run.at(load_recipe(str(folder.recipe)), root, tell).photos
        val = data.photos(data.splits.val) if data.splits.val else []
        return val, data.photos(data.splits.train), ""
    except UserError as error:
        return [], [], f"the run's photos cannot be used: {error.problem}"


def _spread(items: Sequence[Photo], most: int) -> list[Photo]:
    """Up to so many, evenly."""
    return [items[number * len(items) // most] for number in range(most)] if len(items) > most else list(items)


def _opener(photo: Photo) -> Picture:
    return partial(open_image, photo.image)


def _drawn(number: int) -> Image.Image:
    generator = np.random.default_rng(number)
    return Image.fromarray(draw_picture(number, MADE_UP, len(CLASS_NAMES), generator)[0])
