"""Which classes photos are known to show: of a tag file, or of the folders that photos lie in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from puzzlecam_cli.data.classes.class_list import did_you_mean, is_no_object
from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.photos import Photo, Tell, silent
from puzzlecam_cli.data.tables.tags import read_tags
from puzzlecam_cli.data.tags.sub_folders import FOLDERS, tags_of_folders
from puzzlecam_cli.data.tags.tagged import Tagged, tagged_by
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.text import are, quoted, several


def tags_of(
    photos: Sequence[Photo], source: str, classes: Sequence[str], tell: Tell = silent
) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Class indices 1..C of photos by id, of those that have a row; and what a person should know.

    Args:
        source: a tag file of any kind that `data.tags` takes, a folder of annotations, or `folders`.
        classes: the model's.

    Raises:
        UserError: the file is not there or cannot be read; `tags-unlisted` with all names that are none of the classes;
            `tags-unmatched`: no row is of a photo, or one may be of several.
    """
    tagged, facts = _tagged(photos, source, classes, tell)
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    unknown = [name for name in tagged.names if name not in numbers and not is_no_object(name)]
    if unknown:
        lines = [f"{tagged.names[name]}: {quoted(name)} is no class{did_you_mean(name, classes)}" for name in unknown]
        raise UserError(
            "tags-unlisted",
            f"{source} names {several(len(unknown), 'class')} that the model does not know",
            shorten(lines),
            f"it knows {', '.join(shorten([quoted(name) for name in classes], 12))}",
        )
    found = {i: tuple(sorted({numbers[name] for name in names if name in numbers})) for i, names in tagged.tags.items()}
    return found, facts


def _tagged(photos: Sequence[Photo], source: str, classes: Sequence[str], tell: Tell) -> tuple[Tagged, list[str]]:
    if source == FOLDERS and not os.path.lexists(source):
        tagged = tags_of_folders([photo.id for photo in photos])
        return tagged, list(tagged.facts)
    path = Path(source)
    problem = why_no_file(path)
    if problem and not path.is_dir():
        raise UserError("tags-missing", f"{path} {problem}", hint="--tags names a file of tags, or is `folders`")
    walk = Walk(Path(os.path.commonpath([os.path.abspath(photo.image.parent) for photo in photos])))  # noqa: PTH100
    walk.files = {photo.id: photo.image for photo in sorted(photos, key=lambda photo: photo.id)}
    tell(f"reading {path}")
    try:
        table = read_tags(path, classes=classes, is_photo=lambda name: bool(walk.named(name)))
    except UserError as error:
        if error.reference == "tags-encoding" and "--set data." in (error.hint or ""):
            hint = "save it as UTF-8 (most editors: Save as, encoding UTF-8)"
            raise UserError(error.reference, error.problem, error.where, hint) from None
        raise
    tagged = tagged_by(table, walk, list(walk.files), skip=True)
    facts = list(table.facts)
    if without := [photo.id for photo in photos if photo.id not in tagged.tags]:
        some = ", ".join(shorten([quoted(image_id) for image_id in without], 3))
        facts.append(f"{several(len(without), 'photo')} {are(len(without))} in no row of {path}: {some}")
    if tagged.missing:
        some = ", ".join(shorten([quoted(name) for name in tagged.missing], 3))
        facts.append(f"{several(len(tagged.missing), 'row')} of {path} of photos that were not named: {some}")
    return tagged, facts
