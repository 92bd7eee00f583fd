"""Folders in PASCAL VOC layout: JPEGImages, Annotations, SegmentationClass, ImageSets/Segmentation."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Set
from functools import cached_property
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from pydantic import Field

from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.section import default

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")
SHIPPED_LISTS = Path(__file__).parents[1] / "voc2012"


class VocData(DataSettings):
    """A folder in PASCAL VOC layout."""

    kind: Literal["voc"]
    root: Path = Field(description="Folder with JPEGImages, Annotations and ImageSets.")
    train: str = default("train_aug", "List trained on; VOC's train_aug (10,582 ids) is shipped [paper].")
    val: str | None = default("val", "List predicted at the end; null: none [paper].")
    score: str | None = default(
        None,
        "List on which maps and pseudo labels are scored; null: `train`, for train_aug VOC's train [code].",
    )
    classes: Path | None = default(None, "One class name a line; null: root/classes.txt, else VOC's 20 [ours].")
    tags: Literal["annotations", "masks"] = default(
        "annotations", "Where tags come from; `masks` reads them off pixel masks: the scores will say so [code]."
    )


class VocPhotos(PhotoSet):
    """Photos in VOC layout. See `VocData` for where classes, lists and tags come from."""

    Settings = VocData
    settings: VocData

    @property
    def root(self) -> Path:
        return self.settings.root

    @property
    def splits(self) -> Splits:
        settings = self.settings
        score = settings.score or ("train" if settings.train == "train_aug" else settings.train)
        return Splits(settings.train, settings.val, score)

    @property
    def tags_from(self) -> str:
        return self.settings.tags

    @cached_property
    def classes(self) -> tuple[str, ...]:
        file = self.settings.classes or self.root / "classes.txt"
        if not file.is_file():
            if self.settings.classes:
                raise UserError("data-missing", f"there is no class list {file}")
            return VOC_CLASSES
        names = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        names = names[1:] if names[:1] == ["background"] else names
        if not names or len(set(names)) < len(names) or len(names) > 254:
            raise UserError("data-invalid", f"{file} must name 1 to 254 different classes, one a line")
        return tuple(names)

    def ids(self, split: str) -> list[str]:
        """The image ids of a list, in its order."""
        file = self.root / "ImageSets" / "Segmentation" / f"{split}.txt"
        if not file.is_file():
            shipped = SHIPPED_LISTS / f"{split}.txt"
            if not shipped.is_file():
                raise UserError("data-missing", f"there is no list {file}", hint="a list holds one image id a line")
            file = shipped
        lines = (line.split() for line in file.read_text(encoding="utf-8-sig").splitlines())
        ids = [Path(words[0]).stem if "/" in words[0] else words[0] for words in lines if words]
        if not ids:
            raise UserError("data-invalid", f"{file} names no image")
        if len(set(ids)) < len(ids):
            twice = [i for i, times in Counter(ids).items() if times > 1]
            raise UserError("data-invalid", f"{file} names images twice", shorten(twice))
        return ids

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        ids = self.ids(split)
        images = self._images
        missing = [i for i in ids if i not in images]
        if missing:
            raise UserError(
                "image-missing",
                f"{len(missing)} of {len(ids)} images of `{split}` are not in {self.root / 'JPEGImages'}",
                shorten(missing),
                "complete the folder, or remove them from the list",
            )
        masks = self._masks
        tags_of = self._tags(split, ids) if tags else {}
        return [Photo(i, images[i], tags_of.get(i, ()), masks.get(i)) for i in ids]

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        """See `PhotoSet`. With `tags`, the files they come from count; with `masks`, the masks do."""
        digest = hashlib.sha256("\n".join(self.classes).encode())
        ids = self.ids(split)
        digest.update("\n".join(ids).encode())
        folders = {"JPEGImages"}
        if tags:
            folders.add("Annotations" if self.settings.tags == "annotations" else "SegmentationClass")
        if masks:
            folders.add("SegmentationClass")
        for folder in sorted(folders):
            stats = _stats(self.root / folder, set(ids))
            digest.update("\n".join(stats.get(i, "-") for i in ids).encode())
        return digest.hexdigest()[:16]

    @cached_property
    def _images(self) -> dict[str, Path]:
        folder = self.root / "JPEGImages"
        if not folder.is_dir():
            raise UserError("data-missing", f"there is no folder {folder}", hint="data.root is not in VOC layout")
        return {path.stem: path for path in folder.iterdir() if path.suffix in IMAGE_SUFFIXES}

    @cached_property
    def _masks(self) -> dict[str, Path]:
        folder = self.root / "SegmentationClass"
        return {path.stem: path for path in folder.glob("*.png")} if folder.is_dir() else {}

    def _tags(self, split: str, ids: list[str]) -> dict[str, tuple[int, ...]]:
        index = {name: number for number, name in enumerate(self.classes, start=1)}
        if self.settings.tags == "masks":
            return {i: self._tags_from_mask(i, len(index)) for i in ids}
        found, problems = {}, []
        for i in ids:
            file = self.root / "Annotations" / f"{i}.xml"
            try:
                names = object_names(file)
            except FileNotFoundError:
                problems.append(f"{file.name}: not there")
                continue
            except (ElementTree.ParseError, ValueError) as error:
                problems.append(f"{file.name}: cannot be read ({error})")
                continue
            problems += [f"{file.name}: `{name}` is no class" for name in sorted(names - index.keys())]
            found[i] = tuple(sorted(index[name] for name in names & index.keys()))
        if problems:
            raise UserError(
                "tags-invalid",
                f"{len(problems)} problem(s) with the tags of `{split}` in {self.root / 'Annotations'}",
                shorten(problems),
                f"classes are: {', '.join(self.classes)}",
            )
        return found

    def _tags_from_mask(self, image_id: str, count: int) -> tuple[int, ...]:
        import numpy as np

        from puzzlecam_cli.data.mask_file import MaskFile

        if image_id not in self._masks:
            raise UserError("mask-missing", f"`data.tags: masks` needs a mask of {image_id}")
        labels = MaskFile(self._masks[image_id], count).read()
        return tuple(int(value) for value in np.unique(labels) if value not in (0, 255))


def object_names(file: Path) -> set[str]:
    """Class names of the objects in a VOC annotation; an object whose clipped box is empty does not count.

    Raises:
        ValueError: a size or a box is not made of numbers.
    """
    tree = ElementTree.parse(file)
    width = float(tree.findtext("size/width") or 0) or math.inf  # 0: not known
    height = float(tree.findtext("size/height") or 0) or math.inf
    names = set()
    for item in tree.iterfind("object"):
        box = item.find("bndbox")
        if box is not None:
            left, top, right, bottom = (float(box.findtext(key) or 0) for key in ("xmin", "ymin", "xmax", "ymax"))
            if min(right, width) <= max(left, 0) or min(bottom, height) <= max(top, 0):
                continue
        names.add((item.findtext("name") or "").strip())
    return names


def _stats(folder: Path, ids: Set[str]) -> dict[str, str]:
    """Size and time of each file whose stem is among the ids; empty for a folder that is not there."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        wanted = ((stem, entry.stat()) for entry in entries if (stem := entry.name.rpartition(".")[0]) in ids)
        return {stem: f"{stat.st_size} {stat.st_mtime_ns}" for stem, stat in wanted}
