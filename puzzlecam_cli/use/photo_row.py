"""What a run made of one photo, side by side: the one description that every picture of it is drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from puzzlecam_cli.data.pixels.sizes import size_at
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.constants import IGNORE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from puzzlecam_cli.use.run import Run

Found = TypeVar("Found")
CAM, WALKED, PSEUDO_LABEL, PREDICTION, TRUTH = "CAM", "after the walk", "pseudo label", "prediction", "truth"


@dataclass(frozen=True)
class Panel:
    """Maps or labels of a photo.

    Args:
        what: `CAM`, `WALKED`, `PSEUDO_LABEL`, `PREDICTION` or `TRUTH`.
        classes: those of the maps (K indices 1..C), or those in the labels.
        scores: (K, h, w) in [0, 1], of any size.
        labels: (H, W), 0 background, 1..C, 255 unknown.
    """

    what: str
    classes: tuple[int, ...]
    scores: NDArray[np.float32] | None = None
    labels: NDArray[np.uint8] | None = None

    @property
    def is_of_one_class(self) -> bool:
        """Whether it is the map of a single class, as CAMs are shown."""
        return self.what == CAM and len(self.classes) == 1


@dataclass(frozen=True)
class PhotoRow:
    """A photo and all that was made of it.

    Args:
        photo: in RGB; None: it is not where it was.
        tags: class indices; None: not known.
        panels: CAMs, one a class, then what was made of them, in the run's order.
        problems: why something that should be there is not shown.
    """

    id: str
    photo: Image | None
    tags: tuple[int, ...] | None
    panels: tuple[Panel, ...]
    problems: tuple[UserError, ...] = ()

    @property
    def classes(self) -> tuple[int, ...]:
        """Every class in it, tagged or found."""
        return tuple(sorted({*(self.tags or ()), *(index for panel in self.panels for index in panel.classes)}))

    def with_prediction(self, labels: NDArray[np.uint8]) -> PhotoRow:
        """The same with labels (H, W) that the network gives, before the truth, where none are in it."""
        if any(panel.what == PREDICTION for panel in self.panels):
            return self
        made = [panel for panel in self.panels if panel.what != TRUTH]
        truth = [panel for panel in self.panels if panel.what == TRUTH]
        return replace(self, panels=(*made, _labelled(PREDICTION, labels), *truth))


def photo_row(run: Run, image_id: str, *, strict: bool = True, side: int | None = None) -> PhotoRow:
    """All that there is of a photo.

    Args:
        strict: raise the first problem; otherwise it is kept in `problems`, and the rest is shown.
        side: pixels of the longer side that all is made smaller to, where many are kept; None: as it is.

    Raises:
        UserError: there is no such photo, or it or a file that was made of it cannot be read.
    """
    problems: list[UserError] = []

    def tried(read: Callable[[], Found]) -> Found | None:
        try:
            return read()
        except UserError as error:
            if strict:
                raise
            problems.append(error)
            return None

    photo = tried(partial(run.photo, image_id))
    if photo is not None and side is not None:
        photo.thumbnail((side, side))
    panels: list[Panel] = []
    for step, what, read in (("cams", CAM, run.cams), ("rw/scores", WALKED, run.walked)):
        if run.has(step, image_id) and (maps := tried(partial(read, image_id, stride=4))):
            classes, scores = tuple(maps[0].tolist()), _within(maps[1], side)
            if what == CAM:
                panels += [Panel(what, (index,), one[None]) for index, one in zip(classes, scores, strict=True)]
            else:
                panels.append(Panel(what, classes, scores))
    for step, what in (("rw/pseudo_labels", PSEUDO_LABEL), ("seg/predictions", PREDICTION)):
        if run.has(step, image_id) and (labels := tried(partial(run.labels, step, image_id))) is not None:
            panels.append(_labelled(what, labels, side))
    if photo is not None and (truth := tried(partial(run.truth, image_id))) is not None:
        panels.append(_labelled(TRUTH, truth, side))
    try:
        tags = run.tag_indices(image_id)
    except UserError:
        tags = None
    return PhotoRow(image_id, photo, tags, tuple(panels), tuple(problems))


def _within(scores: NDArray[np.float32], side: int | None) -> NDArray[np.float32]:
    """(K, h, w) maps, no side longer than that."""
    if side is None or not len(scores) or max(scores.shape[1:]) <= side:
        return scores
    import numpy as np
    from PIL import Image

    height, width = size_at((scores.shape[1], scores.shape[2]), side)
    smaller = (Image.fromarray(one).resize((width, height), Image.Resampling.BILINEAR) for one in scores)
    return np.stack([np.asarray(one) for one in smaller])


def _labelled(what: str, labels: NDArray[np.uint8], side: int | None = None) -> Panel:
    import numpy as np
    from PIL import Image

    classes = tuple(index for index in np.unique(labels).tolist() if index not in (0, IGNORE))
    if side is not None and max(labels.shape) > side:
        height, width = size_at((labels.shape[0], labels.shape[1]), side)
        labels = np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))
    return Panel(what, classes, labels=labels)
