"""Divide a list of photos by shares, so that no near-identical photos are on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from puzzlecam_cli.data.parts.likeness import COMPARISONS, groups_alike
from puzzlecam_cli.data.parts.splitting import PASSES, share
from puzzlecam_cli.data.photos import Look, Photo, Tick
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted, several


@dataclass(frozen=True)
class Division:
    """What is to be divided by shares.

    Args:
        photos: sorted by id, with tags.
        shares: of all of `photos`, of `train` and `val`; what is left over goes to `rest`.
        rest: the part that takes it; None: no part does.
        seed: the recipe's.
        others: photos of a part that is named, and no part of `photos`: none of the photos may be like one of them.
    """

    photos: tuple[Photo, ...]
    shares: Mapping[str, float]
    rest: str | None
    seed: int
    others: tuple[Photo, ...] = ()

    @property
    def parts(self) -> set[str]:
        """What it comes to."""
        return {*self.shares, *([self.rest] if self.rest else [])}


def divide(division: Division, look: Look, tick: Tick) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The ids of the parts that are shares or their rest, sorted, and what a person should know, a sentence each.

    Args:
        look: gives the thumbnails of photos; an empty one for a photo that cannot be decoded.
        tick: is told of rounds of comparing and dividing.

    Raises:
        UserError: `too-few-photos`: a part would have none.
    """
    looked_at = (*division.photos, *division.others)
    thumbnails, rounds = look(looked_at), len(division.shares) * PASSES
    most = max(len(looked_at) // 2, min(2, len(looked_at) - 1))
    groups, too_many = groups_alike(thumbnails, most, lambda done, total: tick(done, total + rounds))
    ids = [photo.id for photo in looked_at]
    facts = _facts([[ids[number] for number in group] for group in groups], too_many)
    count = len(division.photos)
    like_others = {number for group in groups if group[-1] >= count for number in group if number < count}
    if like_others:
        some = ", ".join(shorten([quoted(ids[number]) for number in sorted(like_others)], 3))
        facts.append(
            f"left out, as near-identical with photos of `val`: {several(len(like_others), 'photo')}, such as {some}"
        )
    left = [number for number in range(count) if number not in like_others]
    parts = _parts(division, left, groups, lambda done, total: tick(COMPARISONS + done, COMPARISONS + total))
    tick(COMPARISONS + rounds, COMPARISONS + rounds)
    sizes = {name: len(numbers) for name, numbers in parts.items()}
    if none := [name for name, size in sizes.items() if not size]:
        asked = ", ".join(f"data.{name}: {value:g}" for name, value in division.shares.items())
        raise UserError(
            "too-few-photos",
            f"{several(count, 'photo')} cannot be divided: none would be left for `{none[0]}` ({asked})",
            hint="add photos, name the photos of a part in a list, or leave out data.val",
        )
    return {name: tuple(sorted(ids[number] for number in numbers)) for name, numbers in parts.items()}, facts


def _parts(division: Division, left: list[int], groups: Sequence[Sequence[int]], tick: Tick) -> dict[str, list[int]]:
    """The numbers of the photos of each part."""

    def shared(numbers: list[int], fraction: float, before: int) -> list[int]:
        """The numbers of a share of photos; `before`: shares that were taken before."""
        place = {number: place for place, number in enumerate(numbers)}
        within = [[place[number] for number in group if number in place] for group in groups]
        photos = [division.photos[number] for number in numbers]
        chosen = share(
            [photo.id for photo in photos],
            [photo.tags for photo in photos],
            [group for group in within if group],
            fraction,
            division.seed,
            lambda done, total: tick(before * total + done, len(division.shares) * total),
        )
        return [number for number, photo in zip(numbers, photos, strict=True) if photo.id in chosen]

    parts: dict[str, list[int]] = {}
    taken = 0.0
    shares = division.shares
    if "val" in shares:
        parts["val"] = shared(left, shares["val"], 0)
        taken, chosen = shares["val"], set(parts["val"])
        left = [number for number in left if number not in chosen]
    if "train" in shares:  # what is trained on is what a share leaves: it has every class
        unused = 1 - shares["train"] / (1 - taken)
        chosen = set(shared(left, unused, len(shares) - 1)) if unused > 1e-9 else set()
        parts["train"] = [number for number in left if number not in chosen]
    elif division.rest is not None:
        parts[division.rest] = left
    return parts


def _facts(groups: Sequence[Sequence[str]], too_many: int) -> list[str]:
    facts = []
    if groups:
        photos, largest = sum(map(len, groups)), max(groups, key=len)
        some = ", ".join(shorten([quoted(image_id) for image_id in largest], 3))
        counts = f"{several(len(groups), 'group')} ({photos} photos)"
        facts.append(f"near-identical photos are kept on one side of the split: {counts}, such as {some}")
    if too_many:
        facts.append(
            f"{too_many} photos are like one another in a row, more than half of all: only those that are most alike "
            "are kept on one side of the split"
        )
    return facts
