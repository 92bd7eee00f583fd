"""A folder of VOC's annotations: an XML file a photo, as labelImg and others write them, without any list."""

from __future__ import annotations

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.tables.found import Found, Known, Tagged
from puzzlecam_cli.data.tags.annotations import read_objects
from puzzlecam_cli.errors import UserError


def read_annotations(known: Known) -> Found:
    """The tags of each photo that has a file of its name here or below; hidden files do not count.

    Raises:
        UserError: `tags-invalid` with every file that is no annotation.
    """
    folder = known.file
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".xml")
    paths = [path for path in found if not any(part.startswith(".") for part in path.parts)]
    tagged: list[Tagged] = []
    problems: list[str] = []
    for number, path in enumerate(paths, start=1):
        try:
            tags = read_objects(folder / path).tags
        except UserError as error:
            problems.append("; ".join((error.problem.removeprefix(f"{folder}/"), *error.where[:1])))
        else:
            tagged.append(Tagged(number, canonical(path.with_suffix("").as_posix()), tuple(sorted(tags))))
    if problems:
        raise known.problem("holds files that are no annotations", problems)
    return Found(tagged, facts=["one XML file a photo, an object a tag"], place="file")
