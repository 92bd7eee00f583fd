"""The photos of an instances JSON: their files, tags out of annotations, and masks where all objects have outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.coco.instances import Instances
from puzzlecam_cli.data.coco.mask import PLACE, CocoMask, pack
from puzzlecam_cli.data.coco.outlines import VOID
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted, several

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from puzzlecam_cli.data.disk.walk import Walk


@dataclass(frozen=True)
class Found:
    """The photos of one document.

    Args:
        photos: in its order.
        missing: by the name in the document, why a photo cannot be had.
        facts: what a person should know, a sentence each.
    """

    photos: tuple[Photo, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()


def photos_of(document: Instances, labels: Sequence[int], walk: Walk, *, keep_empty: bool) -> Found:
    """What a document says of the photos below a folder.

    A photo has a mask where the document tells its size and every object has an outline. One without any annotation
    has one, of background only, where others have masks.

    Args:
        labels: of the document's categories: 1..C, 0 for no class, 255 for void.
        keep_empty: photos without any annotation are background; otherwise they are left out.
    """
    import numpy as np

    images = len(document.images)
    image, category, crowd, shape, start, size = document.annotations.T  # (A,) each
    label = np.array([*labels, 0])[category]
    drawn_as = np.where((crowd > 0) & (label > 0), VOID, label)
    objects, crowds = (np.bincount(image[crowd == value], minlength=images) for value in (0, 1))
    boxes = np.bincount(image[(drawn_as > 0) & (drawn_as < VOID) & (shape == 0)], minlength=images)
    tagged = (label > 0) & (label < VOID) & (crowd == 0)
    pairs = np.unique(image[tagged] << 8 | label[tagged])  # each tag of an image once, sorted
    tags, tags_until = (pairs & 255).tolist(), _until(pairs >> 8, images)
    drawn = np.flatnonzero((drawn_as > 0) & (shape > 0))
    drawn = drawn[np.argsort(image[drawn], kind="stable")]
    places = pack(np.stack([start, size, drawn_as], axis=1)[drawn])
    places_until = [PLACE.size * end for end in _until(image[drawn], images)]
    any_shapes = bool(shape.any())

    finder = Finder(walk, document.path)
    photos: list[Photo] = []
    missing: dict[str, str] = {}
    of_id: dict[str, str] = {}
    twice: list[str] = []
    count = {"empty": int((objects + crowds == 0).sum()), "crowds": 0, "sizeless": 0, "boxes": 0}
    counts = np.stack([objects, crowds, boxes], axis=1).tolist()
    for number, (key, name, sides) in enumerate(document.images):
        own, own_crowds, own_boxes = counts[number]
        if not (own or own_crowds or keep_empty):
            continue
        image_id = finder.find(name)
        if image_id not in walk.files:
            missing[name] = image_id
            continue
        if (other := of_id.setdefault(image_id, name)) != name:
            twice.append(f"{quoted(name)} and {quoted(other)}: {walk.files[image_id]}")
        count["crowds"] += bool(own_crowds and not own)
        count["sizeless"] += sides is None and any_shapes
        count["boxes"] += bool(own_boxes) and any_shapes
        mask = None
        if any_shapes and not own_boxes and sides is not None:
            mask = CocoMask(document.path, key, sides, places[places_until[number] : places_until[number + 1]])
        own_tags = tuple(tags[tags_until[number] : tags_until[number + 1]])
        photos.append(Photo(image_id, walk.files[image_id], own_tags, mask))
    if twice:
        raise UserError(
            "coco-invalid", f"{len(twice)} photos stand twice in {document.path}", shorten(twice), "keep one of each"
        )
    return Found(tuple(photos), missing, _facts(document, count, keep_empty))


def _until(image: NDArray[np.int64], images: int) -> list[int]:
    """Where what belongs to each image begins in a sorted column, and where the last one's ends."""
    import numpy as np

    until: list[int] = np.searchsorted(image, np.arange(images + 1)).tolist()
    return until


@dataclass(frozen=True)
class Finder:
    """Which photo a document means by a name.

    Of several that it may mean, the one beside or below the document is taken; then the one in a folder that the
    document is called after, as COCO's `instances_val2017.json` is.
    """

    walk: Walk
    path: Path

    @cached_property
    def _beside(self) -> str:
        """The document's folder below the root, with a slash; empty where no photo lies there, or it is the root."""
        try:
            folder = self.path.resolve().parent.relative_to(self.walk.root.resolve()).as_posix()
        except ValueError:
            return ""
        start = f"{canonical(folder)}/"
        return start if any(image_id.startswith(start) for image_id in self.walk.files) else ""

    def find(self, name: str) -> str:
        """Its id; or in words why there is none, which no id is."""
        found = self.walk.named(name)
        if self._beside:
            own = [i for i in self.walk.named(f"{self._beside}{name}") if i.startswith(self._beside)]
            found = own or found
        if len(found) > 1:
            folder = self.path.stem.removeprefix("instances_")
            found = [image_id for image_id in found if folder in image_id.split("/")[:-1]] or found
        if len(found) > 1:
            return f"may be {' or '.join(quoted(image_id) for image_id in found[:3])}"
        return found[0] if found else f"is not there{self.walk.like(name)}"


def _facts(document: Instances, count: Mapping[str, int], keep_empty: bool) -> tuple[str, ...]:
    path, images = document.path, len(document.images)
    facts = []
    if count["empty"]:
        fate = "background" if keep_empty else "left out"
        facts.append(f"{path}: {count['empty']} of {several(images, 'image')} without an annotation: {fate}")
    if count["crowds"]:
        facts.append(f"{path}: {several(count['crowds'], 'image')} with crowds only, which are no tags")
    if count["sizeless"]:
        facts.append(
            f"{path}: {several(count['sizeless'], 'image')} without height and width in pixels, and so without a mask"
        )
    if count["boxes"]:
        facts.append(
            f"{path}: {several(count['boxes'], 'image')} with objects that have no outline, and so without a mask"
        )
    if document.boxes_as_shapes:
        facts.append(f"{path}: all outlines are boxes: scores are of boxes, not of what objects look like")
    return tuple(facts)
