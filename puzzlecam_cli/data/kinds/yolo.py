"""Photos in YOLO's layout: `images` and `labels` side by side, or a text beside each photo."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.parts.listed import ListedData, Listing
from puzzlecam_cli.data.parts.listed_settings import Part
from puzzlecam_cli.data.parts.outlined import OutlinedPhotos
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.section import Location, default
from puzzlecam_cli.text import quoted, several

if TYPE_CHECKING:
    from puzzlecam_cli.data.disk.walk import Walk
    from puzzlecam_cli.data.yolo.description import Description
    from puzzlecam_cli.data.yolo.label_text import Summary


class YoloData(ListedData):
    """A folder of photos with YOLO's texts."""

    kind: Literal["yolo"]
    root: Location = Field(description="Folder above the photos and their texts.")
    names: Location | None = default(
        None, "data.yaml, or one class name a line; null: root/data.yaml, dataset.yaml, obj.names, classes.txt [ours]."
    )
    train: Part = default(
        "train", "A part of data.yaml, a list, a folder, or a share; null: all that are not in `val` [ours]."
    )
    val: Part = default("val", "A part of data.yaml, a list, a folder, or a share; null: none [ours].")


class YoloPhotos(OutlinedPhotos):
    """Tags are the classes of a photo's objects; masks are drawn where all of them are polygons."""

    Settings = YoloData
    settings: YoloData

    @property
    def classes(self) -> tuple[str, ...]:
        return self._classes[0]

    @cached_property
    def listing(self) -> Listing:
        from puzzlecam_cli.data.yolo.label_text import Summary, YoloMask

        names, labels, facts = self._classes
        label_of = dict(labels)
        read = self._summaries()
        any_outlines = any(summary.corners for summary in read.values())
        photos = []
        for image_id, path in self._walk.files.items():
            summary = read.get(image_id, Summary())
            tags = sorted({label_of[number] for number in summary.numbers} - {0, 255})
            text = self._texts.get(image_id, path.with_suffix(".txt"))
            drawn = any_outlines and summary.outlined
            photos.append(Photo(image_id, path, tuple(tags), YoloMask(text, path, labels) if drawn else None))
        return Listing(tuple(photos), names, (*facts, *self._facts(read)))

    def part(self, name: str, value: str) -> list[str]:
        """The ids of a part of `data.yaml`, of a list, or of a folder."""
        places = self._description.parts.get(value, ())
        if not places:
            beside = self.root / f"{value}.txt"
            places = (beside.name,) if beside.is_file() else (value,)
        ids = [image_id for place in places for image_id in self._ids_of(name, place)]
        return list(dict.fromkeys(ids))

    def _ids_of(self, name: str, written: str) -> list[str]:
        """The ids of a folder or a list of photos."""
        from puzzlecam_cli.data.parts.part_of import ids_of_list

        walk, root = self._walk, self.root.resolve()
        for place in self._places(written):
            if place.is_file():
                return ids_of_list(place, walk.named, walk.like, walk.files, skip=self.passes_over)
            if place.is_dir() and place.resolve().is_relative_to(root):
                below = canonical(place.resolve().relative_to(root).as_posix())
                start = "" if below == "." else f"{below}/"
                return [image_id for image_id in walk.files if image_id.startswith(start)]
        description = self._description
        raise UserError(
            "data-missing",
            f"data.{name}: there is no folder or list of photos {quoted(written)} below {self.root}",
            tuple(f"{description.file}: {part}: {', '.join(places)}" for part, places in description.parts.items()),
            f"where photos are not divided: --set data.train=null --set data.val=0.2; data.{name} names a part of "
            "data.yaml, a list or a folder",
        )

    def _places(self, written: str) -> Iterator[Path]:
        """What a path of `data.yaml` may mean. It is often that of another machine, or one step too far up."""
        description = self._description
        beside = description.file.parent
        plain = re.sub(r"^(\.\.?/)+", "", written.replace("\\", "/"))
        starts = dict.fromkeys((os.path.expanduser(description.folder or "."), "."))  # noqa: PTH111 -- see `place`
        for path in dict.fromkeys((written, plain)):
            yield from (folder / start / path for start in starts for folder in (beside, self.root))
        if re.match(r"/|[A-Za-z]:/", plain):  # the end of it is the same here
            parts = plain.split("/")
            yield from (self.root.joinpath(*parts[begin:]) for begin in range(1, len(parts)) if parts[begin])

    @cached_property
    def _walk(self) -> Walk:
        from puzzlecam_cli.data.disk.walk import Walk

        return Walk(self.root, but=(self.run,), tell=self.tell)

    @cached_property
    def _description(self) -> Description:
        from puzzlecam_cli.data.yolo.description import FILES, read_description

        written = self.settings.names
        if written is not None:
            return read_description(self.place(written) or written)
        found = next((self.root / name for name in FILES if (self.root / name).is_file()), None)
        if found is None:
            self._walk.files  # noqa: B018 - a root that is not there is told first
            raise UserError(
                "data-missing",
                f"there is no {FILES[0]} in {self.root}, nor {', '.join(FILES[1:])}",
                hint="data.root is the folder above `images` and `labels`; data.names names a file of class names",
            )
        return read_description(found)

    @cached_property
    def _classes(self) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...], list[str]]:
        """Names, the label of each class number (1..C, 0 for none, 255 for void), and what a person should know."""
        from puzzlecam_cli.data.classes.class_names import label_of, named_classes

        description, given = self._description, self.settings.classes
        found: dict[str, str] = {}
        twice = []
        for number, name in description.names.items():
            if found.setdefault(name, f"class {number}") != f"class {number}":
                twice.append(f"{found[name]} and class {number} are both called {quoted(name)}: they are one class")
        ignore = self.settings.unlisted == "ignore"
        place = given and (self.place(given) or given)
        names, facts = named_classes(found, place, ignore=ignore, source=description.file)
        labels = tuple((number, label_of(name, names)) for number, name in description.names.items())
        return names, labels, [*twice, *facts]

    @cached_property
    def _texts(self) -> dict[str, Path]:
        """The text of each photo that has one."""
        from puzzlecam_cli.data.disk.walk import Walk

        try:
            texts = Walk(self.root, (".txt",), but=(self.run,), what="text").files
        except UserError:
            texts = {}
        names = ((i, next((name for name in _text_names(i) if name in texts), None)) for i in self._walk.files)
        found = {image_id: texts[name] for image_id, name in names if name is not None}
        if not found:
            first = next(iter(self._walk.files))
            where = tuple(f"{self.root}/{name}.txt" for name in _text_names(first))
            raise UserError(
                "tags-missing", f"no photo below {self.root} has a text of objects", where, "these were looked for"
            )
        return found

    def _summaries(self) -> dict[str, Summary]:
        """What the text of each photo that has one says."""
        from puzzlecam_cli.data.yolo.label_text import read_objects, summary_of

        known = frozenset(self._description.names)
        found: dict[str, Summary] = {}
        problems: list[str] = []
        for number, (image_id, text) in enumerate(self._texts.items()):
            if number % 1000 == 0:
                self.tell(f"reading texts of objects: {number:,} of {len(self._texts):,}")
            try:
                objects, wrong = read_objects(text, known)
                found[image_id] = summary_of(objects)
            except UserError as error:
                wrong = [error.problem, *error.where]
            problems += wrong
        if problems:
            raise UserError(
                "yolo-invalid",
                f"{len(problems)} lines of texts below {self.root} are no objects",
                shorten(problems),
                "a line is a class number and x, y, width, height of a box, or x, y of 3 or more corners, in parts of "
                "the photo's width and height",
            )
        return found

    def _facts(self, read: dict[str, Summary]) -> Iterator[str]:
        files = self._walk.files
        if without := sum(not (image_id in read and read[image_id].numbers) for image_id in files):
            yield f"{without} of {several(len(files), 'photo')} without a text, or with an empty one: background"
        longest = max(summary.corners for summary in read.values())
        if boxes := sum(not summary.outlined for summary in read.values() if longest):
            yield f"{several(boxes, 'photo')} without a mask, as objects have a box only"
        if longest == 4:
            yield "no polygon has more than four corners: if they are boxes, scores are of boxes, not of objects"


def _text_names(image_id: str) -> list[str]:
    """Where the text of a photo may be: in `labels` for the last `images` of its path, else beside it."""
    start, images, end = f"/{image_id}".rpartition("/images/")
    return [*([f"{start}/labels/{end}".removeprefix("/")] if images else []), image_id]
