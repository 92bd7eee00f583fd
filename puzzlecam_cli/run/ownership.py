"""Nothing that a run did not write is deleted or overwritten, and what is finished lives until its successor is whole.

A run folder is marked by its ledger. In it a step owns the files that it listed, in its own places (`made`). While a
finished artifact is made anew, the new one grows in `.unfinished`; when it is whole, each place is renamed into
`.replaced` and the new one into its place: a run that is killed in between goes on from there.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from unicodedata import category

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.run.folder import REPLACED, UNFINISHED, RunFolder
from puzzlecam_cli.run.made import claimed, count, delete_own, files_below, linked_folders, present, remove_empty
from puzzlecam_cli.run.pipeline import Step
from puzzlecam_cli.run.run import Run

LOCK, EVENTS = "run.lock", "events.jsonl"
FILES = ("recipe.yaml", "run.json", EVENTS, "photos.jsonl", "left_out.json", LOCK)
HINT = "--run names another folder, new or an earlier run's"


def check_folder(root: Path) -> None:
    """Whether a run can work in a folder, or make it.

    Raises:
        UserError: it cannot.
    """
    if any(category(character) in ("Cc", "Cs", "Zl", "Zp") for character in str(root)):  # Cs: bytes that are no text
        raise UserError("run-folder", f"{root} cannot be a run folder: its name has unprintable characters", hint=HINT)
    try:
        above = next(path for path in (root, *root.absolute().parents) if path.is_symlink() or path.exists())
        if not above.is_dir():
            problem = "is a link to nowhere" if not above.exists() else "is no folder"
            raise UserError("run-folder", f"{above} {problem}", hint=HINT)
        if not os.access(above, os.W_OK | os.X_OK) or _is_of_the_system(above):
            why = ": its disk is read-only" if os.statvfs(above).f_flag & os.ST_RDONLY else ""
            raise UserError("run-folder", f"nothing can be written in {above}{why}", hint=HINT)
        longest = os.pathconf(above, "PC_NAME_MAX")
        if any(len(os.fsencode(name)) > longest for name in root.parts):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        root.absolute().is_symlink()  # raises where the path as a whole is too long
    except OSError as error:  # a name that is too long, a loop of links, a closed folder
        raise UserError("run-folder", f"{root} cannot be a run folder: {error.strerror}", hint=HINT) from None


def _is_of_the_system(folder: Path) -> bool:
    """Whether a folder is in /proc or /sys, which look writable and are not."""
    return folder.resolve().parts[:2] in (("/", "proc"), ("/", "sys"))


def check_ours(run: Run, steps: Iterable[Step]) -> None:
    """Whether steps can be made without touching what this run did not write.

    Raises:
        UserError: files of somebody else, or links to elsewhere, are in the way.
    """
    root = run.folder.root
    check_folder(root)
    in_the_way: list[Path | str] = list(of_the_wrong_kind(root))
    if not run.ledger.is_there:
        in_the_way += [root / name for name in FILES if (root / name).is_file() and not _is_ours(root / name)]
    elif (root / LOCK).is_file() and (root / LOCK).stat().st_nlink > 1:
        in_the_way.append(root / LOCK)  # it is written in place
    for step in steps:
        in_the_way += _links(root, step)
        record, coming = run.ledger.get(step.name), run.ledger.get_coming(step.name)
        if record is None:
            places = step.own if run.ledger.is_there else step.places  # a list alone: of a run that was killed then
            in_the_way += [root / place for place in places if _holds_files(root / place)]
        elif record.state == "done" and claimed(root, step) is None and (more := count(root, step) - record.files) > 0:
            in_the_way.append(f"{root / step.own[0]}: {more} more files than the run made")
        if coming is None:
            hidden = [root / base / place for base in (UNFINISHED, REPLACED) for place in step.own]
            in_the_way += [place for place in hidden if _holds_files(place)]
    if in_the_way:
        raise UserError(
            "folder-not-ours",
            f"{root} holds what this run did not write, and would have to overwrite",
            shorten([str(path) for path in dict.fromkeys(in_the_way)]),
            HINT,
        )


def of_the_wrong_kind(root: Path) -> Iterator[Path]:
    """What is in the place of a run's own files and is no file: a folder, a pipe, a link."""
    for path in (root / name for name in FILES):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            yield path
    yield from (path for path in (root / UNFINISHED, root / REPLACED) if path.is_symlink() or path.is_file())


