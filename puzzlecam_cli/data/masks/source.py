"""Where `data.masks` points to: a folder of pictures, CVAT's masks in a zip or unpacked, instances JSON, or YOLO's."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from puzzlecam_cli.data.classes.class_list import colours_of, did_you_mean, is_no_object
from puzzlecam_cli.data.classes.class_names import label_of
from puzzlecam_cli.data.disk.mask_folder import MASK_SUFFIXES, masks_of
from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.masks.archive import MaskInZip, members, read_member
from puzzlecam_cli.data.photos import Mask
from puzzlecam_cli.data.pixels.colours import RGB, colours_in, read_colours
from puzzlecam_cli.data.pixels.mask_file import MaskFile
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import is_folder, why_no_file
from puzzlecam_cli.text import decode_text, lines_of, quoted, several

PICTURES, NAMES = "SegmentationClass", "labelmap.txt"  # as CVAT calls them
_NONE: tuple[RGB, ...] = ()
_MEMBER = re.compile(rf"(?P<start>(?:.*/)?){PICTURES}/(?P<name>.+)")


@dataclass(frozen=True)
class Meaning:
    """What a mask's numbers, colours and names stand for.

    Args:
        classes: 1..C.
        colours: of background and the classes; None: VOC's.
        are_given: whether these hold although others lie with the masks.
        white: see `MaskFile`.
        ignore: names that are no class are background; otherwise they are refused.
    """

    classes: tuple[str, ...]
    colours: tuple[RGB, ...] | None = None
    are_given: bool = False
    white: Literal["void", "class"] = "void"
    ignore: bool = False


@dataclass(frozen=True)
class Masks:
    """The masks of photos.

    Args:
        by_id: of each photo that has one.
        facts: what a person should know, a sentence each.
        meaning: what else than their files says what they mean, in words.
        are_drawn: from outlines, which takes a package.
    """

    by_id: Mapping[str, Mask]
    facts: tuple[str, ...] = ()
    meaning: str = ""
    are_drawn: bool = False


@dataclass(frozen=True)
class _Files:
    """Files by the id of the photo that they are called like; `root` is for messages."""

    root: Path
    files: Mapping[str, Path]


def masks_at(place: Path, photos: Walk, listed: Container[str], meaning: Meaning) -> Masks:
    """The masks in a place.

    Args:
        place: a folder or a file.
        photos: all that are there.
        listed: the ids that masks are wanted of.

    Raises:
        UserError: it holds no masks that can be read, or it is not certain what they mean or whose they are.
    """
    suffix = place.suffix.lower()
    if suffix in (".zip", ".json") and (problem := why_no_file(place)) == "is not there":
        hint = "--set data.masks=PLACE names a folder of masks, a zip of CVAT's, or COCO's JSON"
        raise UserError("data-missing", f"{place} {problem}", hint=hint)
    if not is_folder(place) and suffix == ".zip":
        return _in_zip(place, photos, listed, meaning)
    if not is_folder(place) and suffix == ".json":
        return _in_json(place, photos, listed, meaning)
    if is_folder(place) and is_folder(place / "labels") and (place / "data.yaml").is_file():
        return _in_texts(place, photos, listed, meaning)
    colours, voids = meaning.colours, _NONE
    if is_folder(place / PICTURES):
        names = place / NAMES
        if names.is_file() and not meaning.are_given:
            colours, voids = _of_table(read_colours(names), names, meaning)
        place = place / PICTURES
    walk = photos if place == photos.root else Walk(place, MASK_SUFFIXES, but=(photos.root,), what="mask")
    try:
        found, facts = masks_of(photos, listed, walk)
    except UserError as error:
        raise _of_other_form(error, place) from None
    count, white = len(meaning.classes), meaning.white
    by_id = {i: MaskFile(path, count, colours, white, voids) for i, path in found.items()}
    return Masks(by_id, tuple(facts), _in_words(colours, voids))


def _of_other_form(error: UserError, place: Path) -> UserError:
    """The error of a folder without a picture, with the masks of other forms that lie in it."""
    if error.reference != "data-missing" or not is_folder(place):
        return error
    entries = sorted(path for path in islice(place.iterdir(), 1000) if path.name != "predictions.json")
    others = [p for p in entries if p.suffix.lower() in (".json", ".zip") or (p / "data.yaml").is_file()]
    named = " or ".join(shorten([str(path) for path in others], 3))
    return UserError(error.reference, error.problem, error.where, f"did you mean {named}?" if others else error.hint)


def _in_zip(place: Path, photos: Walk, listed: Container[str], meaning: Meaning) -> Masks:
    names = members(place)
    matches = [match for match in map(_MEMBER.fullmatch, names) if match]
    pictures = [match for match in matches if Path(match["name"]).suffix.lower() in MASK_SUFFIXES]
    pictures = [match for match in pictures if "__MACOSX" not in match["start"]]
    if not pictures:
        raise UserError(
            "data-missing",
            f"there is no picture in the folder {PICTURES} of {place}",
            shorten([quoted(name, 200) for name in names], 3),
            "CVAT's `Segmentation mask 1.1` has one; of other formats, name the JSON or the unpacked folder",
        )
    start = min((match["start"] for match in pictures), key=len)
    files = {
        canonical(match["name"].rpartition(".")[0]): Path(match[0]) for match in pictures if match["start"] == start
    }
    colours, voids = meaning.colours, _NONE
    if f"{start}{NAMES}" in names and not meaning.are_given:
        where = Path(f"{place}#{start}{NAMES}")
        text = decode_text(read_member(place, f"{start}{NAMES}"), where)
        colours, voids = _of_table(colours_in(lines_of(text), where), where, meaning)
    found, facts = masks_of(photos, listed, _Files(place, files))
    count, white = len(meaning.classes), meaning.white
    by_id = {i: MaskInZip(place, count, colours, white, voids, path.as_posix()) for i, path in found.items()}
    return Masks(by_id, tuple(facts), _in_words(colours, voids))


def _in_json(place: Path, photos: Walk, listed: Container[str], meaning: Meaning) -> Masks:
    from puzzlecam_cli.data.coco.instances import read_instances
    from puzzlecam_cli.data.coco.photos import photos_of

    document = read_instances(place)
    used = set(document.annotations[:, 1].tolist())
    _refuse_strange([row.name for number, row in enumerate(document.categories) if number in used], place, meaning)
    labels = [label_of(row.name, meaning.classes) for row in document.categories]
    found = photos_of(document, labels, photos, keep_empty=True)
    by_id = {photo.id: photo.mask for photo in found.photos if photo.mask is not None and photo.id in listed}
    facts = [fact for fact in found.facts if by_id]
    if found.missing:
        some = ", ".join(shorten([quoted(name) for name in found.missing], 3))
        facts.append(
            f"{len(found.missing)} of {several(len(document.images), 'image')} in {place} are no photos: {some}"
        )
    if not by_id:
        facts.append(f"no image in {place} with outlines is a listed photo, so no photo has a mask")
    return Masks(by_id, tuple(facts), are_drawn=True)


def _in_texts(place: Path, photos: Walk, listed: Container[str], meaning: Meaning) -> Masks:
    from puzzlecam_cli.data.yolo.description import read_description
    from puzzlecam_cli.data.yolo.label_text import YoloMask

    description = read_description(place / "data.yaml")
    _refuse_strange(list(description.names.values()), description.file, meaning)
    labels = tuple((number, label_of(name, meaning.classes)) for number, name in description.names.items())
    found, facts = masks_of(photos, listed, Walk(place / "labels", (".txt",), what="text"))
    by_id = {i: YoloMask(path, photos.files[i], labels) for i, path in found.items()}
    return Masks(by_id, tuple(facts), f", numbers {labels}", are_drawn=True)


def _refuse_strange(names: list[str], source: Path, meaning: Meaning) -> None:
    strange = [name for name in dict.fromkeys(names) if not (name in meaning.classes or is_no_object(name))]
    if strange and not meaning.ignore:
        raise UserError(
            "masks-unlisted",
            f"{source} names {several(len(strange), 'class')} that the photos' tags do not have",
            shorten([f"{quoted(name)}{did_you_mean(name, meaning.classes)}" for name in strange]),
            "rename them there, or let them be background: --set data.unlisted=ignore",
        )


def _of_table(
    table: tuple[tuple[str, RGB], ...], source: Path, meaning: Meaning
) -> tuple[tuple[RGB, ...], tuple[RGB, ...]]:
    """The colours of background and the classes, and those of names that mean void."""
    voids = tuple(colour for name, colour in table if label_of(canonical(name), meaning.classes) == 255)
    return colours_of(meaning.classes, table, source), voids


def _in_words(colours: tuple[RGB, ...] | None, voids: tuple[RGB, ...]) -> str:
    return (f", colours {colours}" if colours else "") + (f", void {voids}" if voids else "")
