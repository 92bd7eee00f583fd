"""The photos that a person names: files, folders, patterns, and lists on stdin. All that is wrong is told at once."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from puzzlecam_cli.data.disk.mask_folder import is_beside, like_masks
from puzzlecam_cli.data.disk.walk import MARK, Walk, holds_results
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES, canonical, check_id
from puzzlecam_cli.data.photos import Photo, Tell, silent
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import is_folder, why_no_file
from puzzlecam_cli.text import are, decode_text, quoted, several

# What else than label pictures lies in a folder of results: no photo's may be called like that.
TAKEN = frozenset({MARK, "overlay", "confidence", "yolo", "predictions.json", "coco.json", "cvat.zip"})
LISTED = "-"


@dataclass(frozen=True)
class Gathered:
    """Photos with an id each, in the order in which they were named.

    Args:
        photos: their ids are unique, and names for files.
        facts: what a person should know, a sentence each.
    """

    photos: tuple[Photo, ...]
    facts: tuple[str, ...] = ()


@dataclass
class _Found:
    """What is found on the way."""

    photos: dict[tuple[str, str], Photo] = field(default_factory=dict)  # by (real path of the folder, name)
    problems: list[UserError] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # of single paths: why each cannot be used
    facts: list[str] = field(default_factory=list)
    of_results: list[str] = field(default_factory=list)  # passed over

    def add(self, image_id: str, path: Path) -> None:
        """Of a photo that is named twice the first id counts."""
        self.photos.setdefault((_real(os.path.dirname(path) or "."), path.name), Photo(image_id, path))  # noqa: PTH120


def gather(
    given: Sequence[str], out: Path, read_list: Callable[[], bytes] = lambda: b"", tell: Tell = silent
) -> Gathered:
    """The photos at paths.

    A photo in a folder is called by its path below that folder, without suffix, a single file by its name. Where that
    is one name for several photos in different folders, all are called by their path below the folder that holds all.

    Args:
        given: files, folders with all that is in them, patterns (`photos/**/*.jpg`); `-` is a list, a path a line.
        out: where results will lie, which are no photos.
        read_list: the bytes of the list.
        tell: is told of files that were seen.

    Raises:
        UserError: nothing is named, or something that is no photo, is not there or cannot be listed: all in one; two
            photos would have one result, or results would lie among photos.
    """
    for known in (_real, _results_around):
        known.cache_clear()
    found = _Found()
    for path, is_named in _paths(given, read_list, found):
        if is_folder(path):
            _add_folder(path, out, is_named, tell, found)
        elif problem := _why_no_photo(path):
            if is_named:
                found.wrong.append(f"{quoted(str(path), 200)} {problem}")
        elif folder := _results_around(os.path.dirname(path) or "."):  # noqa: PTH120
            if is_named:
                found.wrong.append(f"{quoted(str(path), 200)} lies among the results in {folder}")
            found.of_results.append(str(path))
        else:
            found.add(canonical(path.name.rpartition(".")[0]), path)
    if found.wrong:
        found.problems.append(_unusable(found.wrong))
    if found.problems:
        raise _in_one(found.problems)
    if not found.photos:
        raise UserError("photos-missing", "no photo is named", hint="name files, folders, or `-` for a list on stdin")
    photos = _told_apart(tuple(found.photos.values()), found.facts)
    _check_names(photos)
    _check_places(found.photos, out)
    if passed := len(found.of_results):
        some = ", ".join(shorten([quoted(path) for path in found.of_results], 3))
        found.facts.append(f"{several(passed, 'file')} among earlier results {are(passed)} passed over: {some}")
    return Gathered(photos, tuple(found.facts))


def _paths(given: Sequence[str], read_list: Callable[[], bytes], found: _Found) -> Iterator[tuple[Path, bool]]:
    """What is there at the paths, and whether it was named itself rather than found by a pattern."""
    for text in dict.fromkeys(given):
        if text != LISTED:
            yield from _expanded(text, found)
            continue
        lines = decode_text(read_list(), Path("the list on stdin"), kind="list").splitlines()
        listed = [line.removeprefix("\ufeff") for line in lines if line.strip("\ufeff \t")]
        if not listed:
            found.wrong.append("`-`: the list on stdin names nothing")
        for line in dict.fromkeys(listed):
            yield from _named(line if os.path.lexists(line) else line.strip(), found)


def _expanded(text: str, found: _Found) -> Iterator[tuple[Path, bool]]:
    if not glob.has_magic(text) or os.path.lexists(text):
        yield from _named(text, found)
        return
    paths = sorted(glob.glob(os.path.expanduser(text), recursive=True))  # noqa: PTH111, PTH207 -- as a shell does
    photos = [path for path in map(Path, paths) if _why_no_photo(path) is None]
    folders = [] if "**" in text else [path for path in map(Path, paths) if is_folder(path)]
    if not photos and not folders:
        found.wrong.append(f"{quoted(text, 200)} fits no {'photo' if paths else 'file'}")
    yield from ((path, False) for path in (*photos, *folders))


def _named(text: str, found: _Found) -> Iterator[tuple[Path, bool]]:
    """A path as it stands; `~` at its beginning is one's home where the shell did not say so."""
    home = os.path.expanduser(text)  # noqa: PTH111 -- Path's raises where there is no such home
    path = Path(text if os.path.lexists(text) else home)
    if not text.strip():
        found.wrong.append("an empty path names nothing")
    else:
        yield path, True


