"""The test of a kind of data."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydantic import ValidationError

from puzzlecam_cli.data.ids import canonical, check_id
from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.registry import dataset

MOST_CLASSES = 254
DECODED = 20  # photos and masks of a split that are looked at
Opened = Callable[[], PhotoSet]


def check_dataset(
    kind: str | type[PhotoSet],
    settings: Mapping[str, Any],
    *,
    change_tags: Callable[[], object] | None = None,
) -> PhotoSet:
    """Open a data set and hold its kind to the promises of `PhotoSet`.

    These are: settings that survive being written to a recipe; classes; splits whose photos are there and can be
    decoded, whose ids are unique, can be names of files and keep their order; tags in 1..C, sorted, of some photos;
    masks of the photo's size in 0..C and 255; counts; all of it the same once more, and in other processes; a
    fingerprint that is the same as long as photos are, and another one when they or their tags change; and problems
    told as a UserError: folders and files of the settings are also tried where there are none.

    Args:
        kind: its name, or the class itself.
        settings: the `data` section of a recipe for some photos made for the test, without `kind`.
        change_tags: changes the tags of a photo that is trained on; the fingerprint must follow.

    Returns:
        The data set, for further tests.

    Raises:
        AssertionError: a promise is broken: which one.
        UserError: there is no such kind, its plugin is broken, or the settings name no good data.
    """
    made: Any = dataset(kind) if isinstance(kind, str) else kind
    fixed = get_args(made.Settings.model_fields["kind"].annotation)
    name = kind if isinstance(kind, str) else (fixed or (made.__name__,))[0]
    assert fixed == (name,), f'{name}: its Settings must declare `kind: Literal["{name}"]`, the name of the entry point'
    given = made.Settings.model_validate({"kind": name} | dict(settings))
    assert made.Settings.model_validate(given.model_dump(mode="json")) == given, (
        f"{name}: its settings are others after they were written to a recipe: keep to plain types"
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)

        def opened() -> PhotoSet:
            found: PhotoSet = made(given, run / "run", 0)
            _prepare(found)
            return found

        photo_set = opened()
        _check_classes(name, photo_set)
        _check_splits(name, photo_set, opened)
        _check_fingerprint(name, photo_set, opened)
        pinned = photo_set.pinned()  # possibly of another kind
        elsewhere = made if isinstance(pinned, made.Settings) else dataset(pinned.kind)
        _check_pinned(name, photo_set, elsewhere(pinned, run / "elsewhere", 1))
        _check_problems(name, made, given, run / "problems")
        if change_tags is not None:
            _check_tags_change(name, opened, change_tags)
        return opened()


def _prepare(photo_set: PhotoSet) -> None:
    photo_set.check()
    photo_set.prepare(lambda done, total: None)
    if not photo_set.is_settled:
        photo_set.settle(lambda done, total: None, lambda photos: [b""] * len(photos))


def _check_classes(name: str, photo_set: PhotoSet) -> None:
    classes = photo_set.classes
    assert isinstance(classes, tuple) and classes and all(isinstance(c, str) and c.strip() for c in classes), (  # noqa: PT018
        f"{name}: classes must be a tuple of names, not {classes!r}"
    )
    assert len(classes) <= MOST_CLASSES, f"{name} has {len(classes)} classes: masks hold {MOST_CLASSES} at most"
    assert len(set(classes)) == len(classes), f"{name} names a class twice: {classes}"
    assert "background" not in map(str.lower, classes), (
        f"{name}: leave out `background`: it is class 0 of every data set"
    )
    assert isinstance(photo_set.tags_from, str) and photo_set.tags_from, (  # noqa: PT018
        f"{name}: `tags_from` must say in a word or two where tags come from"
    )


def _check_splits(name: str, photo_set: PhotoSet, opened: Opened) -> None:
    splits = photo_set.splits
    assert isinstance(splits, Splits), f"{name}: `splits` must be a `Splits`, not a {type(splits).__name__}"
    for split in dict.fromkeys(s for s in (splits.train, splits.val, splits.score) if s is not None):
        photos = photo_set.photos(split, tags=split == splits.train)
        _check_photos(f"{name}, split `{split}`", photos, len(photo_set.classes))
        ids = [photo.id for photo in photos]
        assert [photo.id for photo in opened().photos(split)] == ids, (
            f"{name}: the photos of `{split}` come in another order, or are others, a second time and without tags"
        )
        counted, masks = photo_set.count(split), sum(photo.mask is not None for photo in photos)
        assert counted == (len(photos), masks), (
            f"{name}: `count` gives {counted} for `{split}`, which has {len(photos)} photos and {masks} masks"
        )
    assert any(photo.tags for photo in photo_set.photos(splits.train, tags=True)), (
        f"{name}: no photo of `{splits.train}` has a tag: nothing can be learned; does `photos` heed `tags=True`?"
    )


def _check_photos(where: str, photos: list[Photo], classes: int) -> None:
    assert photos, f"{where} has no photos: raise a UserError that says why"
    seen: set[str] = set()
    for photo in photos:
        assert isinstance(photo, Photo), f"{where}: `photos` gives a {type(photo).__name__}, not a `Photo`"
        problem = check_id(photo.id)
        assert problem is None, f"{where}: the id {photo.id!r} {problem}"
        assert canonical(photo.id) not in seen, f"{where}: two photos have the id {photo.id!r}"
        seen.add(canonical(photo.id))
        assert isinstance(photo.tags, tuple) and list(photo.tags) == sorted(set(photo.tags)), (  # noqa: PT018
            f"{where}: the tags of {photo.id!r} must be a sorted tuple without repeats, not {photo.tags!r}"
        )
        assert all(type(tag) is int and 1 <= tag <= classes for tag in photo.tags), (
            f"{where}: the tags of {photo.id!r} must be indices 1..{classes}, not {photo.tags!r}: 0 is background"
        )
    for photo in photos[:: -(-len(photos) // DECODED)]:
        _check_pixels(where, photo, classes)


def _check_pixels(where: str, photo: Photo, classes: int) -> None:
    image = open_image(photo.image)
    try:
        copy: Photo = pickle.loads(pickle.dumps(photo))
    except Exception as error:
        raise AssertionError(
            f"{where}: the photo {photo.id!r} cannot be sent to another process: its mask must be of a class at the "
            f"top of a module, with plain values: {error}"
        ) from error
    if photo.mask is None or copy.mask is None:
        return
    mask = photo.mask.read()
    assert mask.dtype == np.uint8, f"{where}: the mask of {photo.id!r} is {mask.dtype}, not uint8"
    assert mask.shape == (image.height, image.width), (
        f"{where}: the mask of {photo.id!r} has {mask.shape} pixels, its photo {(image.height, image.width)}"
    )
    strange = set(np.unique(mask).tolist()) - {*range(classes + 1), 255}
    assert not strange, f"{where}: the mask of {photo.id!r} holds {sorted(strange)}: classes are 0..{classes}, void 255"
    assert np.array_equal(copy.mask.read(), mask), f"{where}: the mask of {photo.id!r} is another in another process"
    assert photo.mask.path.exists(), f"{where}: `path` of the mask of {photo.id!r} names no file"
    assert photo.mask.key, f"{where}: the mask of {photo.id!r} has no `key`"
    photo.mask.is_grey()


def _check_fingerprint(name: str, photo_set: PhotoSet, opened: Opened) -> None:
    split = photo_set.splits.train
    for what in ({}, {"tags": True}, {"masks": True}):
        first, again = photo_set.fingerprint(split, **what), opened().fingerprint(split, **what)
        assert isinstance(first, str) and first, f"{name}: the fingerprint must be a text, not {first!r}"  # noqa: PT018
        assert first == again, f"{name}: the fingerprint of the same photos is another a second time"
    if photo_set.to_prepare:
        return  # what it makes itself, it knows by its settings
    file = photo_set.photos(split)[0].image
    before, status = photo_set.fingerprint(split), file.stat()
    with suppress(PermissionError):
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))
        try:
            changed = opened().fingerprint(split)
        finally:
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert changed != before, (
            f"{name}: the fingerprint stays when a photo is written anew: hash names, sizes and times of the files"
        )


def _check_tags_change(name: str, opened: Opened, change_tags: Callable[[], object]) -> None:
    photo_set = opened()
    split = photo_set.splits.train

    def tags_of(photo_set: PhotoSet) -> list[tuple[str, ...]]:
        return [tuple(photo_set.classes[tag - 1] for tag in p.tags) for p in photo_set.photos(split, tags=True)]

    tags, before = tags_of(photo_set), photo_set.fingerprint(split, tags=True)
    change_tags()
    assert tags_of(opened()) != tags, f"{name}: `change_tags` of the test changed no tag that `photos` reads"
    assert opened().fingerprint(split, tags=True) != before, (
        f"{name}: the fingerprint with `tags=True` stays when tags change, so that old results would be kept: "
        "hash the files that tags are from"
    )


def _check_pinned(name: str, photo_set: PhotoSet, pinned: PhotoSet) -> None:
    for split in dict.fromkeys(s for s in (photo_set.splits.train, photo_set.splits.val) if s is not None):
        part = {photo_set.splits.train: pinned.splits.train}.get(split, pinned.splits.val)
        assert part is not None and [p.id for p in pinned.photos(part)] == [p.id for p in photo_set.photos(split)], (  # noqa: PT018
            f"{name}: `pinned()` must give settings that name the same photos from another run folder"
        )


def _check_problems(name: str, made: Any, given: Any, run: Path) -> None:
    """Whatever path is missing, a UserError says so."""
    for key, value in given:
        if not isinstance(value, Path):
            continue
        gone = value.with_name(f"{value.name}-is-not-there")
        try:
            photo_set = made(made.Settings.model_validate(given.model_dump() | {key: gone}), run, 0)
            if photo_set.to_prepare:
                continue
            photo_set.check()
            photos = photo_set.photos(photo_set.splits.train, tags=True)
        except (UserError, ValidationError):
            continue
        except Exception as error:
            raise AssertionError(
                f"{name}: where `{key}` names nothing there, it raises {type(error).__name__}, which looks like a "
                f"fault of the program: raise a UserError that says what to do: {error}"
            ) from error
        assert photos, f"{name}: where `{key}` names nothing there, it gives no photos and no word: raise a UserError"
