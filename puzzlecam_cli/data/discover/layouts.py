"""Try every layout that is known on a folder: what can be used, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.data.discover import coco, folders, strangers, tag_file, voc, yolo
from puzzlecam_cli.data.discover.candidate import Candidate, Reading, Unusable, read_divided
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted

# The surest first: of readings that give the same tags, the first is taken.
LAYOUTS: tuple[Callable[[Place], Iterator[Candidate | Unusable]], ...] = (
    voc.find,
    coco.find,
    yolo.find,
    tag_file.find,
    folders.find,
)


@dataclass(frozen=True)
class Discovery:
    """What was tried: readings that a run could use, the surest first, and what could not be used, and why."""

    readings: tuple[Reading, ...]
    unusable: tuple[Unusable, ...]


def discover(place: Place, source: str | None = None) -> Discovery:
    """Every way to read a folder; sub-folders are classes only where nothing else is about photos.

    Args:
        source: `folders` or `annotations`, where tags are to be taken from; None: whatever is found.

    Raises:
        UserError: there is no such folder, or none of its photos could be listed.
    """
    _ = place.walk.files  # it says what is wrong with the photos, better than any layout could
    found = [item for find in LAYOUTS for item in find(place)]
    unusable = [item for item in found if isinstance(item, Unusable)]
    readings: list[Reading] = []
    for candidate in (item for item in found if isinstance(item, Candidate)):
        if source not in (None, candidate.source) or (place.given and Path(candidate.source) != place.given):
            continue
        if candidate.is_guess and source is None and (readings or any(item.is_meant for item in unusable)):
            continue
        if candidate.doubt and source is None:
            hint = "`--tags folders` takes them all the same"
            unusable.append(Unusable(candidate.source, candidate.doubt, hint=hint))
            continue
        place.tell(f"reading {candidate.what}")
        try:
            readings.append(read_divided(candidate, place.tell))
        except UserError as error:
            unusable.append(Unusable.because(candidate.source, error))
    return Discovery(tuple(readings), tuple(unusable))


def say_the_same(readings: tuple[Reading, ...]) -> bool:
    """Whether readings give the same photos the same tags."""
    first, *others = ({path.resolve(): sorted(names) for path, names in reading.tags().items()} for reading in readings)
    return all(tags == first for tags in others)


def no_tags(place: Place, unusable: tuple[Unusable, ...]) -> UserError:
    """What to say where no photo has a tag: what was looked for, and the shortest that would do."""
    names = [path.name for path in place.walk.files.values()]
    tried = {item.source for item in unusable}
    unread = [item for item in strangers.find(place) if item.source not in tried]
    told = [f"{item.source}: {item.why}" for item in (*unusable, *unread)]
    looked = "a table (CSV, TSV, JSON lines), JSON of COCO, YOLO's data.yaml, VOC's Annotations, sub-folders as classes"
    shortest = f"write a file {place.folder / 'tags.csv'}, such as `file,tags`, then a line a photo: " + " and ".join(
        quoted(f"{name},{tags}") for name, tags in zip(names[:2], ("cat dog", "cat"), strict=False)
    )
    return UserError(
        "tags-missing",
        f"no tags were found for the {f'{len(names):,} photos' if len(names) > 1 else 'photo'} in {place.folder}",
        shorten(told or [f"looked for {looked}"]),
        "; or ".join([*[item.hint for item in unusable if item.is_meant and item.hint][:1], shortest]),
    )