def _why_no_photo(path: Path) -> str | None:
    """Why a path is no photo as far as can be told without reading it, to follow its name in a sentence."""
    if problem := why_no_file(path):
        return problem
    stem, dot, suffix = path.name.rpartition(".")
    if stem and dot + suffix.lower() in PHOTO_SUFFIXES:
        return None
    return "is no photo by its name"


def _add_folder(folder: Path, out: Path, is_named: bool, tell: Tell, found: _Found) -> None:
    """All photos below a folder, but what seem to be masks, and results."""
    if around := _results_around(str(folder)):
        if is_named:
            found.wrong.append(f"{quoted(str(folder), 200)} holds results, no photos: see {around}/{MARK}")
        return
    try:
        files = Walk(folder, but=(out,), tell=tell).files
    except UserError as error:
        if is_named or error.reference != "data-missing":
            found.problems.append(error)
        return
    ids = list(files)
    while masks := like_masks(ids):
        rest = [image_id for image_id in ids if not image_id.startswith(f"{masks}/")]
        found.facts.append(
            f"{len(ids) - len(rest)} pictures in {folder / masks} are called like photos and taken for their masks: "
            "they are passed over. Name that folder itself if they are photos"
        )
        ids = rest
    if beside := [image_id for image_id in ids if is_beside(image_id, files)]:
        some = ", ".join(shorten([quoted(image_id) for image_id in beside], 3))
        found.facts.append(
            f"{several(len(beside), 'picture')} in {folder} {are(len(beside))} taken for masks of photos beside them "
            f"and passed over: {some}. Name the files themselves if they are photos"
        )
    for image_id in sorted(set(ids) - set(beside)):
        found.add(image_id, files[image_id])


@cache
def _real(folder: str) -> str:
    return os.path.realpath(folder)


@cache
def _results_around(folder: str) -> str | None:
    """The folder of results that a folder lies in, or is."""
    real = Path(_real(folder))
    return next((str(place) for place in (real, *real.parents) if holds_results(place)), None)


def _unusable(wrong: Sequence[str]) -> UserError:
    hint = f"photos end in {' '.join(PHOTO_SUFFIXES)}, in any case; of a folder that is named, all else is passed over"
    if not any("no photo by its name" in line for line in wrong):
        hint = "relative paths begin in the folder this command was called in"
    verb = "cannot" if len(wrong) > 1 else "of those given cannot"
    return UserError("path-unusable", f"{several(len(wrong), 'path')} {verb} be used", shorten(list(wrong)), hint)


