"""All that can be told of the data before hours are spent: facts, and findings by weight.

One row of `FINDINGS` a finding: a function of what was looked at. What a run would refuse is told by the very checks
that would refuse it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from puzzlecam_cli.data.photos import Photo, PhotoSet, Tick
from puzzlecam_cli.engine.free_memory import free_memory
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.method.crf_engines import bytes_of
from puzzlecam_cli.run.check_data import (
    about_data,
    about_masks,
    lists,
    masks_are_sharp,
    masks_mean_something,
    pixels,
    tags_fit_masks,
)
from puzzlecam_cli.run.check_machine import backbone_fits, room_for_photos
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.find_in_masks import masks_and_tags, masks_empty, masks_of_some
from puzzlecam_cli.run.find_in_photos import alike, duplicated, empty, extreme, left_out, tiny
from puzzlecam_cli.run.find_in_tags import (
    always_beside,
    always_tagged,
    always_together,
    class_names_alike,
    in_both_splits,
    misspelt,
    never_tagged,
    nothing_to_learn,
    rarely_tagged,
    unbalanced,
    without_tags,
)
from puzzlecam_cli.run.finding import WEIGHTS, Finding, Looked
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.saliency import saliency_fits, saliency_is_there
from puzzlecam_cli.run.settling import COMPARING, LOOKING, REST, settle
from puzzlecam_cli.run.unreadable import enough_is_left, leave_out
from puzzlecam_cli.text import several

ABOUT = "about-data"
ROUNDS = 4  # in which photos at fault are left out of a split until the rest can be listed
MOST_BYTES = 1024  # of a pixel in a network's largest layers: photos that fit with so many fit with any backbone


def refused(looked: Looked) -> Iterator[Finding]:
    """What a run is refused for: lists, files, and masks that mean nothing."""
    yield from map(Finding.of_error, looked.problems)
    checks = (enough_is_left, lists, pixels, masks_mean_something, masks_are_sharp, tags_fit_masks)
    for check in (*checks, saliency_is_there, saliency_fits):
        yield from map(Finding.of_error, check(looked.checked))


def too_large(looked: Looked) -> Iterator[Finding]:
    """Photos too large for the memory at the recipe's scales. A network is built only where one could be."""
    recipe = looked.checked.run.recipe
    scale = max((*recipe.cams.scales, *recipe.seg.predict.scales))
    largest = max((s.size[0] * s.size[1] for _, _, s in looked.pictures() if s.size), default=0)
    labels = len(looked.classes) + 1
    of_crf = bytes_of(recipe.seg.predict.crf.engine, labels) * looked.checked.at_once
    if largest * max(2 * scale**2 * MOST_BYTES, of_crf) < free_memory():
        return
    list(backbone_fits(looked.checked))  # finds how much a pixel takes; what is wrong with it is not the data's
    yield from map(Finding.of_error, room_for_photos(looked.checked))


def of_the_kind(looked: Looked) -> Iterator[Finding]:
    """What the kind of data has to say of lists, tags and masks."""
    record = str(looked.checked.run.folder.left_out)
    for sentence in about_data(looked.checked):
        if record not in sentence:  # told with all that is left out
            yield Finding(ABOUT, "note", sentence)
    for error in looked.unread:
        yield Finding.of_error(error, "note")
    if looked.seen:
        for sentence in about_masks(looked.checked):
            yield Finding("about-masks", "note", sentence)


FINDINGS: tuple[Callable[[Looked], Iterator[Finding]], ...] = (
    refused,
    nothing_to_learn,
    too_large,
    left_out,
    class_names_alike,
    misspelt,
    never_tagged,
    always_tagged,
    rarely_tagged,
    always_together,
    in_both_splits,
    duplicated,
    alike,
    without_tags,
    masks_empty,
    masks_and_tags,
    empty,
    tiny,
    extreme,
    unbalanced,
    always_beside,
    masks_of_some,
    of_the_kind,
)
SAID_BY = {  # findings that say the same of the same photos more sharply
    "nothing-to-tell-apart": {"class-always-tagged"},
    "tags-missing": {"photo-without-tags", "class-never-tagged"},
    "too-few-photos": {"not-settled"},
    "tags-contradict-masks": {"mask-without-tag", "tag-without-mask"},
    "mask-missing": {"masks-of-some"},
}


