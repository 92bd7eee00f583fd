"""Before photos are checked: find out which of them belong to which split, where shares say how many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from puzzlecam_cli.data.photos import Photo, Tick
from puzzlecam_cli.run.looking import Remembered, jobs_of, look
from puzzlecam_cli.run.run import Run

LOOKING, REST = "looking at photos", "looking at masks and unreadable photos"  # the rest once photos were looked at
DIVIDING, COMPARING = "dividing photos", "comparing photos"


def unit_of(task: str) -> str:
    """What is counted while a task is done."""
    return "rounds" if task in (DIVIDING, COMPARING) else "images"


def settle(run: Run, *, workers: int, tick: Callable[[str], Tick]) -> list[str]:
    """Divide the photos of a run; what is seen of them is remembered, so that they are decoded once.

    Args:
        workers: processes that decode.
        tick: gives, for a task in words, what is told of photos that are done.

    Returns:
        Why they were divided once more, a sentence; nothing where that was known, or is the first time.

    Raises:
        UserError: see `PhotoSet.settle`.
    """

    def thumbnails(photos: Sequence[Photo]) -> list[bytes]:
        told = tick(LOOKING)
        told(0, len(photos))
        known = Remembered.read(run.folder.looked_at, run.photos.mask_meaning)
        seen = look(jobs_of(photos, ()), known, workers, told, pictures=True)
        pictures = [seen[photo.image].picture for photo in photos]
        return [picture.thumbnail if picture else b"" for picture in pictures]

    return [] if run.photos.is_settled else run.photos.settle(tick(DIVIDING), thumbnails)