def _links(root: Path, step: Step) -> Iterator[Path]:
    """Links where a step writes: they may lead out of the run folder."""
    for base in (root, root / UNFINISHED, root / REPLACED):
        places = [Path(place) for place in step.places]
        inside = {base / part for place in places for part in (place, *place.parents)} - {root}
        yield from sorted(path for path in inside if path.is_symlink())
        for place in places:
            if not (base / place).is_symlink():
                yield from linked_folders(base / place)


def _is_ours(path: Path) -> bool:
    """Whether a lock or the events of a run that was killed before it marked its folder."""
    if path.stat().st_nlink > 1:
        return False
    with path.open("rb") as file:
        text = file.read(4096)
    if path.name == LOCK:
        return not text or b'"pid"' in text
    return path.name == EVENTS and (not text or text.startswith(b'{"time": '))


def _holds_files(place: Path) -> bool:
    return place.is_file() or any(True for _ in files_below(place))


def make_whole(folder: RunFolder, step: Step) -> None:
    """Let every folder of a step be there, where nothing was to be written into it: it replaces what was there."""
    for place in step.own:
        if not Path(place).suffix:
            (folder.base(step.name) / place).mkdir(parents=True, exist_ok=True)


def replace(folder: RunFolder, step: Step) -> None:
    """Put a whole artifact from `.unfinished` in its place; may be called again after it was interrupted.

    Raises:
        UserError: a place cannot be renamed.
    """
    new, old = folder.root / UNFINISHED, folder.root / REPLACED
    for place in step.places:
        if (new / place).exists():  # else it is in its place already
            _move(folder.root / place, old / place)
            _move(new / place, folder.root / place)
    remove_empty(new)
    _give_back(folder.root, old, step)  # first: the list that tells what is ours goes with what is ours
    delete_own(old, step)
    remove_empty(old)


def _give_back(root: Path, old: Path, step: Step) -> None:
    """Move what somebody else put into a step's places back there, where nothing is in its place."""
    ours = {old / name for name in (*present(old, step), step.made)}
    ours |= {path for pattern in step.traces for path in old.glob(pattern)}
    for path in sorted(old.rglob("*")):
        target = root / path.relative_to(old)
        if path not in ours and (path.is_symlink() or not path.is_dir()) and not os.path.lexists(target):
            _move(path, target)


def _move(path: Path, target: Path) -> None:
    if not os.path.lexists(path):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    except OSError as error:  # a mounted disk, a folder that somebody put there
        problem = f"{path} cannot be renamed to {target}: {error.strerror}"
        raise UserError("disk", problem, hint="the new files wait there; the same command goes on") from None


def check_folder_of_runs(folder: Path, runs: Iterable[Path], names: Sequence[str], what: str) -> None:
    """Whether a folder of several runs can be used: no link is in it, and what sums them up is ours or not there.

    Args:
        folder: itself inside a run folder.
        runs: the folders of the runs, at any depth below it.
        names: of the files that are written, the first of them JSON that says `what` it is.

    Raises:
        UserError: something of somebody else is in the way.
    """
    files = [folder / name for name in names]
    inside = {folder, *files} | {path for run in runs for path in (run, *run.parents) if folder in path.parents}
    in_the_way = [path for path in sorted(inside) if path.is_symlink()]
    if not _says(files[0], what):
        in_the_way += [path for path in files if path.exists()]
    if in_the_way:
        raise UserError(
            "folder-not-ours", f"{folder} holds what we did not write", shorten([str(p) for p in in_the_way]), HINT
        )


def _says(path: Path, what: str) -> bool:
    try:
        content = json.loads(path.read_bytes()) if path.is_file() and path.stat().st_size < 1 << 20 else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("what") == what
