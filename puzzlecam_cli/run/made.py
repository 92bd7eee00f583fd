"""Which files a step made: what it owns, told from what others put beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import remove_leftovers, write_text
from puzzlecam_cli.run.pipeline import Step
from puzzlecam_cli.run.run import Run


def names_of(run: Run, step: Step) -> list[str]:
    """The files below a run folder that a step is about to make, photo by photo."""
    split = run.photos.splits.named(step.of)
    photos = run.photos.photos(split) if split else []
    return [step.each.format(id=photo.id, split=split) for photo in photos]


def claim(root: Path, base: Path, step: Step, names: Sequence[str]) -> None:
    """Write the list of the files that a step is about to make below `base`, and then in their place below `root`.

    Raises:
        UserError: files of these names are there, and the step did not make them.
    """
    ours = claimed(root, step)
    known = set(names if ours is None and base != root else ours or ())  # runs of older versions have no list
    others = [name for name in names if name not in known and os.path.lexists(root / name)]
    if others:
        raise UserError(
            "folder-not-ours",
            f"{len(others)} files that this run did not write are where `{step.name}` has to write",
            shorten([str(root / name) for name in others]),
            "move them away",
        )
    write_text(base / step.made, "".join(f"{name}\n" for name in names))


def claimed(base: Path, step: Step) -> list[str] | None:
    """The names in a step's list; None: it has none, as runs of older versions."""
    path = base / step.made
    if not step.each or path.is_symlink() or not path.is_file():
        return None
    return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]


def count(base: Path, step: Step) -> int:
    """How many files of a step are below a folder."""
    return sum(1 for _ in present(base, step))


def present(base: Path, step: Step) -> Iterator[str]:
    """The files of a step that are below a folder, by name; without a list, all that look like its."""
    yield from (name for name in step.files if (base / name).is_file())
    if not step.each:
        return
    names, place, suffix = claimed(base, step), base / step.own[0], Path(step.each).suffix
    there = (f"{step.own[0]}/{name}" for name in files_below(place))
    if names is None:
        yield from (name for name in there if name.endswith(suffix))
    else:
        listed = set(names)
        yield from (name for name in there if name in listed)


def files_below(folder: Path) -> Iterator[str]:
    """Names of the files below a folder, hidden ones left out; no link is followed."""
    folders = [""]
    while folders:
        below = folders.pop()
        for entry in _entries(folder / below):
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{below}{entry.name}/")
            elif not entry.name.startswith("."):
                yield below + entry.name


def linked_folders(folder: Path) -> Iterator[Path]:
    """Links to folders below a folder: what is written through them lands elsewhere."""
    folders = [folder]
    while folders:
        for entry in _entries(folders.pop()):
            if entry.is_symlink():
                if entry.is_dir():
                    yield Path(entry.path)
            elif entry.is_dir():
                folders.append(Path(entry.path))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return


def delete_own(base: Path, step: Step) -> None:
    """Delete a step's files below a folder, and its places if nothing else is in them."""
    for name in list(present(base, step)):
        (base / name).unlink(missing_ok=True)
    for pattern in step.traces:
        for path in list(base.glob(pattern)):
            path.unlink(missing_ok=True)
    for place in step.places:
        remove_leftovers(base / place)
        remove_empty(base / place)
    if step.each:
        (base / step.made).unlink(missing_ok=True)
        remove_empty(base / Path(step.made).parent)


def remove_empty(folder: Path) -> None:
    """Remove a folder with the empty ones in it; what holds a file stays."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        remove_empty(path)
    try:
        folder.rmdir()
    except OSError:
        return
