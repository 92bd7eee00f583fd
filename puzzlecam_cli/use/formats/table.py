"""The forms in which labels are given out: a row each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from puzzlecam_cli.data.classes.class_list import is_no_object
from puzzlecam_cli.data.disk.walk import RUN_FILES
from puzzlecam_cli.data.ids import canonical, result_path
from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB, voc_colour
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import remove_leftovers
from puzzlecam_cli.plain_file import is_folder
from puzzlecam_cli.text import CONTROL, quoted, several
from puzzlecam_cli.use.formats.labelled import VOID, Labelled
from puzzlecam_cli.use.formats.output import RECORDS, Output, of_the_wrong_kind


@dataclass(frozen=True)
class Format:
    """A form of labels.

    Args:
        write: `module:function`, called with (`Output`, photos, classes, colours, tick).
        files: what it writes below the folder; `{id}` stands for each photo's id.
        package, extra: what it needs, if anything.
        refuses: what it cannot say in the name of a class, a regular expression.
        names_void: whether background and unknown pixels have names of their own in it.
    """

    write: str
    files: tuple[str, ...]
    package: str = ""
    extra: str = ""
    refuses: str = r"(?!)"
    names_void: bool = False


FORMATS = {
    "png": Format("puzzlecam_cli.use.formats.png:write", ("{id}.png",)),
    "overlay": Format("puzzlecam_cli.use.formats.overlay:write", ("overlay/{id}.png",)),
    "json": Format("puzzlecam_cli.use.formats.summary:write", ("predictions.json",)),
    "coco": Format("puzzlecam_cli.use.formats.coco:write", ("coco.json",), "pycocotools", "coco", names_void=True),
    "yolo": Format("puzzlecam_cli.use.formats.yolo:write", ("yolo/data.yaml", "yolo/labels/{id}.txt"), names_void=True),
    "cvat": Format("puzzlecam_cli.use.formats.cvat:write", ("cvat.zip",), refuses=r"^#|:", names_void=True),
}

_TAKEN = {RECORDS, "confidence", *(file.partition("/")[0] for row in FORMATS.values() for file in row.files)}


def chosen(text: str) -> tuple[str, ...]:
    """The formats in `png,coco`, in the table's order.

    Raises:
        UserError: `usage`: there is no such format, or none is named.
    """
    wanted = [name.strip().casefold() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        close = get_close_matches(unknown[0], FORMATS, 1) if unknown else []
        guess = f"did you mean `{close[0]}`? " if close else ""
        problem = f"there is no format {quoted(unknown[0])}" if unknown else "--format names no format"
        raise UserError("usage", problem, hint=f"{guess}--format takes one or several of {','.join(FORMATS)}")
    return tuple(name for name in FORMATS if name in wanted)


def check(
    out: Path, formats: Sequence[str], photos: Mapping[str, Path], classes: Sequence[str], *, force: bool
) -> None:
    """Whether labels can be written, as far as is known before any is made; changes nothing.

    Args:
        formats: rows of `FORMATS`; leave out `png` where somebody else looks after the pictures in `out`.
        photos: their files by id.
        force: overwrite files that are not as they were written.

    Raises:
        UserError: `package-missing`; `class-name`: names that a format cannot say; `image-id`: ids that would fall
            on what is written beside the photos' pictures; `output-folder`: it is none, a run's, or that of the
            photos; `output-exists`: files that are in the way.
    """
    rows = {name: FORMATS[name] for name in formats}
    for name, row in rows.items():
        if row.package and find_spec(row.package) is None:
            raise UserError(
                "package-missing",
                f"--format {name} needs the package {row.package}",
                hint=f"python -m pip install 'puzzlecam-cli[{row.extra}]'",
            )
    if wrong := [problem for name, row in rows.items() for problem in _unsayable(name, row, classes)]:
        raise UserError("class-name", "names of classes cannot be written", shorten(wrong), "rename them")
    if fallen := [i for i in photos if "/" in i and i.partition("/")[0].casefold() in _TAKEN]:
        raise UserError(
            "image-id",
            f"{several(len(fallen), 'photo')} would be written into folders that hold something else",
            shorten([quoted(image_id) for image_id in fallen]),
            "rename their folder",
        )
    _check_folder(out, photos)
    if not out.is_dir():
        return
    files = [file for row in rows.values() for file in _files(row, photos)]
    if wrong := of_the_wrong_kind(out, files):
        said = f"{out} holds files in the place of folders, or folders in that of files"
        raise UserError("output-exists", said, shorten(wrong), "move them away, or name another --out")
    if force:
        return
    if strangers := Output(out).strangers(files):
        raise UserError(
            "output-exists",
            f"{several(len(strangers), 'file')} in {out} would be overwritten, and not all are as they were written",
            shorten(strangers),
            "--out names another folder; --force overwrites them",
        )


def _check_folder(out: Path, photos: Mapping[str, Path]) -> None:
    """Whether labels may lie in a folder.

    Raises:
        UserError: see `check`.
    """
    hint = "--out names another folder, which need not be there"
    if os.path.lexists(out) and not is_folder(out):
        raise UserError("output-folder", f"{out} is no folder", hint=hint)
    if all((out / name).exists() for name in RUN_FILES):
        raise UserError("output-folder", f"{out} is the folder of a run", hint=hint)
    folders = {(result_path(out, image_id, ".png").parent, photo.parent) for image_id, photo in photos.items()}
    for labels, images in folders:
        if is_folder(labels) and is_folder(images) and labels.samefile(images):
            problem = f"{labels} holds the photos: pictures of labels would be taken for photos of the same names"
            raise UserError("output-folder", problem, hint=hint)


def write(
    out: Path,
    formats: Sequence[str],
    photos: Sequence[Labelled],
    classes: Sequence[str],
    colours: Sequence[RGB],
    told: Callable[[str], Tick],
) -> None:
    """Write labels in several forms; `check` was called. Each file appears whole or not at all.

    What is one file a photo and made of the same already is kept, so that it goes on where it was interrupted.

    Args:
        colours: C + 1, background first.
        told: gives for the name of a format what is told of (done, total) photos.

    Raises:
        UserError: labels or a photo cannot be read.
    """
    output = Output(out)
    for name in formats:
        for file in FORMATS[name].files:
            if place := file.partition("{")[0]:
                remove_leftovers(out / place)
        module, _, function = FORMATS[name].write.partition(":")
        getattr(import_module(module), function)(output, photos, tuple(classes), distinct(colours), told(name))


def distinct(colours: Sequence[RGB]) -> tuple[RGB, ...]:
    """The colours if no two are one, or that of unknown pixels; PASCAL VOC's, none of which are, if they are."""
    given = tuple(colours)
    if len({*given, voc_colour(VOID)}) == len(given) + 1:
        return given
    return tuple(voc_colour(label) for label in range(len(given)))


def _unsayable(name: str, row: Format, classes: Sequence[str]) -> list[str]:
    """What is wrong with names of classes in a format, a line each."""
    problems = []
    for number, written in enumerate(classes):
        if not written.strip() or CONTROL.search(written) or written != written.strip():
            problem = "is empty, or holds control characters or blanks around it"
        elif canonical(written) in map(canonical, classes[:number]):
            problem = "is the name of two classes"
        elif row.names_void and is_no_object(written):
            problem = "is what background or unknown pixels are called"
        elif divides := re.search(row.refuses, written):
            problem = f"holds {quoted(divides[0])}, which has a meaning there"
        else:
            continue
        problems.append(f"{name}: {quoted(written)} {problem}")
    return problems


def _files(row: Format, ids: Iterable[str]) -> list[str]:
    """The names of all files of a format."""
    return [file.format(id=i) if "{" in file else file for file in row.files for i in (ids if "{" in file else ("",))]
