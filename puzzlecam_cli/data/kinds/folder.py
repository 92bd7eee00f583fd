"""Any folder of photos, with tags from a file of people's own, or from the folders that photos lie in."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from puzzlecam_cli.data.classes.class_list import FILES, read_classes
from puzzlecam_cli.data.classes.class_names import named_classes
from puzzlecam_cli.data.disk.mask_folder import is_beside, like_masks
from puzzlecam_cli.data.disk.tag_file import annotation_folder, find_tag_file, no_tag_file
from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.parts.listed import ListedData, ListedPhotos, Listing
from puzzlecam_cli.data.parts.part_of import ids_of_column, ids_of_list
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.tables.tags import TagTable, read_tags
from puzzlecam_cli.data.tags.sub_folders import FOLDERS, parts_of, tags_of_folders
from puzzlecam_cli.data.tags.tagged import Tagged, tagged_by
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import is_folder
from puzzlecam_cli.recipe.section import Location, default
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    from puzzlecam_cli.data.masks.source import Masks
    from puzzlecam_cli.data.pixels.colours import RGB


class FolderData(ListedData):
    """A folder of photos, in folders of their own or not."""

    kind: Literal["folder"]
    root: Location = Field(description="Folder of the photos; those in its sub-folders count.")
    tags: Location | None = default(
        None,
        "A CSV, TSV or JSON-lines file, a folder of VOC's annotations, or `folders`: a sub-folder is a class; null: "
        "root/tags.csv, labels.csv and the like, else `folders` [ours].",
    )
    masks: Location | None = default(
        None,
        "Masks of some or all photos: a folder of pictures called like them, CVAT's `Segmentation mask` as a zip or "
        "unpacked, instances JSON, or a folder with data.yaml and labels; null: nothing is scored [ours].",
    )
    classes: Location | None = default(
        None, "One class name a line, in the order of masks; null: root/classes.txt, else those of the tags [ours]."
    )
    encoding: str | None = default(None, "Of the tag file, such as cp1252; null: found out [ours].")
    separator: str | None = default(None, "Between several tags in one cell, such as `;`; null: found out [ours].")
    white: Literal["void", "class"] = default(
        "void", "What 255 in a mask is; `class`: the one class of masks in black and white [ours]."
    )
    colours: Location | None = default(
        None, "The classes' colours in RGB masks, as CVAT's labelmap.txt; null: root/labelmap.txt, else VOC's [ours]."
    )


class FolderPhotos(ListedPhotos):
    """A folder of tagged photos. See `FolderData` for where tags, masks and parts come from."""

    Settings = FolderData
    settings: FolderData

    @cached_property
    def listing(self) -> Listing:
        tagged, (classes, about_classes) = self._tagged, self._class_list
        numbers = {name: number for number, name in enumerate(classes, start=1)}
        masks = self._masks
        photos = tuple(
            Photo(
                i, self._walk.files[i], tuple(sorted({numbers[n] for n in names if n in numbers})), masks.by_id.get(i)
            )
            for i, names in tagged.tags.items()
        )
        about_file = [] if self.settings.tags or not self._tag_file else [f"tags are those of {self._tag_file}"]
        facts = (*about_file, *tagged.facts, *about_classes, *masks.facts)
        return Listing(photos, classes, facts, tagged.missing)

    @property
    def classes(self) -> tuple[str, ...]:
        return self._class_list[0]

    @property
    def tags_from(self) -> str:
        return "file" if self._tag_file else FOLDERS

    @cached_property
    def _tag_file(self) -> Path | None:
        """None: the folders are the tags."""
        self._walk.check_root()
        written = self.settings.tags
        if written is None:
            return find_tag_file(self.root, self._other_files)
        place = self.place(written) or annotation_folder(written, self.root)
        if place is None and str(written) != FOLDERS:
            raise no_tag_file(written, self.root)
        return place

    @property
    def _other_files(self) -> set[str]:
        """Names of files in the folder that settings say are something else than tags."""
        settings = self.settings
        named = (settings.train, settings.val, settings.classes, settings.colours)
        return {FILES[0], *(Path(value).name for value in named if isinstance(value, str | Path))}

    @property
    def _tag_source(self) -> str:
        """For messages."""
        return str(self._tag_file or f"the folders of {self.root}")

    @cached_property
    def _walk(self) -> Walk:
        if _are_one(self.run, self.root):
            raise UserError("run-folder", f"{self.run} holds the photos and the run", hint="--run names another folder")
        masks = self._mask_place
        return Walk(self.root, but=(self.run, *((masks,) if masks and masks != self.root else ())), tell=self.tell)

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        """All photos but masks that lie beside them."""
        files = self._walk.files
        return tuple(i for i in files if not (self._mask_place == self.root and is_beside(i, files)))

    @cached_property
    def _tagged(self) -> Tagged:
        if self._tag_file is None:
            if self.settings.tags is None and not any("/" in image_id for image_id in self._ids):
                raise UserError(
                    "tags-missing",
                    f"there is no tag file in {self.root}, and no sub-folder whose name could be a tag",
                    hint="data.tags names a CSV, TSV or JSON-lines file: a row a photo, its name and its tags",
                )
            return tags_of_folders(self._ids)
        return tagged_by(self._table, self._walk, self._ids, skip=self.passes_over)

    def know(self, walk: Walk, table: TagTable) -> None:
        """The photos below the root and the tag file are these, read already by somebody as it is done here."""
        self._walk, self._table = walk, table

    @cached_property
    def _table(self) -> TagTable:
        assert self._tag_file is not None
        self._walk.files  # noqa: B018 -- told by itself
        self.tell(f"reading {self._tag_file}")
        return read_tags(
            self._tag_file,
            encoding=self.settings.encoding,
            separator=self.settings.separator,
            classes=read_classes(self._class_file).names if self._class_file else None,
            is_photo=lambda name: bool(self._walk.named(name)),
        )

    @cached_property
    def _class_file(self) -> Path | None:
        """The list of classes that a setting names, or that lies there."""
        if written := self.settings.classes:
            return self.place(written) or written
        beside = self.root / FILES[0]
        return beside if beside.is_file() else None

    @cached_property
    def _class_list(self) -> tuple[tuple[str, ...], list[str]]:
        """The classes, and what a person should know about them."""
        ignore = self.settings.unlisted == "ignore"
        return named_classes(self._tagged.names, self._class_file, ignore=ignore, source=self._tag_source)

    def part(self, name: str, value: str) -> list[str]:
        """See `ListedPhotos`: a list of photos, COLUMN=VALUE, COLUMN, or a sub-folder."""
        listed = self._tagged.tags
        if place := self.place(value):
            return ids_of_list(place, self._walk.named, self._walk.like, listed, skip=self.passes_over)
        columns = {"folder": parts_of(listed)} | self._tagged.columns
        inside = [image_id for image_id in listed if image_id.startswith(f"{canonical(value).strip('/')}/")]
        if inside and value not in columns:
            return inside
        return ids_of_column(name, value, columns, self._tag_source)

    @cached_property
    def _mask_place(self) -> Path | None:
        """As its setting stands, else below the root; the root itself where masks lie beside photos."""
        written = self.settings.masks
        if written is None:
            return None
        place = next((place for place in (written, self.root / written) if os.path.lexists(place)), written)
        return self.root if _are_one(place, self.root) else place

    @cached_property
    def _masks(self) -> Masks:
        from puzzlecam_cli.data.masks.source import Masks, Meaning, masks_at

        place, white, count = self._mask_place, self.settings.white, len(self.classes)
        if place is None:
            suspect = like_masks(self._ids)
            about = f"photos in {quoted(suspect)} are called like others: if they are masks" if suspect else ""
            return Masks({}, (f"{about}, say so: --set data.masks={suspect}",) if about else ())
        if white == "class" and count > 1:
            raise UserError(
                "recipe-invalid", f"data.white: class is for masks of one class; there are {count}", self.classes[:3]
            )
        are_given, ignore = self.settings.colours is not None, self.settings.unlisted == "ignore"
        meaning = Meaning(self.classes, self._mask_colours, are_given, white, ignore)
        return masks_at(place, self._walk, self._tagged.tags, meaning)

    def check_masks(self) -> None:
        if self._masks.are_drawn:
            from puzzlecam_cli.data.coco.outlines import check_package

            check_package()

    @cached_property
    def _mask_colours(self) -> tuple[RGB, ...] | None:
        """Colours of background and the classes, in their order; None: VOC's."""
        from puzzlecam_cli.data.classes.class_list import colours_of
        from puzzlecam_cli.data.pixels.colours import read_colours

        written = self.settings.colours
        file = (self.place(written) or written) if written else self.root / "labelmap.txt"
        return colours_of(self.classes, read_colours(file), file) if written or file.is_file() else None

    @property
    def mask_meaning(self) -> str:
        white = f", white {self.settings.white}" if self.settings.white != "void" else ""
        return f"{super().mask_meaning}{white}{self._masks.meaning}"


def _are_one(one: Path, other: Path) -> bool:
    return is_folder(one) and is_folder(other) and one.samefile(other)
