"""The photos of an instances JSON: their files, tags out of annotations, and masks where all objects have outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.coco.instances import Instances
from puzzlecam_cli.data.coco.mask import CocoMask, pack
from puzzlecam_cli.data.coco.outlines import VOID
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    from puzzlecam_cli.data.walk import Walk


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

    rows = document.annotations
    image = np.frombuffer(rows.image, dtype=np.dtype("l"))  # (A,) rows of images
    label = np.array([*labels, 0])[np.frombuffer(rows.category, dtype=np.dtype("l"))]
    crowd = np.frombuffer(rows.crowd, dtype=np.int8).astype(bool)
    label_drawn = np.where(crowd & (label > 0), VOID, label)
    order = np.argsort(image, kind="stable")
    ends = np.searchsorted(image[order], np.arange(len(document.images) + 1))
    columns = [label, crowd, label_drawn, np.frombuffer(rows.shape, np.int8)]
    columns += [np.frombuffer(column, dtype=np.int64) for column in (rows.start, rows.size)]
    table = np.stack(columns, axis=1)[order]  # (A, 6), those of an image side by side
    any_shapes = any(rows.shape)

    finder = Finder(walk, document.path)
    photos: list[Photo] = []
    missing: dict[str, str] = {}
    of_id: dict[str, str] = {}
    twice: list[str] = []
    count = {"empty": 0, "crowds": 0, "sizeless": 0, "boxes": 0}
    for number, (key, name, size) in enumerate(document.images):
        own = table[ends[number] : ends[number + 1]].tolist()
        count["empty"] += not own
        if not own and not keep_empty:
            continue
        image_id = finder.find(name)
        if image_id not in walk.files:
            missing[name] = image_id
            continue
        if (other := of_id.setdefault(image_id, name)) != name:
            twice.append(f"{quoted(name)} and {quoted(other)}: {walk.files[image_id]}")
        tags = tuple(sorted({tag for tag, is_crowd, *_ in own if 0 < tag < VOID and not is_crowd}))
        count["crowds"] += bool(own) and all(is_crowd for _, is_crowd, *_ in own)
        drawn = [(start, length, as_, shape) for _, _, as_, shape, start, length in own if as_]
        has_shapes = all(shape for *_, as_, shape in drawn if as_ != VOID)
        count["sizeless"] += size is None and any_shapes
        count["boxes"] += not has_shapes and any_shapes
        mask = None
        if any_shapes and has_shapes and size is not None:
            mask = CocoMask(document.path, key, size, pack([(s, n, as_) for s, n, as_, shape in drawn if shape]))
        photos.append(Photo(image_id, walk.files[image_id], tags, mask))
    if twice:
        raise UserError(
            "coco-invalid", f"{len(twice)} photos stand twice in {document.path}", shorten(twice), "keep one of each"
        )
    return Found(tuple(photos), missing, _facts(document, count, keep_empty))


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
        fate = "are background" if keep_empty else "are left out"
        facts.append(f"{path}: {count['empty']} of {images} images have no annotation and {fate}")
    if count["crowds"]:
        facts.append(f"{path}: {count['crowds']} images show crowds only, which are no tags")
    if count["sizeless"]:
        facts.append(f"{path}: {count['sizeless']} images have no height and width in pixels, and so no mask")
    if count["boxes"]:
        facts.append(f"{path}: {count['boxes']} images have objects without an outline, and so no mask")
    if document.boxes_as_shapes:
        facts.append(f"{path}: all outlines are boxes: scores are of boxes, not of what objects look like")
    return tuple(facts)
