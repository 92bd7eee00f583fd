"""Tags from the folders that photos lie in: a sub-folder is a class, as in the data sets of classifiers."""

from __future__ import annotations

from collections.abc import Iterable

from puzzlecam_cli.data.parts.part_of import TRAIN, VAL
from puzzlecam_cli.data.tags.tagged import Tagged
from puzzlecam_cli.errors import shorten
from puzzlecam_cli.text import quoted

FOLDERS = "folders"  # the setting, and the scores' word for it
# What folders of all photos are called, that say nothing about them.
_WHOLE = {"data", "dataset", "images", "image", "imgs", "img", "jpegimages", "photos", "pictures"}


def tags_of_folders(ids: Iterable[str]) -> Tagged:
    """The first folder of an id is its class; where all first folders are parts, the second is."""
    folders = _folders_of(ids)
    facts = [f"tags are the names of the folders that photos lie in{_skip_whole(folders)}"]
    if parts := _skip_parts(folders):
        some = ", ".join(map(quoted, sorted({part for part in parts.values() if part})))
        facts.append(
            f"the folders {some} are taken for parts, those in them for classes: `train: folder` and `val: folder` "
            "divide photos so"
        )
    tags = {image_id: tuple(below[:1]) for image_id, below in folders.items()}
    if outside := [image_id for image_id, below in folders.items() if not below]:
        some = ", ".join(shorten([quoted(image_id) for image_id in outside], 3))
        facts.append(f"photos that lie in no folder of a class show none: {len(outside)}, such as {some}")
    names = {name: f"folder {quoted(name)}" for name in sorted({name for names in tags.values() for name in names})}
    return Tagged(tags, names, {}, tuple(facts))


def parts_of(ids: Iterable[str]) -> dict[str, str]:
    """The folder of each id that names its part; where folders name no parts, the first; "" of one that lies in none.

    Folders such as `images` around everything do not count.
    """
    folders = _folders_of(ids)
    _skip_whole(folders)
    first = {image_id: below[0] if below else "" for image_id, below in folders.items()}
    return _skip_parts(folders) or first


def _folders_of(ids: Iterable[str]) -> dict[str, list[str]]:
    return {image_id: image_id.split("/")[:-1] for image_id in ids}


def _skip_parts(folders: dict[str, list[str]]) -> dict[str, str]:
    """Leave out first folders that name parts, if all do and there are others in them; which each id lies in."""
    first = _first(folders)
    if not first or not all(name.casefold() in (*TRAIN, *VAL) for name in first):
        return {}
    if not any(len(below) > 1 for below in folders.values()):
        return {}
    return {image_id: below.pop(0) if below else "" for image_id, below in folders.items()}


def _skip_whole(folders: dict[str, list[str]]) -> str:
    """Leave out `images` and the like around everything; which, as the end of a sentence."""
    left_out = []
    while all(folders.values()) and len(first := _first(folders)) == 1 and first[0].casefold() in _WHOLE:
        if not any(len(below) > 1 for below in folders.values()):
            break
        left_out += first
        for below in folders.values():
            del below[0]
    return f", below {quoted('/'.join(left_out))}" if left_out else ""


def _first(folders: dict[str, list[str]]) -> list[str]:
    return sorted({below[0] for below in folders.values() if below})
