"""The mask of each photo, where some have one: a file called like it in a folder of masks."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from puzzlecam_cli.data.disk.near_misses import MASKS
from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import are, quoted, several

MASK_SUFFIXES = (*PHOTO_SUFFIXES, ".gif")  # those that cannot be masks are refused when they are read
ENDING = re.compile(r"(.+)[_-](masks?|seg|segmentation|labels?|gt)", re.IGNORECASE)  # may follow the photo's name


class Files(Protocol):
    """Files by the name they have without suffix, below a place; a `Walk` is one."""

    @property
    def root(self) -> Path: ...

    @property
    def files(self) -> Mapping[str, Path]: ...


def masks_of(photos: Walk, listed: Container[str], masks: Files) -> tuple[dict[str, Path], list[str]]:
    """The mask file of each photo that has one, by id, and what a person should know about them, a sentence each.

    A mask is called like its photo, or `<photo>_mask`. It lies at the photo's path, or where only one photo's path ends
    like its own or the other way round: all masks may lie in one folder.

    Args:
        listed: the ids that masks are wanted of.

    Raises:
        UserError: `mask-ambiguous` with all photos of several masks, and masks of several photos.
    """
    best: dict[str, tuple[int, list[str]]] = {}  # how far-fetched, and the masks that are as good
    problems: list[str] = []
    strange: list[str] = []
    for mask in masks.files:
        if photos.files.get(mask) == masks.files[mask] and not is_beside(mask, photos.files):
            continue  # a photo, where masks lie beside photos
        likely = (found for found in _owners(mask, photos) if any(image_id in listed for image_id in found[1]))
        distance, owners = next(likely, (0, []))
        if len(owners) > 1:
            problems.append(f"{quoted(mask)} may be the mask of {' or '.join(map(quoted, owners[:3]))}")
        elif not owners:
            strange.append(mask)
        elif owners[0] not in best or distance < best[owners[0]][0]:
            best[owners[0]] = distance, [mask]
        elif distance == best[owners[0]][0]:
            best[owners[0]][1].append(mask)
    unsure = [(image_id, found) for image_id, (_, found) in best.items() if len(found) > 1]
    problems += [f"{quoted(i)} may have the mask {' or '.join(map(quoted, found[:3]))}" for i, found in unsure]
    if problems:
        raise UserError(
            "mask-ambiguous",
            f"it is not certain whose mask {several(len(problems), 'file')} in {masks.root} {are(len(problems))}",
            shorten(problems),
            "give each mask the path below data.masks that its photo has below data.root",
        )
    facts = [] if best else [f"no file in {masks.root} is called like a photo, so no photo has a mask"]
    if strange and best:
        some = ", ".join(shorten([quoted(mask) for mask in strange], 3))
        count = f"{len(strange)} of {several(len(masks.files), 'mask')}"
        facts.append(f"{count} in {masks.root} {are(len(strange))} of no listed photo: {some}")
    return {image_id: masks.files[found[0]] for image_id, (_, found) in sorted(best.items())}, facts


def like_masks(ids: Sequence[str]) -> str | None:
    """The first folder that is called as if it held masks, and holds photos called like others; None if none does."""
    places: dict[str, set[str]] = {}
    for image_id in ids:
        above, _, name = image_id.rpartition("/")
        places.setdefault(name, set()).add(above)
    folders = sorted({above for found in places.values() if len(found) > 1 for above in found})
    for above in folders:
        names = above.split("/")
        if number := next((n for n, name in enumerate(names, start=1) if MASKS.fullmatch(name)), 0):
            return "/".join(names[:number])
    return None


def is_beside(image_id: str, photos: Container[str]) -> bool:
    """Whether an id is that of a mask which lies beside its photo, as `a_mask` beside `a`."""
    name = ENDING.fullmatch(image_id)
    return name is not None and name[1] in photos


def _owners(mask: str, photos: Walk) -> Iterator[tuple[int, list[str]]]:
    """The photos that a mask may belong to, the likeliest first, with how far-fetched they are."""
    ending = ENDING.fullmatch(mask)
    bare = ending[1] if ending else mask
    for distance, name in enumerate((mask, bare)):
        if name in photos.files:
            yield distance, [name]
    for distance, name in enumerate((mask, bare), start=2):
        if found := photos.named(name):
            yield distance, found
