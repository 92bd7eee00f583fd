"""Folders in PASCAL VOC layout: JPEGImages, Annotations, SegmentationClass, ImageSets."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.disk.lists import find_list, read_ids
from puzzlecam_cli.data.disk.resolver import FileIndex, stat_of
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES
from puzzlecam_cli.data.parts.voc_settings import VocData
from puzzlecam_cli.data.photos import Mask, Photo, PhotoSet, Splits
from puzzlecam_cli.errors import UserError, shorten

if TYPE_CHECKING:
    from puzzlecam_cli.data.masks.source import Masks
    from puzzlecam_cli.data.pixels.colours import RGB
    from puzzlecam_cli.data.pixels.mask_file import MaskFile

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on
MASK_SUFFIXES = (*PHOTO_SUFFIXES, ".gif")  # those that cannot be masks are refused when they are read
SHIPPED_LISTS = Path(__file__).parents[1] / "voc2012"


class VocPhotos(PhotoSet):
    """Photos in VOC layout. See `VocData` for where classes, lists and tags come from."""

    Settings = VocData
    settings: VocData

    def __init__(self, settings: VocData, run: Path, seed: int):
        super().__init__(settings, run, seed)
        self._past: set[str] = set()
        self._forget()

    def _forget(self) -> None:
        """What is read once: folders on a network take their time."""
        self._ids: dict[str, list[str]] = {}
        self._gone: dict[str | tuple[str, str], dict[str, str]] = {}
        self._listed: dict[tuple[str, bool], list[Photo]] = {}
        self._facts: dict[str, list[str]] = {}
        self._stats: dict[tuple[str, str], list[str]] = {}  # sizes and times of the files of a folder and split

    def look_past(self, ids: Collection[str]) -> bool:
        self._past.update(ids)
        self._forget()
        return True

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
        from puzzlecam_cli.data.classes.class_list import find_classes

        return find_classes(self.root, self.settings.classes, self._colours, VOC_CLASSES)

    def ids(self, split: str) -> list[str]:
        """The image ids of a list, in its order, but for those that are left out."""
        gone = self.left_out(split)
        return [i for i in self._named(split) if i not in gone] if gone else self._named(split)

    def _named(self, split: str) -> list[str]:
        if split not in self._ids:
            file = find_list(self.root, split, SHIPPED_LISTS)
            self._ids[split] = read_ids(file, self._images.__contains__, self._past)
        return self._ids[split]

    def left_out(self, split: str) -> dict[str, str]:
        if not self.settings.skips:
            return {}
        if split not in self._gone:
            self._gone[split] = self._images.unusable(self._named(split))
        return self._gone[split]

    def masks_left_out(self, split: str) -> dict[str, str]:
        if not self.settings.skips or self._given is not None:
            return {}
        if ("masks", split) not in self._gone:
            ids = self.ids(split)
            some = any(i in self._masks for i in ids)
            self._gone["masks", split] = self._masks.unusable(ids, needed=some)
        return self._gone["masks", split]

    @property
    def scores_some(self) -> bool:
        return self.settings.masks is not None

    def check_masks(self) -> None:
        if self._given is not None and self._given.are_drawn:
            from puzzlecam_cli.data.coco.outlines import check_package

            check_package()

    def count(self, split: str) -> tuple[int, int]:
        ids, gone = self.ids(split), self.masks_left_out(split)
        masks = self._masks if self._given is None else self._given.by_id
        return len(ids), sum(i in masks and i not in gone for i in ids)

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        key = split, tags
        if key not in self._listed:
            self._listed[key] = self._list(split, tags)
        return self._listed[key]

    def _list(self, split: str, tags: bool) -> list[Photo]:
        ids, no_mask = self.ids(split), self.masks_left_out(split)
        if missing := self._images.unusable(ids):
            are = (
                "are not in"
                if all("not there" in line for line in missing.values())
                else "do not have one file each in"
            )
            raise UserError(
                "image-missing",
                f"{len(missing)} of {len(ids)} images of `{split}` {are} {self._images.folder}",
                shorten(self._images.missing(missing)),
                "complete the folder, correct the list, or leave them out: --set data.on_error=skip",
                tuple(missing),
            )
        wanted = [i for i in ids if i not in no_mask] if self._given is None else []
        if unusable := self._masks.unusable(wanted, needed=False):
            raise UserError(
                "mask-unreadable",
                f"{len(unusable)} masks of `{split}` in {self._masks.folder} cannot be used",
                shorten(self._masks.missing(unusable, needed=False)),
                ids=tuple(unusable),
            )
        tags_of = self._tags(split, ids) if tags else {}
        return [
            Photo(i, self._images.find(i) or Path(), tags_of.get(i, ()), None if i in no_mask else self._scored(i))
            for i in ids
        ]

    def _scored(self, image_id: str) -> Mask | None:
        """The mask that a photo is scored with."""
        return self._mask(image_id) if self._given is None else self._given.by_id.get(image_id)

    @cached_property
    def _given(self) -> Masks | None:
        """Those of `data.masks`; None: those of the layout."""
        if self.settings.masks is None:
            return None
        from puzzlecam_cli.data.disk.walk import Walk
        from puzzlecam_cli.data.masks.source import Meaning, masks_at

        walk = Walk(self._images.folder, tell=self.tell)
        are_given = self.settings.colours is not None
        meaning = Meaning(self.classes, self._mask_colours, are_given, self.settings.white)
        return masks_at(self.settings.masks, walk, walk.files, meaning)

    def _mask(self, image_id: str) -> MaskFile | None:
        from puzzlecam_cli.data.pixels.mask_file import MaskFile

        mask = self._masks.find(image_id)
        return MaskFile(mask, len(self.classes), self._mask_colours, self.settings.white) if mask else None

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        """See `PhotoSet`. With `tags`, the files they come from count; with `masks`, the masks do."""
        return self.fingerprint_without(split, (), tags=tags, masks=masks)

    def fingerprint_without(self, split: str, ids: Iterable[str], *, tags: bool = False, masks: bool = False) -> str:
        digest = hashlib.sha256("\n".join(self.classes).encode())
        gone, listed = set(ids), self.ids(split)
        kept = [number for number, i in enumerate(listed) if i not in gone]
        digest.update("\n".join(listed[number] for number in kept).encode())
        sources = {"JPEGImages": self._images}
        if tags:
            self._add_tag_sources(split, sources, digest)
        if masks and self._given is not None:
            found = (self._given.by_id.get(listed[number]) for number in kept)
            digest.update("\n".join(stat_of(str(mask.path)) if mask else "-" for mask in found).encode())
        elif masks:
            sources["SegmentationClass"] = self._masks
        if masks:
            digest.update(self._mask_rules.encode())
        for name, index in sorted(sources.items()):
            if (name, split) not in self._stats:
                self._stats[name, split] = index.stats(listed)
            stats = self._stats[name, split]
            digest.update("\n".join(stats[number] for number in kept).encode())
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
        from puzzlecam_cli.data.disk.near_misses import masks_elsewhere

        if self._given is not None:
            return ""
        return masks_elsewhere(self._masks, self.ids(split)[0])

    def facts(self, split: str) -> list[str]:
        about_masks = self._given.facts if self._given is not None else ()
        return [*self._class_list[1], *about_masks, *self._facts.get(split, [])]

    @cached_property
    def _images(self) -> FileIndex:
        folder = self.root / "JPEGImages"
        if not folder.is_dir():
            from puzzlecam_cli.data.disk.near_misses import recipe_for, root_elsewhere

            hint = f"{root_elsewhere(self.root) or recipe_for(self.root)}data.root is not in VOC layout"
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
        from puzzlecam_cli.data.pixels.colours import read_colours

        file = self.settings.colours or self.root / "labelmap.txt"
        return read_colours(file) if self.settings.colours or file.is_file() else None

    @cached_property
    def _mask_colours(self) -> tuple[RGB, ...] | None:
        """Colours of background and the classes, in their order; None: VOC's."""
        from puzzlecam_cli.data.classes.class_list import colours_of

        file = self.settings.colours or self.root / "labelmap.txt"
        return colours_of(self.classes, self._colours, file) if self._colours else None

    @property
    def mask_meaning(self) -> str:
        return f"{super().mask_meaning}{self._mask_rules}"

    @property
    def _mask_rules(self) -> str:
        """What masks mean by settings that are not the default; empty without any."""
        white = f", white {self.settings.white}" if self.settings.white != "void" else ""
        colours = f", colours {self._mask_colours}" if self._mask_colours else ""
        return white + (colours if self._given is None else self._given.meaning)

    def _tags(self, split: str, ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
        from puzzlecam_cli.data.tags.voc_tags import tags_in_annotations, tags_in_lists, tags_in_masks

        match self.tags_from:
            case "masks":
                return tags_in_masks({i: self._mask(i) for i in ids})
            case "lists":
                found, facts = tags_in_lists(self.root, split, self.classes, ids)
            case _:
                clipped = self.settings.boxes == "clipped"
                found, facts = tags_in_annotations(self._annotations, split, self.classes, ids, clipped=clipped)
        self._facts[split] = facts
        return found
