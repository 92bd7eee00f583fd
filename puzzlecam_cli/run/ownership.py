"""Nothing that a run did not write is deleted or overwritten, and what is finished lives until its successor is whole.

A run folder is marked by its ledger. In it a step owns the files that its patterns match, in its own places. While a
finished artifact is made anew, the new one grows in `.unfinished`; when it is whole, each place is renamed into
`.replaced` and the new one into its place: a run that is killed in between goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import remove_leftovers
from puzzlecam_cli.run.folder import REPLACED, UNFINISHED, RunFolder
from puzzlecam_cli.run.pipeline import Step
from puzzlecam_cli.run.run import Run

FILES = ("recipe.yaml", "run.json", "events.jsonl", "photos.jsonl", "run.lock")
HINT = "--run names another folder, new or an earlier run's"


def check_folder(root: Path) -> None:
    """Whether a run can work in a folder, or make it.

    Raises:
        UserError: it cannot.
    """
    try:
        above = next(path for path in (root, *root.absolute().parents) if path.is_symlink() or path.exists())
        if not above.is_dir():
            problem = "is a link to nowhere" if above.is_symlink() else "is no folder"
            raise UserError("run-folder", f"{above} {problem}", hint=HINT)
    except OSError as error:  # a name that is too long, a loop of links
        raise UserError("run-folder", f"{root} cannot be a run folder: {error.strerror}", hint=HINT) from None


def check_ours(run: Run, steps: Iterable[Step]) -> None:
    """Whether steps can be made without touching what this run did not write.

    Raises:
        UserError: files of somebody else, or links to elsewhere, are in the way.
    """
    root = run.folder.root
    check_folder(root)
    steps = list(steps)
    in_the_way: list[Path | str] = [*_links(root, steps), *_of_the_wrong_kind(root)]
    if not run.ledger.is_there:
        in_the_way += [root / name for name in FILES if (root / name).exists() and name != "run.lock"]
        in_the_way += [root / name for name in ("run.lock",) if (root / name).is_file() and not _is_lock(root / name)]
    for step in steps:
        record = run.ledger.get(step.name)
        if record is None:
            in_the_way += [root / place for place in step.own if _holds_files(root / place)]
        elif record.state == "done" and (more := step.found(root) - record.files) > 0:
            in_the_way.append(f"{root / step.own[0]}: {more} more files than the run made")
    if in_the_way:
        raise UserError(
            "folder-not-ours",
            f"{root} holds what this run did not write, and would have to overwrite",
            shorten([str(path) for path in dict.fromkeys(in_the_way)]),
            HINT,
        )


def _links(root: Path, steps: list[Step]) -> Iterator[Path]:
    """Links where files are written: they may lead out of the run folder."""
    places = {Path(place) for step in steps for place in step.own}
    inside = {root / part for place in places for part in (place, *place.parents) if part != Path()}
    inside |= {root / name for name in (*FILES, UNFINISHED, REPLACED)}
    yield from sorted(path for path in inside if path.is_symlink())


def _of_the_wrong_kind(root: Path) -> Iterator[Path]:
    yield from (path for name in FILES if (path := root / name).exists() and not path.is_file())


def _is_lock(path: Path) -> bool:
    text = path.read_bytes()[:4096]
    return not text or b'"pid"' in text


def _holds_files(place: Path) -> bool:
    return place.is_file() or (place.is_dir() and any(path.is_file() for path in place.rglob("*")))


def delete_own(base: Path, step: Step) -> None:
    """Delete a step's files below a folder, and its places if nothing else is in them."""
    for pattern in (*step.files, *step.traces):
        for path in list(base.glob(pattern)):
            path.unlink(missing_ok=True)
    for place in step.own:
        remove_leftovers(base / place)
        remove_empty(base / place)


def remove_empty(folder: Path) -> None:
    """Remove a folder with the empty ones in it; what holds a file stays."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        remove_empty(path)
    with suppress(OSError):
        folder.rmdir()


def replace(folder: RunFolder, step: Step) -> None:
    """Put a whole artifact from `.unfinished` in its place; may be called again after it was interrupted."""
    new, old = folder.root / UNFINISHED, folder.root / REPLACED
    for place in step.own:
        if (new / place).exists():  # else it is in its place already, or was never made
            _move(folder.root / place, old / place)
            _move(new / place, folder.root / place)
    remove_empty(new)
    delete_own(old, step)
    for path in sorted(old.rglob("*")):  # what is left is somebody else's
        if path.is_file() or path.is_symlink():
            _move(path, folder.root / path.relative_to(old))
    remove_empty(old)


def _move(path: Path, target: Path) -> None:
    if path.exists() or path.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
