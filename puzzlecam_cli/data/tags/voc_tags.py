"""Tags of a split in VOC layout, with what a person should know about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from puzzlecam_cli.data.classes.class_list import did_you_mean, is_no_object
from puzzlecam_cli.data.disk.resolver import FileIndex
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.photos import Mask
from puzzlecam_cli.data.tags.annotations import Annotation, read_image_set_tags, read_objects
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted

Tags = dict[str, tuple[int, ...]]  # class indices 1..C by id, sorted


def tags_in_annotations(
    files: FileIndex, split: str, classes: Sequence[str], ids: Sequence[str], *, clipped: bool
) -> tuple[Tags, list[str]]:
    """Tags of all ids from their XML files, and facts about what is odd in them. Background is left out.

    Raises:
        UserError: `tags-invalid` with every file that is missing or wrong, and every name that is no class.
    """
    index = {name: number for number, name in enumerate(classes, start=1)}
    unusable = files.unusable(ids)
    problems, at_fault = [f"{quoted(i)}: {reason}" for i, reason in unusable.items()], list(unusable)
    none = "; a photo that shows no class has an annotation without objects" if problems else ""
    found: dict[str, Annotation] = {}
    for i in [] if problems else ids:
        file = files.find(i)
        assert file is not None
        try:
            found[i] = read_objects(file, clipped=clipped)
        except UserError as error:
            said = error.problem.removeprefix(f"{file} ") if error.reference != "annotation-invalid" else ""
            problems.append(f"{file.name}: {': '.join(filter(None, (said, *error.where[:1])))}")
            at_fault.append(i)
            continue
        strange = [name for name in sorted(found[i].tags - index.keys()) if not is_no_object(name)]
        problems += [f"{file.name}: {quoted(name)} is no class{did_you_mean(name, classes)}" for name in strange]
        at_fault += [i] if strange else []
    if problems:
        raise UserError(
            "tags-invalid",
            f"{len(problems)} problem(s) with the tags of `{split}` in {files.folder}",
            shorten(problems),
            f"classes are: {', '.join(shorten(list(classes), 30))}; tags without boxes: lists "
            f"ImageSets/Main/<class>_{split}.txt, and data.tags: lists{none}",
            tuple(at_fault),
        )
    tags = {i: tuple(sorted(index[name] for name in a.tags if name in index)) for i, a in found.items()}
    return tags, _about_objects(found, split)


def tags_in_lists(root: Path, split: str, classes: Sequence[str], ids: Sequence[str]) -> tuple[Tags, list[str]]:
    """Tags of all ids from `ImageSets/Main/<class>_<split>.txt`, and where they are from.

    Raises:
        UserError: lists are missing or wrong, or ids stand in none of them.
    """
    folder = root / "ImageSets" / "Main"
    try:
        tags = read_image_set_tags(folder, split, classes)
    except UserError as error:
        if (root / "Annotations").is_dir():
            raise
        nowhere = f"there is no folder {root / 'Annotations'} either"
        raise UserError(error.reference, error.problem, (nowhere, *error.where), error.hint) from None
    missing = [i for i in ids if canonical(i) not in tags]
    if missing:
        raise UserError(
            "tags-invalid",
            f"{len(missing)} of {len(ids)} images of `{split}` are in no class list of {folder}",
            shorten([quoted(i) for i in missing]),
            "a photo without any class stands in them with -1",
            tuple(missing),
        )
    return {i: tags[canonical(i)] for i in ids}, [f"tags of `{split}` are those of {folder}/<class>_{split}.txt"]


def tags_in_masks(masks: Mapping[str, Mask | None]) -> Tags:
    """The classes that the masks of photos show, by id.

    Raises:
        UserError: `mask-missing`; else see `Mask.read`; with the ids of all that are missing, or cannot be read.
    """
    import numpy as np

    if missing := [i for i, mask in masks.items() if mask is None]:
        others = tuple(map(quoted, missing[1:]))
        raise UserError(
            "mask-missing", f"`data.tags: masks` needs a mask of {quoted(missing[0])}", others, ids=tuple(missing)
        )
    tags: Tags = {}
    errors: dict[str, UserError] = {}
    for i, mask in masks.items():
        try:
            tags[i] = tuple(int(value) for value in np.unique(mask.read()) if value not in (0, 255)) if mask else ()
        except UserError as error:
            errors[i] = error
    if errors:
        first, *rest = errors.values()
        where = (*first.where, *(other.problem for other in rest))
        raise UserError(first.reference, first.problem, where, first.hint, tuple(errors))
    return tags


def _about_objects(found: Mapping[str, Annotation], split: str) -> list[str]:
    """Sentences about tags that are no class, boxes that are wrong, and tags that were dropped for them."""
    odd = [f"{i}.xml: {name} {problem}" for i, a in found.items() for name, problem in a.boxes if problem]
    odd = [line for line in odd if not line.endswith("has no box")]
    dropped = [f"{i}.xml: {', '.join(a.dropped)}" for i, a in found.items() if a.dropped]
    facts = []
    if none := sorted({name for a in found.values() for name in a.tags if is_no_object(name)}):
        facts.append(f"`{split}`: tags that are no object class are left out: {', '.join(map(quoted, none))}")
    if dropped:
        facts.append(f"`{split}`: objects of {len(dropped)} photos do not count (data.boxes: clipped): {dropped[0]}")
    if odd:
        facts.append(f"`{split}`: {len(odd)} boxes are wrong, which changes no tag: {'; '.join(shorten(odd, 3))}")
    return facts