@dataclass(frozen=True)
class Survey:
    """What was found.

    Args:
        kind: of data.
        looked: everything that was looked at.
        findings: by weight.
    """

    kind: str
    looked: Looked
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.weight == "stops"]

    @property
    def splits(self) -> list[dict[str, Any]]:
        """Of each part: the split's name, photos, those with a tag, tags, and photos with a mask; None: not known."""
        looked = self.looked
        return [
            {
                "part": part,
                "name": looked.names[part],
                "photos": len(photos),
                "tagged": sum(bool(photo.tags) for photo in photos) if part in looked.known else None,
                "tags": sum(len(photo.tags) for photo in photos) if part in looked.known else None,
                "masks": sum(photo.mask is not None for photo in photos),
            }
            for part, photos in looked.photos.items()
        ]

    @property
    def classes(self) -> list[dict[str, Any]]:
        """Of each class, in order: its name, and how many photos of each part are tagged with it."""
        looked = self.looked
        shown = {part: looked.shown_by(part) for part in looked.photos if part in looked.known}
        return [
            {"class": name} | {part: len(found.get(tag, ())) for part, found in shown.items()}
            for tag, name in enumerate(looked.classes, start=1)
        ]

    @property
    def sizes(self) -> dict[str, Any]:
        """Width, height and id of the smallest, the median and the largest photo, and of the longest for its width."""
        found = [(*seen.size[::-1], photo.id) for _, photo, seen in self.looked.pictures() if seen.size]
        if not found:
            return {}
        found.sort(key=lambda one: (one[0] * one[1], one[2]))
        longest = max(found, key=lambda one: max(one[:2]) / min(one[:2]))
        chosen = {"smallest": found[0], "median": found[len(found) // 2], "largest": found[-1], "longest": longest}
        return {which: {"width": w, "height": h, "id": i} for which, (w, h, i) in chosen.items()}

    def as_json(self) -> dict[str, Any]:
        """`schema` 1: `splits`, `classes` and `sizes` as above; `findings` by weight: `finding` (its kind), `weight`
        (`stops`, `harms` or `note`), `said`, `ids` of all photos and names of all `classes` it is about, `count` of
        the photos, or of the classes where no photo is named, `where` (details, shortened), `hint`. `trains`: nothing
        stops training.
        """
        findings = [asdict(one) | {"count": len(one.ids) or len(one.classes)} for one in self.findings]
        return {
            "schema": 1,
            "kind": self.kind,
            "trains": not self.stops,
            "splits": self.splits,
            "classes": self.classes,
            "sizes": self.sizes,
            "findings": findings,
        }

    def refusal(self) -> UserError:
        """Why training would make no sense."""
        lines = [f"{one.finding}: {one.said}" for one in self.stops]
        said = f"training would make no sense: {several(len(lines), 'finding')} against it"
        return UserError("data-unfit", said, shorten(lines), self.stops[0].hint or None)


def survey(run: Run, *, workers: int, tick: Callable[[str], Tick]) -> Survey:
    """Look at every photo, mask and tag of a recipe's data.

    Args:
        workers: processes that decode.
        tick: gives, for a task in words, what is told of photos that are done.
    """
    looked = _look(run, workers, tick)
    found = [finding for find in FINDINGS for finding in find(looked)] if looked.photos else []
    found = found or list(map(Finding.of_error, looked.problems))
    told = {name for finding in found for name in SAID_BY.get(finding.finding, ())}
    ordered = sorted((one for one in found if one.finding not in told), key=lambda one: WEIGHTS.index(one.weight))
    once: dict[tuple[str, str], Finding] = {}
    for one in ordered:
        once.setdefault((one.finding, one.said), one)
    return Survey(run.recipe.data.kind, looked, tuple(once.values()))


def _look(run: Run, workers: int, tick: Callable[[str], Tick]) -> Looked:
    photos, names = run.photos, run.photos.splits
    parts = {"train": names.train, "val": names.val, "score": None if names.score == names.train else names.score}
    splits = {part: split for part, split in parts.items() if split is not None}
    told: list[str] = []

    def tell(task: str) -> Tick:
        told.append(task)
        return tick(task)

    problems = _why_not(photos, partial(settle, run, workers=workers, tick=tell))
    checked = Checked(run, (), 1, tick(REST if LOOKING in told else LOOKING), workers, everything=True, pictures=True)
    for part, split in splits.items():
        for tags in (False, True) if part == "train" else (False,):
            problems += _why_not(photos, partial(photos.photos, split, tags=tags))
    try:
        classes = photos.classes
        leave_out(checked)
    except UserError as error:
        return Looked({}, splits, (), frozenset(), checked, (*problems, error))
    found: dict[str, list[Photo]] = {}
    unread: list[UserError] = []
    known: set[str] = set()
    for part, split in splits.items():  # only now: a photo at fault may stand in two lists
        for tags in (True, False):
            try:
                found[part] = photos.photos(split, tags=tags)
                known |= {part} if tags else set()
                break
            except UserError as error:
                unread += [error] if tags and part != "train" else []
    seen = checked.seen if found else {}
    compare = tick(COMPARING)
    return Looked(found, splits, classes, frozenset(known), checked, tuple(problems), tuple(unread), seen, compare)


def _why_not(photos: PhotoSet, do: Callable[[], object]) -> list[UserError]:
    """What keeps something from being done with a data set; it is looked past photos at fault until it can be done."""
    problems: list[UserError] = []
    for _ in range(ROUNDS):
        try:
            do()
            break
        except UserError as error:
            problems.append(error)
            if not error.ids or not photos.look_past(error.ids):
                break
    return problems
