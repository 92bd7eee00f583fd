"""Folders in PASCAL VOC layout: JPEGImages, Annotations, SegmentationClass, ImageSets."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import astuple
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from puzzlecam_cli.data.ids import PHOTO_SUFFIXES, canonical, check_id
from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.data.resolver import FileIndex
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.section import Location, default
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    from puzzlecam_cli.data.colours import RGB

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on
MASK_SUFFIXES = (*PHOTO_SUFFIXES, ".gif")  # those that cannot be masks are refused when they are read
SHIPPED_LISTS = Path(__file__).parents[1] / "voc2012"
LISTS = ("Segmentation", "Main")  # folders of ImageSets, in the order they are looked into


class VocData(DataSettings):
    """A folder in PASCAL VOC layout."""

    kind: Literal["voc"]
    root: Location = Field(description="Folder with JPEGImages, Annotations and ImageSets.")
    train: str = default("train_aug", "List trained on; VOC's train_aug (10,582 ids) is shipped [paper].")
    val: str | None = default("val", "List predicted at the end; null: none [paper].")
    score: str | None = default(
        None,
        "List on which maps and pseudo labels are scored; null: `train`, for train_aug VOC's train [code].",
    )
    classes: Location | None = default(
        None,
        "One class name a line; null: root/classes.txt, class_names.txt, labels.txt or labelmap.txt, or VOC's [ours].",
    )
    tags: Literal["auto", "annotations", "lists", "masks"] = default(
        "auto",
        "Where tags come from: XML in Annotations; ImageSets/Main/<class>_<list>.txt; auto: the first, where there is "
        "such a folder, else the second; `masks` reads them off pixel masks: the scores will say so [ours].",
    )
    boxes: Literal["any", "clipped"] = default(
        "any", "Whether an object whose box is empty once it is clipped to the photo counts; clipped: no [ours]."
    )
    white: Literal["void", "class"] = default(
        "void", "What 255 in a mask is; `class`: the one class of masks in black and white [ours]."
    )
    colours: Location | None = default(
        None, "The classes' colours in RGB masks, as CVAT's labelmap.txt; null: root/labelmap.txt, else VOC's [ours]."
    )

    @field_validator("train", "val", "score")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        if value is not None and ("/" in value or value.startswith(".") or check_id(value)):
            raise ValueError("must be the name of a list in ImageSets/Segmentation or ImageSets/Main, no path")
        if value is not None and value.lower().endswith(".txt"):
            raise ValueError("must be the name of a list: leave out .txt")
        return value


class VocPhotos(PhotoSet):
    """Photos in VOC layout. See `VocData` for where classes, lists and tags come from."""

    Settings = VocData
    settings: VocData

    def __init__(self, settings: VocData, run: Path, seed: int):
        super().__init__(settings, run, seed)
        # read once: folders on a network take their time
        self._ids: dict[str, list[str]] = {}
        self._listed: dict[tuple[str, bool], list[Photo]] = {}
        self._facts: dict[str, list[str]] = {}
        self._stats: dict[tuple[str, str], bytes] = {}  # sizes and times of the files of a folder and split
        self._left_out: set[str] = set()

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
        if self.settings.tags != "auto":
            return self.settings.tags
        return "annotations" if (self.root / "Annotations").is_dir() else "lists"

    @property
    def classes(self) -> tuple[str, ...]:
        return self._class_list[0]

    @cached_property
    def _class_list(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The classes, and what a person should know about them."""
        from puzzlecam_cli.data.class_list import find_classes

        return find_classes(self.root, self.settings.classes, self._colours, VOC_CLASSES)

    def ids(self, split: str) -> list[str]:
        """The image ids of a list, in its order."""
        if split not in self._ids:
            self._ids[split] = self._read_ids(split)
        return self._ids[split]

    def count(self, split: str) -> tuple[int, int]:
        ids = self.ids(split)
        return len(ids), sum(image_id in self._masks for image_id in ids)

    def _read_ids(self, split: str) -> list[str]:
        from puzzlecam_cli.data.lists import read_ids

        if not self.root.is_dir():
            said = f"{self.root} is no folder" if self.root.exists() else f"there is no folder {self.root}"
            raise UserError("data-missing", said, hint="--set data.root=FOLDER names your photos")
        places = [self.root / "ImageSets" / folder / f"{split}.txt" for folder in LISTS]
        file = next((place for place in (*places, SHIPPED_LISTS / f"{split}.txt") if place.exists()), None)
        if file is None:
            from puzzlecam_cli.data.near_misses import list_elsewhere, root_elsewhere

            there = sorted({path.stem for place in places for path in place.parent.glob("*.txt")})
            close = get_close_matches(split, there, 1)
            raise UserError(
                "data-missing",
                f"there is no list {places[0]}",
                (f"lists that are there: {', '.join(shorten(there))}",) if there else (),
                (f"did you mean {quoted(close[0])}? " if close else "")
                + (root_elsewhere(self.root) or list_elsewhere(self.root, split))
                + "a list holds one image id a line; data.train, data.val and data.score name lists",
            )
        return read_ids(file, self._images.__contains__, self._left_out)

    def leave_out(self, ids: Collection[str]) -> bool:
        self._left_out.update(ids)
        self._ids, self._listed, self._stats = {}, {}, {}
        return True

    def unnamed(self) -> list[str]:
        named = {canonical(i) for split in {*astuple(self.splits)} - {None} for i in self.ids(split)} | self._left_out
        return [i for i in self._images.walked() if i not in named]

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        key = split, tags
        if key not in self._listed:
            self._listed[key] = self._list(split, tags)
        return self._listed[key]

    def _list(self, split: str, tags: bool) -> list[Photo]:
        from puzzlecam_cli.data.mask_file import MaskFile

        ids = self.ids(split)
        if missing := self._images.missing(ids):
            raise UserError(
                "image-missing",
                f"{len(missing)} of {len(ids)} images of `{split}` are not in {self.root / 'JPEGImages'}",
                shorten(missing),
                "complete the folder, or correct the list",
                tuple(self._images.at_fault(ids)),
            )
        if unusable := self._masks.missing(ids, needed=False):
            raise UserError(
                "mask-unreadable",
                f"{len(unusable)} masks of `{split}` in {self.root / 'SegmentationClass'} cannot be used",
                shorten(unusable),
                ids=tuple(self._masks.at_fault(ids, needed=False)),
            )
        tags_of = self._tags(split, ids) if tags else {}
        count, colours = len(self.classes), self._mask_colours
        return [
            Photo(
                i,
                self._images.find(i) or Path(),
                tags_of.get(i, ()),
                MaskFile(mask, count, colours, self.settings.white) if (mask := self._masks.find(i)) else None,
            )
            for i in ids
        ]

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        """See `PhotoSet`. With `tags`, the files they come from count; with `masks`, the masks do."""
        digest = hashlib.sha256("\n".join(self.classes).encode())
        ids = self.ids(split)
        digest.update("\n".join(ids).encode())
        sources = {"JPEGImages": self._images}
        if tags:
            self._add_tag_sources(split, sources, digest)
        if masks:
            sources["SegmentationClass"] = self._masks
            digest.update(self._mask_rules.encode())
        for name, index in sorted(sources.items()):
            if (name, split) not in self._stats:
                self._stats[name, split] = "\n".join(index.stats(ids)).encode()
            digest.update(self._stats[name, split])
        return digest.hexdigest()[:16]

    def _add_tag_sources(self, split: str, sources: dict[str, FileIndex], digest: hashlib._Hash) -> None:
        if self.settings.boxes == "clipped":
            digest.update(b"clipped")
        match self.tags_from:
            case "annotations":
                sources["Annotations"] = self._annotations
            case "masks":
                sources["SegmentationClass"] = self._masks
            case _:
                lists = FileIndex(self.root / "ImageSets" / "Main", (".txt",))
                digest.update("\n".join(lists.stats([f"{name}_{split}" for name in self.classes])).encode())

    def why_no_masks(self, split: str) -> str:
        from puzzlecam_cli.data.near_misses import masks_elsewhere

        return masks_elsewhere(self._masks, self.ids(split)[0])

    def facts(self, split: str) -> list[str]:
        return [*self._class_list[1], *self._facts.get(split, [])]

    @cached_property
    def _images(self) -> FileIndex:
        folder = self.root / "JPEGImages"
        if not folder.is_dir():
            from puzzlecam_cli.data.near_misses import root_elsewhere

            hint = f"{root_elsewhere(self.root)}data.root is not in VOC layout"
            raise UserError("data-missing", f"there is no folder {folder}", hint=hint)
        return FileIndex(folder, PHOTO_SUFFIXES)

    @cached_property
    def _masks(self) -> FileIndex:
        return FileIndex(self.root / "SegmentationClass", MASK_SUFFIXES)

    @cached_property
    def _annotations(self) -> FileIndex:
        return FileIndex(self.root / "Annotations", (".xml",))

    @cached_property
    def _colours(self) -> tuple[tuple[str, RGB], ...] | None:
        """Names and colours of the classes, background among them; None where no file names them."""
        from puzzlecam_cli.data.colours import read_colours

        file = self.settings.colours or self.root / "labelmap.txt"
        return read_colours(file) if self.settings.colours or file.is_file() else None

    @cached_property
    def _mask_colours(self) -> tuple[RGB, ...] | None:
        """Colours of background and the classes, in their order; None: VOC's."""
        from puzzlecam_cli.data.class_list import colours_of

        file = self.settings.colours or self.root / "labelmap.txt"
        return colours_of(self.classes, self._colours, file) if self._colours else None

    @property
    def mask_meaning(self) -> str:
        return f"{super().mask_meaning}{self._mask_rules}"

    @property
    def _mask_rules(self) -> str:
        """What masks mean by settings that are not the default; empty without any."""
        white = f", white {self.settings.white}" if self.settings.white != "void" else ""
        return white + (f", colours {self._mask_colours}" if self._mask_colours else "")

    def _tags(self, split: str, ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
        from puzzlecam_cli.data.tags import tags_in_annotations, tags_in_lists, tags_in_masks

        match self.tags_from:
            case "masks":
                return tags_in_masks({photo.id: photo.mask for photo in self.photos(split)})
            case "lists":
                found, facts = tags_in_lists(self.root, split, self.classes, ids)
            case _:
                clipped = self.settings.boxes == "clipped"
                found, facts = tags_in_annotations(self._annotations, split, self.classes, ids, clipped=clipped)
        self._facts[split] = facts
        return found
