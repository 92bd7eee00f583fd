"""Write a run's report: its stored files, and the paper's Figures 1 and 3 on a few of its photos."""

from __future__ import annotations

from pathlib import Path

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import remove_leftovers, write_text
from puzzlecam_cli.plain_file import check_place
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.use.report.facts import Facts, gather
from puzzlecam_cli.view.report.page import MARK, report_page
from puzzlecam_cli.view.report.views import Views

NAME = "report.html"
MOST_PHOTOS = 36
SMALL = 64 << 20  # bytes of a classifier that a few photos go through in about a second, on a CPU


def write_report(run: Path, out: Path | None = None, *, photos: int = MOST_PHOTOS) -> Path:
    """Write the report of a run, finished or not.

    Args:
        run: its folder.
        out: the file; None: `report.html` in that folder. A report is replaced, nothing else is.
        photos: how many are shown, at most.

    Returns:
        The file.

    Raises:
        UserError: there is no run, its recipe or ledger is damaged, or the file is something else or cannot be written.
    """
    if out is not None:
        check_place(out, MARK, "report")
    facts = gather(run, photos=photos)
    file = out or run / NAME
    check_place(file, MARK, "report")
    page = report_page(facts, views_of(run, facts))
    try:
        if out is None:  # elsewhere what is called so may be anybody's
            remove_leftovers(file)
        write_text(file.resolve(), page)  # a link stays one
    except OSError as error:
        problem = f"{file} cannot be written: {error.strerror}"
        raise UserError("file-unwritable", problem, hint="--out names another file") from None
    return file


def is_current(run: Path) -> bool:
    """Whether the report of a run is there, and newer than all that was made."""
    try:
        return (run / NAME).stat().st_mtime_ns > RunFolder(run).ledger.stat().st_mtime_ns
    except OSError:
        return False


def views_of(run: Path, facts: Facts) -> Views:
    """What takes the classifier, or the runs of an ablation; where they are not there or too large, nothing."""
    from puzzlecam_cli.session.figures import losses_views, puzzle_views

    return Views(puzzle_views(run, facts, largest=SMALL), losses_views(run, facts))
