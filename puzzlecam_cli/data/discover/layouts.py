"""Try every layout that is known on a folder: what can be used, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from puzzlecam_cli.data.discover import coco, folders, strangers, tag_file, voc, yolo
from puzzlecam_cli.data.discover.candidate import Candidate, Reading, Unusable, read_divided
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted, shell

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
            if not readings:
                hint = f"{_command(place, candidate.source)} takes {candidate.what}"
                unusable.append(
                    Unusable(candidate.source, "may be classes, but something else tells of tags", hint=hint)
                )
            continue
        if candidate.doubt and source is None:
            hint = f"{_command(place, candidate.source)} takes them all the same"
            unusable.append(Unusable(candidate.source, candidate.doubt, hint=hint))
            continue
        place.tell(f"reading {candidate.what}")
        try:
            readings.append(read_divided(candidate, place.tell))
        except UserError as error:
            reason = Unusable.because(candidate.source, error)
            if candidate.is_misfit and not place.given:
                hint = f"{_command(place, candidate.source)} takes what fits"
                is_meant = not place.is_beside(Path(candidate.source))
                reason = replace(reason, is_meant=is_meant, is_misfit=True, hint=hint)
            unusable.append(reason)
    return Discovery(tuple(readings), tuple(unusable))


def _command(place: Place, source: str) -> str:
    return f"`puzzlecam new {shell(str(place.folder))} --tags {shell(source)}`"


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
    photos = f"{f'{len(names):,} photos' if len(names) > 1 else 'photo'} in {place.folder}"
    misfit = next((item.source for item in unusable if item.is_misfit), None)
    said = f"no tags were found for the {photos}"
    if misfit:
        said = f"tags were found in {misfit}, but most of them are not of the {photos}"
    ways = [item.hint for item in unusable if item.hint and (item.is_meant or item.is_misfit)]
    hints = list(dict.fromkeys((*ways[:1], *ways[-1:])))  # the last may be that of sub-folders
    if not hints or not (place.folder / "tags.csv").exists():
        rows = (quoted(f"{name},{tags}") for name, tags in zip(names[:2], ("cat dog", "cat"), strict=False))
        shortest = f"write a file {place.folder / 'tags.csv'}, such as `file,tags`, then a line a photo: "
        hints.append(shortest + " and ".join(rows))
    return UserError("tags-missing", said, shorten(told or [f"looked for {looked}"]), "; or ".join(hints))
