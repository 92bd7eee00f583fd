"""Photos of a run as pictures, each beside all that was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import replacing
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.use.photo_row import PhotoRow, photo_row
from puzzlecam_cli.use.report.sample import evenly
from puzzlecam_cli.use.run import Run
from puzzlecam_cli.view.photo_row import drawn, stacked

SHOWN = 4  # photos of a split that are shown where none is named
MARK = ("Software", "puzzlecam show")  # in a picture that may be replaced


def rows(run: Run, ids: Sequence[str], *, predict: bool = False) -> Iterator[PhotoRow]:
    """What there is of each photo.

    Args:
        ids: of photos; none: some of each split, at equal distances in its list.
        predict: let the network predict photos that it was trained on, which the run did not.

    Raises:
        UserError: there is no such photo, a file cannot be read, or there is no network that could predict.
    """
    known = {image_id for split in ("train", "val") for image_id in _ids(run, split)} if ids else set()
    for image_id in ids:
        if image_id not in known:
            run.photo(image_id)  # says what is wrong, and which ids are like it
    model = run.model() if predict else None
    for image_id in ids or _some(run):
        row = photo_row(run, image_id)
        if model is not None and row.photo is not None and not run.has("seg/predictions", image_id):
            row = row.with_prediction(model.predict(row.photo).labels)
        yield row


def write_rows(
    found: Iterator[PhotoRow], classes: Sequence[str], out: Path, *, size: int, overlay: bool
) -> Iterator[Path]:
    """Write the pictures of rows, see `view.photo_row.pictures`, and give the files.

    Args:
        out: a folder, for `ID.png` of each; or a file that ends in `.png`, for one sheet of all. Pictures that this
            wrote before are replaced, nothing else is.

    Raises:
        UserError: something else is there, or it cannot be written; what came before it is written.
    """
    if out.suffix.lower() == ".png":
        _check_place(out)
        yield _write(stacked([drawn(row, classes, size=size, overlay=overlay) for row in found]), out)
        return
    for row in found:
        file = out / f"{row.id}.png"
        _check_place(file)
        yield _write(drawn(row, classes, size=size, overlay=overlay), file)


def _some(run: Run) -> list[str]:
    found = [image_id for split in ("train", "val") for image_id in evenly(_ids(run, split), SHOWN)]
    return list(dict.fromkeys(found))


def _ids(run: Run, split: str) -> list[str]:
    try:
        return run.ids(split)
    except UserError as error:
        if error.reference != "split-missing":
            raise
        return []


def _check_place(file: Path) -> None:
    problem = why_no_file(file)
    if problem == "is not there":
        return
    try:
        if problem:
            raise ValueError(problem)
        with Image.open(file) as picture:
            is_ours = picture.info.get(MARK[0]) == MARK[1]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        is_ours = False
    if not is_ours:
        problem = f"{file} is there already, and `show` did not write it"
        raise UserError("file-exists", problem, hint="--out names another folder")


def _write(picture: Image.Image, file: Path) -> Path:
    told = PngInfo()
    told.add_text(*MARK)
    try:
        with replacing(file) as temporary:
            picture.save(temporary, "png", pnginfo=told, optimize=True)
    except OSError as error:
        raise UserError(
            "file-unwritable", f"{file} cannot be written: {error.strerror}", hint="--out names another"
        ) from None
    return file