def _in_one(problems: Sequence[UserError]) -> UserError:
    if len(problems) == 1:
        return problems[0]
    lines = [line for problem in problems for line in (problem.problem, *(f"   {place}" for place in problem.where))]
    hints = "; ".join(dict.fromkeys(problem.hint for problem in problems if problem.hint))
    return UserError("path-unusable", f"{len(problems)} problems with what was named", tuple(lines), hints)


def _told_apart(photos: tuple[Photo, ...], facts: list[str]) -> tuple[Photo, ...]:
    """Photos of different ids.

    Raises:
        UserError: `file-ambiguous`: photos differ in nothing but their suffix.
    """
    if not _of_one_id(photos):
        return photos
    absolute = [os.path.abspath(photo.image) for photo in photos]  # noqa: PTH100
    above = os.path.commonpath([os.path.dirname(path) for path in absolute])  # noqa: PTH120
    longer = [canonical(os.path.relpath(path, above).rpartition(".")[0]) for path in absolute]
    apart = tuple(Photo(image_id, photo.image) for image_id, photo in zip(longer, photos, strict=True))
    if same := _of_one_id(apart):
        lines = [
            f"{quoted(image_id)}: {' and '.join(quoted(str(photo.image), 200) for photo in found)}"
            for image_id, found in sorted(same.items())
        ]
        hint = "a result is called by the photo's path without suffix: keep one file of each, or predict them apart"
        problem = f"{several(len(same), 'name')} {are(len(same))} those of several photos"
        raise UserError("file-ambiguous", problem, shorten(lines), hint)
    facts.append(f"photos in different folders have one name: results are called by the photo's path below {above}")
    return apart


def _of_one_id(photos: Sequence[Photo]) -> dict[str, list[Photo]]:
    count = Counter(photo.id for photo in photos)
    several_of = {image_id for image_id, number in count.items() if number > 1}
    found: dict[str, list[Photo]] = {}
    for photo in photos if several_of else ():
        if photo.id in several_of:
            found.setdefault(photo.id, []).append(photo)
    return found


def _check_names(photos: Collection[Photo]) -> None:
    """Raises:
    UserError: `image-id`: a photo's results cannot be called after it.
    """
    ids = {photo.id for photo in photos}
    wrong = []
    for photo in photos:
        problem = check_id(photo.id)
        if not problem and (taken := _taken(photo.id.split("/")[:-1], ids)):
            problem = f"lies in a folder `{taken}`, and so is called what lies beside results"
        if problem:
            wrong.append(f"{quoted(str(photo.image), 200)} {problem}")
    if wrong:
        raise UserError(
            "image-id",
            f"{several(len(wrong), 'photo')} {'has' if len(wrong) == 1 else 'have'} names that results cannot have",
            shorten(wrong),
            "rename them; photos in a folder that is named itself are called by their path below it",
        )


def _taken(folders: Sequence[str], ids: Collection[str]) -> str | None:
    """A folder of an id where results have a file or folder of that name."""
    if folders and folders[0] in TAKEN:
        return folders[0]
    results = (n for n, name in enumerate(folders) if name.endswith(".png"))
    return next((folders[n] for n in results if "/".join((*folders[:n], folders[n][:-4])) in ids), None)


def _check_places(photos: Collection[tuple[str, str]], out: Path) -> None:
    """Raises:
    UserError: `out-holds-photos`: results would lie among photos, and be taken for some the next time.
    """
    home = _real(str(out))
    inside = sorted({folder for folder, _ in photos if f"{folder}/".startswith(f"{home.rstrip('/')}/")})
    if inside:
        raise UserError(
            "out-holds-photos",
            f"--out {out} holds photos that are to be predicted, and results would lie among them",
            shorten(inside, 3),
            f"name a folder of its own: --out {out / 'predictions'}",
        )
