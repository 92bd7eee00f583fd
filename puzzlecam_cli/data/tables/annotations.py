"""A folder of VOC's annotations as a table: an XML file a photo, as labelImg and others write them, without lists."""

from __future__ import annotations

from pathlib import Path

from puzzlecam_cli.data.annotations import read_objects
from puzzlecam_cli.data.class_list import is_no_object
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError, shorten

Files = dict[str, Path]  # by the name of the photo


def annotations_in(folder: Path) -> Files:
    """The XML files of a folder and those below it, by their paths in it without suffix; hidden ones do not count."""
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".xml")
    shown = (path for path in found if not any(part.startswith(".") for part in path.parts))
    return {canonical(path.with_suffix("").as_posix()): folder / path for path in shown}


def tags_of_annotations(files: Files, folder: Path) -> tuple[tuple[str, ...], ...]:
    """The class names of each photo, in the order of their files.

    Raises:
        UserError: `tags-invalid` with every file that is no annotation.
    """
    tags: list[tuple[str, ...]] = []
    problems: list[str] = []
    for path in files.values():
        try:
            tags.append(tuple(sorted(name for name in read_objects(path).tags if not is_no_object(name))))
        except UserError as error:
            problems.append("; ".join((error.problem, *error.where[:1])))
    if problems:
        raise UserError("tags-invalid", f"{len(problems)} files in {folder} are no annotations", shorten(problems))
    return tuple(tags)
