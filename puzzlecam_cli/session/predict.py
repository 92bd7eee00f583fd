"""The work of `puzzlecam predict`: labels for photos that were not trained on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from puzzlecam_cli.data.disk.walk import MADE, MARK
from puzzlecam_cli.errors import LINES, UserError, shorten
from puzzlecam_cli.events import Emit, Note, RunStarted, StageEnded, StageStarted
from puzzlecam_cli.group.interrupt import gentle_stop
from puzzlecam_cli.run.ownership import check_folder
from puzzlecam_cli.run.plan import fingerprint
from puzzlecam_cli.session.member import joined
from puzzlecam_cli.session.shares import TASK, report_of, spread
from puzzlecam_cli.session.views import open_views
from puzzlecam_cli.text import are, quoted, several
from puzzlecam_cli.use.gathered import gather
from puzzlecam_cli.use.hub import located
from puzzlecam_cli.use.job import Job
from puzzlecam_cli.use.photo_tags import tags_of
from puzzlecam_cli.use.results import CONFIDENCE, Given, Results
from puzzlecam_cli.use.saliency import with_saliency
from puzzlecam_cli.use.sources import Source, open_source
from puzzlecam_cli.view.telling import Teller


@dataclass(frozen=True)
class Predicted:
    """What lies in a folder of results now.

    Args:
        out: the folder.
        classes: names of 1..C.
        made, kept: photos that were labelled now, and before.
        unreadable: photos that could not be read, by id: the file and why.
        formats: in which labels were written, besides PNGs.
        confidence: whether the winning probabilities were.
    """

    out: Path
    classes: tuple[str, ...]
    made: int
    kept: int
    unreadable: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    confidence: bool = False

    def refusal(self) -> UserError:
        """The error for photos that could not be read."""
        of = several(self.made + self.kept + len(self.unreadable), "photo")
        return UserError(
            "image-unreadable",
            f"{len(self.unreadable)} of {of} cannot be read; the others are predicted",
            shorten(list(self.unreadable.values()), LINES),
            "replace them, and the same command predicts them, or leave them out",
            tuple(self.unreadable),
        )


def predict(
    model: str,
    paths: Sequence[str],
    out: str | Path,
    *,
    formats: str = "png",
    source: str = "seg",
    changes: Sequence[str] = (),
    tags: str | None = None,
    confidence: bool = False,
    keep: bool = False,
    force: bool = False,
    num_processes: int | None = None,
    plain: bool = True,
    read_list: Callable[[], bytes] = lambda: b"",
) -> Predicted | None:
    """Label photos, and write the labels in several forms. What is there of an earlier call is kept.

    Args:
        model: a run folder, a model file, or `hf://owner/name`.
        paths: files, folders, patterns; `-` for a list that `read_list` gives.
        out: the folder of results.
        formats: names of `use.formats.table`, divided by commas.
        source: `seg`, or `pseudo` for classifier, random walk and CRF of a run.
        changes: `dotted.key=YAML value` each, as of `--set`.
        tags: a tag file, or `folders`: photos are restricted to their tags.
        confidence: write the winning probability as well.
        keep: keep the maps and walked scores of `pseudo`.
        force: make anew what is there.
        num_processes, plain: as of `run_stages`.

    Returns:
        What lies there; None in a process that is not the first of several.

    Raises:
        UserError: model, photos, tags or folder cannot be used: nothing was made.
        KeyboardInterrupt: it was asked to stop; called again, it continues.
    """
    from puzzlecam_cli.use.formats.table import chosen

    if blank := next((name for name, given in (("--out", out), ("--tags", tags)) if str(given).strip() == ""), None):
        raise UserError("usage", f"{blank} names nothing", hint="it is empty: is a variable of the shell not set?")
    root = Path(out)
    wanted = chosen(formats)
    opened = open_source(located(model), source, changes)
    if source == "pseudo" and (tags is None or confidence):
        problem = "--from pseudo gives no probabilities" if tags else "--from pseudo needs the tags of the photos"
        raise UserError("usage", problem, hint="--tags names a file of tags, or is `folders`; --confidence is for seg")
    if keep and source != "pseudo":
        raise UserError("usage", "--keep-maps is for --from pseudo: the network of seg makes no maps")
    with _named_out():
        check_folder(root)
    runtime = opened.settings.runtime
    with gentle_stop(), _named_out(), joined(runtime, root / MARK, num_processes) as member:
        found: _Found | None = None
        if member.is_shown:
            found = _look(opened, paths, root, wanted, tags, confidence, force, read_list)
        with open_views(member, root / MARK, plain) as emit:
            if found is not None:
                by, engines = fingerprint(opened.inputs), opened.engines
                job = Job(source, opened.model, opened.settings, by, confidence, keep, engines)
                _begin(found, opened, root, job, model, emit)
            if member.accelerator is not None:
                member.accelerator.wait_for_everyone()
            began, state = time.monotonic(), "failed"
            try:
                if found is None or found.todo:
                    spread(root, runtime, member.accelerator, num_processes, emit)
                if found is not None:
                    predicted = _finish(found, opened, root, wanted, confidence, emit)
                state = "done"
            except KeyboardInterrupt:
                state = "interrupted"
                raise
            finally:
                if found is not None:
                    emit(StageEnded(TASK, state, time.monotonic() - began))
    return predicted if found is not None else None


@dataclass(frozen=True)
class _Found:
    """What is to be done.

    Args:
        given: all photos.
        todo: those that have to be labelled now.
        facts: what a person should know, a sentence each.
    """

    given: Sequence[Given]
    todo: Sequence[Given]
    facts: Sequence[str]


def _look(
    opened: Source,
    paths: Sequence[str],
    root: Path,
    formats: Sequence[str],
    tags: str | None,
    confidence: bool,
    force: bool,
    read_list: Callable[[], bytes],
) -> _Found:
    """Find the photos, their tags, and what of them is made already; changes nothing.

    Raises:
        UserError: something of it cannot be used.
    """
    from puzzlecam_cli.use.formats.output import check_new
    from puzzlecam_cli.use.formats.table import FORMATS, check

    tell = Teller()
    gathered = gather(paths, root, read_list, tell)
    known, facts = tags_of(gathered.photos, tags, opened.classes, tell) if tags else ({}, [])
    more = [name for name in formats if name != "png"]
    without = [photo.id for photo in gathered.photos if photo.id not in known]
    if tags and without and opened.kind == "pseudo":
        raise UserError(
            "tags-unmatched",
            f"{several(len(without), 'photo')} have no tags, which pseudo labels are made from",
            shorten([quoted(image_id) for image_id in without]),
            f"add rows to {tags}; a photo that shows no class has a row without tags",
        )
    if tags and without:
        facts.append("photos without a row may show any class")
    given = with_saliency([Given.of(photo, known.get(photo.id)) for photo in gathered.photos], opened.settings)
    check(root, more, {photo.id: Path(photo.image) for photo in given}, opened.classes, force=force)
    results, by = Results(root), fingerprint(opened.inputs)
    files = ("", f"{CONFIDENCE}/") if confidence else ("",)
    results.check(given, opened.inputs, files, opened.model, force=force)
    check_new(root, MADE)
    todo = given if force else [photo for photo in given if not results.is_made(photo, by, files)]
    facts = [*gathered.facts, *facts]
    others = results.others([photo.id for photo in given])
    if of_another := sum(made.by != by for made in others):
        facts.append(f"{several(of_another, 'earlier result')} of another model or other settings stay in {root}")
    if others and (lists := [name for name in more if any("{" not in file for file in FORMATS[name].files)]):
        facts.append(
            f"{' and '.join(lists)}: of the photos named now alone; {several(len(others), 'other')} in {root} "
            f"{are(len(others))} not in it. Name all photos for one file of all"
        )
    if edited := [photo.id for photo in given if photo not in todo and results.is_changed(photo.id)]:
        some = ", ".join(shorten([quoted(image_id) for image_id in edited], 3))
        facts.append(f"{several(len(edited), 'result')} that somebody changed {are(len(edited))} kept: {some}")
    return _Found(given, todo, facts)


def _begin(found: _Found, opened: Source, root: Path, job: Job, model: str, emit: Emit) -> None:
    emit(RunStarted(model, str(root), (TASK,)))
    kept = len(found.given) - len(found.todo)
    because = f"{len(found.todo):,} of {several(len(found.given), 'photo')}" + (f"; {kept:,} are there" if kept else "")
    emit(StageStarted(TASK, because))
    for fact in found.facts:
        emit(Note(TASK, fact))
    Results(root).begin(opened.inputs, opened.classes, opened.model)
    job.write(root, found.todo)
    if job.source == "pseudo":
        from puzzlecam_cli.use.pseudo import forget_stale

        forget_stale(job, found.todo, Results(root))


def _finish(
    found: _Found, opened: Source, root: Path, formats: Sequence[str], confidence: bool, emit: Emit
) -> Predicted:
    """Write the formats; say what lies there."""
    from puzzlecam_cli.use.formats.labelled import Labelled
    from puzzlecam_cli.use.formats.table import write

    results = Results(root)
    last = {photo.id: results.last(photo.id) for photo in found.given}
    unreadable = {photo.id: made.problem for photo in found.given if (made := last[photo.id]) and made.problem}
    labelled = [
        Labelled(
            photo.id,
            Path(photo.image),
            results.picture(photo.id),
            {int(label): score for label, score in made.scores.items()} if made.scores else None,
        )
        for photo in found.given
        if (made := last[photo.id]) and not made.problem
    ]
    more = [name for name in formats if name != "png"]
    if labelled:
        colours = opened.colours
        write(
            root, more, labelled, opened.classes, colours, lambda name: report_of(name, opened.settings.runtime, emit)
        )
    todo = {photo.id for photo in found.todo} - set(unreadable)
    shown = [photo.id for photo in found.todo if (made := last[photo.id]) and set(made.scores or "1") - {"0"}]
    if todo and not shown:
        emit(
            Note(
                TASK,
                f"all predictions that were made now ({len(todo)}) are background: are these photos of the kind that "
                f"the network was trained on? It knows {', '.join(shorten(list(opened.classes)))}",
            )
        )
    return Predicted(root, opened.classes, len(todo), len(labelled) - len(todo), unreadable, tuple(more), confidence)


@contextmanager
def _named_out() -> Iterator[None]:
    """What else is said of run folders, said of the folder of results."""
    try:
        yield
    except UserError as error:
        if error.reference not in ("run-folder", "run-locked"):
            raise
        problem = error.problem.replace(f"/{MARK}", "").replace("a run folder", "a folder of results")
        hint = (error.hint or "").replace("--run", "--out").replace(", new or an earlier run's", "")
        raise UserError(error.reference, problem, error.where, hint) from None
