"""Photos and their tags in instances JSON, as COCO has them and CVAT, Label Studio, Roboflow and others write them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from puzzlecam_cli.data.parts.listed import ListedData, Listing
from puzzlecam_cli.data.parts.listed_settings import Part
from puzzlecam_cli.data.parts.outlined import OutlinedPhotos
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.section import Location, default
from puzzlecam_cli.text import are, quoted, several

if TYPE_CHECKING:
    from puzzlecam_cli.data.coco.photos import Found
    from puzzlecam_cli.data.disk.walk import Walk
    from puzzlecam_cli.data.photos import Photo


class CocoData(ListedData):
    """A folder of photos and one or two instances JSON."""

    kind: Literal["coco"]
    root: Location = Field(description="Folder of photos; those in folders below it count, too.")
    train: str = Field(description="Instances JSON of the photos trained on; below root or anywhere.")
    val: Part = default(
        None, "Instances JSON of the photos predicted at the end; or a share of `train`; null: none [ours]."
    )
    empty: Literal["background", "left_out"] = default(
        "background",
        "Images without any annotation; left_out: they belong to no split, as the literature counts COCO's [ours].",
    )


class CocoPhotos(OutlinedPhotos):
    """Tags are the categories of a photo's objects, crowds apart; masks are drawn from their outlines."""

    Settings = CocoData
    settings: CocoData

    @cached_property
    def walk(self) -> Walk:
        from puzzlecam_cli.data.disk.walk import Walk

        return Walk(self.root, but=(self.run,), tell=self.tell)

    @property
    def listing(self) -> Listing:
        return self._read[0]

    def part(self, name: str, value: str) -> list[str]:
        """The photos of a document, in its order, then those that are not there."""
        found = self._read[1][self._files[name]]
        return [*(photo.id for photo in found.photos), *found.missing]

    @cached_property
    def _files(self) -> dict[str, Path]:
        """The documents of `train` and `val`; where `val` is a share or none, of `train` only."""
        wanted = {"train": self.settings.train, "val": self.settings.val}
        files = {part: (name, self.place(name)) for part, name in wanted.items() if isinstance(name, str)}
        if missing := [f"data.{part}: {quoted(name)}" for part, (name, path) in files.items() if path is None]:
            there = sorted(str(path) for folder in (".", "annotations") for path in (self.root / folder).glob("*.json"))
            raise UserError(
                "data-missing",
                "there is no such instances JSON" if len(missing) == 1 else "there are no such instances JSON",
                tuple(missing),
                f"there is {', '.join(shorten(there, 3))}" if there else f"it may lie anywhere, or below {self.root}",
            )
        return {part: path for part, (_, path) in files.items() if path is not None}

    @cached_property
    def _read(self) -> tuple[Listing, dict[Path, Found]]:
        """All photos, and those of each document."""
        from puzzlecam_cli.data.coco.classes import classes_of
        from puzzlecam_cli.data.coco.instances import read_instances
        from puzzlecam_cli.data.coco.photos import photos_of

        documents = [read_instances(path, self.tell) for path in dict.fromkeys(self._files.values())]
        given = self.settings.classes and (self.place(self.settings.classes) or self.settings.classes)
        classes = classes_of(documents, given, ignore=self.settings.unlisted == "ignore")
        keep_empty = self.settings.empty == "background"
        found = {
            document.path: photos_of(document, labels, self.walk, keep_empty=keep_empty)
            for document, labels in zip(documents, classes.labels, strict=True)
        }
        gone = {name: why for each in found.values() for name, why in each.missing.items()}
        missing = [f"{quoted(name)} {why}" for name, why in gone.items()]
        if missing and not self.passes_over:
            raise UserError(
                "image-missing",
                f"{len(missing)} of {sum(len(document.images) for document in documents)} images of "
                f"{' and '.join(map(str, found))} are not below {self.root}",
                shorten(missing),
                "complete the folder; data.root=FOLDER lies above all of them; or leave them out: data.on_error=skip",
                tuple(gone),
            )
        photos = _joined(found)
        facts = [*classes.facts, *(fact for each in found.values() for fact in each.facts)]
        if others := len(self.walk.files.keys() - photos.keys()):
            facts.append(f"{several(others, 'photo')} below {self.root} {are(others)} in no split")
        return Listing(tuple(photos[i] for i in sorted(photos)), classes.names, tuple(facts), gone), found


def _joined(found: dict[Path, Found]) -> dict[str, Photo]:
    """The photos of all documents by id.

    Raises:
        UserError: `tags-differ`: two documents tag a photo differently.
    """
    photos: dict[str, Photo] = {}
    differ: list[str] = []
    for each in found.values():
        for photo in each.photos:
            other = photos.setdefault(photo.id, photo)
            if other.tags != photo.tags:
                differ.append(photo.id)
    if differ:
        raise UserError(
            "tags-differ",
            f"{' and '.join(map(str, found))} say different things of {len(differ)} photos that are in both",
            shorten(differ),
            "a photo belongs to one of them",
        )
    return photos
