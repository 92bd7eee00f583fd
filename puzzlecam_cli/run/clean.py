"""What of a run can go: what trainings and other steps needed on their way, and nobody needs any more.

Kept is all that predicts, that is scored, and that tells how it was made: models, pseudo labels, predictions, scores,
recipe, ledger, events, metrics. Of what goes, only what the ledger says the run made is deleted.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import leftovers
from puzzlecam_cli.group.interrupt import stop_if_asked
from puzzlecam_cli.group.lock import check_free, run_lock
from puzzlecam_cli.run.execute import finish_replacing
from puzzlecam_cli.run.folder import UNFINISHED
from puzzlecam_cli.run.made import delete_own, present, remove_empty
from puzzlecam_cli.run.ownership import FILES, check_ours
from puzzlecam_cli.run.pipeline import Stage, Step
from puzzlecam_cli.run.run import Run


@dataclass(frozen=True)
class Item:
    """What can go.

    Args:
        place: where it lies in the run folder.
        what: it is, in words.
        step: that made it.
        kind: `checkpoints`, `artifacts`, `try` or `temporary`.
        files: all of its files.
        bytes: that deleting them frees: none of a file that has a second name.
    """

    place: str
    what: str
    step: str
    kind: str
    files: tuple[Path, ...]
    bytes: int


@dataclass(frozen=True)
class Cleaning:
    """What can go, and what stays for now, by place, each with the reason."""

    items: tuple[Item, ...]
    waits: tuple[tuple[str, str], ...]


def what_can_go(run: Run, pipeline: Sequence[Stage]) -> Cleaning:
    """Look, and change nothing.

    Raises:
        UserError: another process works in the run folder, or links or files that are not the run's are in the way.
    """
    check_free(run.folder.root)
    return _look(run, pipeline)


def clean(run: Run, pipeline: Sequence[Stage], *, say: Callable[[str], None], tick: Tick) -> Cleaning:
    """Delete what can go. Interrupted, it goes on when it is called again.

    Args:
        say: is told why the folder's lock takes time, if it does.
        tick: is told of files that are deleted.

    Returns:
        What was deleted.

    Raises:
        UserError: as `what_can_go`; nothing is deleted then.
    """
    root = run.folder.root
    with run_lock(root, say):
        run = Run.of(root)  # nobody changes its ledger now
        _check(run, pipeline)
        finish_replacing(run, [(stage.name, step) for stage in pipeline for step in stage.steps])
        found, steps = _look(run, pipeline), {step.name: step for stage in pipeline for step in stage.steps}
        done, total = 0, sum(len(item.files) for item in found.items)
        for item in found.items:
            if item.kind == "artifacts" and (record := run.ledger.get(item.step)):
                record.state = "cleaned"  # first: what is lost without a word is made again
                run.ledger.write()
            for path in item.files:
                stop_if_asked()
                path.unlink(missing_ok=True)
                done += 1
                tick(done, total)
            _tidy(run, pipeline, item, steps.get(item.step))
    return found


def _tidy(run: Run, pipeline: Sequence[Stage], item: Item, step: Step | None) -> None:
    """Remove folders that are empty now, and forget a try."""
    root = run.folder.root
    if item.kind == "try" and step is not None:
        delete_own(root / UNFINISHED, step)
        stage = next(stage.name for stage in pipeline if step in stage.steps)
        run.ledger.put_coming(stage, step.name, None)
        remove_empty(root / UNFINISHED)
    elif step is not None:
        for place in step.own:
            remove_empty(root / place)


def _look(run: Run, pipeline: Sequence[Stage]) -> Cleaning:
    _check(run, pipeline)
    root, steps = run.folder.root, [step for stage in pipeline for step in stage.steps]
    items = [item for step in steps for item in _of_step(run, step)]
    waits = []
    for step in (step for step in steps if step.passing):
        record = run.ledger.get(step.name)
        if record is None or not record.is_made:
            continue
        what = WHAT.get(step.name, f"what {step.name} made on the way")
        item = _item(root, step.own[0], what, step.name, "artifacts", present(root, step))
        if item.files and (reason := _who_waits(run, step, steps)):
            waits.append((step.own[0], reason))
        else:
            items.append(item)
    begun = _names(root, (path for name in FILES for path in leftovers(root / name)))
    items.append(_item(root, ".", KILLED, "", "temporary", begun))
    return Cleaning(tuple(item for item in items if item.files), tuple(waits))


KILLED = "what a killed process was writing"
WHAT = {
    "cams": "maps of the training photos",
    "affinity/labels": "what the affinity network learned",
    "rw/scores": "maps after the random walk",
}


def _of_step(run: Run, step: Step) -> Iterator[Item]:
    """What a step left that is not its artifact."""
    root, record, coming = run.folder.root, run.ledger.get(step.name), run.ledger.get_coming(step.name)
    if record is None:
        return
    checkpoints = [pattern for pattern in step.traces if "/checkpoint/" in pattern]
    if record.is_made and checkpoints:
        what, place = "checkpoints of a finished training", f"{Path(step.own[0]).parent}/checkpoint"
        yield _item(root, place, what, step.name, "checkpoints", _found(root, checkpoints))
    if coming is not None and coming.state != "whole":
        base, what = root / UNFINISHED, f"a try of {step.name} that is not finished"
        names = [f"{UNFINISHED}/{name}" for name in (*present(base, step), *_found(base, step.traces))]
        yield _item(root, f"{UNFINISHED}/{step.own[0]}", what, step.name, "try", names)
    begun = _names(root, (path for place in step.places for path in leftovers(root / place)))
    yield _item(root, step.own[0], KILLED, step.name, "temporary", begun)


def _who_waits(run: Run, step: Step, steps: Sequence[Step]) -> str:
    """Which step still has to read the files of one, in words; empty: none has. Tries that were begun go as well."""
    record, coming = run.ledger.get(step.name), run.ledger.get_coming(step.name)
    if coming is not None and coming.state == "whole":
        return "it was made anew just now"
    for reader in (reader for reader in steps if step.name in reader.needs):
        made = run.ledger.get(reader.name)
        if made is None or not made.is_made or (record and made.inputs.get(step.name) != record.made):
            return f"{reader.name} is not made of it yet"
    return ""


def _found(base: Path, patterns: Iterable[str]) -> list[str]:
    return _names(base, (path for pattern in patterns for path in base.glob(pattern)))


def _names(base: Path, paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(base)) for path in paths]


def _item(root: Path, place: str, what: str, step: str, kind: str, names: Iterable[str]) -> Item:
    """Of those names, the ones that are files, and no links."""
    files, freed = [], 0
    for name in names:
        state = (root / name).lstat()
        if stat.S_ISREG(state.st_mode):
            files.append(root / name)
            freed += state.st_size if state.st_nlink == 1 else 0
    return Item(place, what, step, kind, tuple(files), freed)


def _check(run: Run, pipeline: Sequence[Stage]) -> None:
    begun = [step for stage in pipeline for step in stage.steps if run.ledger.get(step.name) is not None]
    try:
        check_ours(run, begun)
    except UserError as error:
        if error.reference != "folder-not-ours":
            raise
        problem = f"{run.folder.root} holds links, or files that the run did not write: nothing of it is deleted"
        raise UserError(error.reference, problem, error.where, "move them away") from None
