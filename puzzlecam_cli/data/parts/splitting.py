"""Divide tagged photos by a share: classes keep their balance, groups of near-identical photos stay together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

PASSES = 9


def share(
    ids: Sequence[str],
    tags: Sequence[Iterable[int]],
    groups: Iterable[Sequence[int]],
    fraction: float,
    seed: int,
    tick: Callable[[int, int], None] | None = None,
) -> set[str]:
    """The ids of about a fraction of the photos.

    Of each class about the fraction is taken, and never all of it, unless nothing at all could be taken then: what is
    left can be learned from. The same photos give the same ids in whatever order they are, and most photos stay where
    they are when others come or go.

    Args:
        ids: of the photos, each once.
        tags: of each photo, class indices 1..C.
        groups: numbers of photos that stay together; a photo in none of them is by itself.
        fraction: between 0 and 1.
        seed: another one takes others.
        tick: is told of passes over the photos.

    Returns:
        At least one id, and not all of them; none where there is only one photo or group.
    """
    together = [sorted(group, key=lambda number: ids[number]) for group in groups]
    grouped = {number for group in together for number in group}
    units = together + [[number] for number in range(len(ids)) if number not in grouped]
    if len(units) < 2:
        return set()
    units.sort(key=lambda unit: hashlib.blake2b(f"{seed} {ids[unit[0]]}".encode(), digest_size=16).digest())
    counted = [Counter(tag for number in unit for tag in _kinds(tags[number])) for unit in units]
    balance = Balance([tuple(count.items()) for count in counted], [len(unit) for unit in units], fraction)
    balance.find(max(1, round(fraction * len(ids))), tick or (lambda done, total: None))
    if not any(balance.taken):  # each has a class of its own, or is a group of more photos than are wanted
        balance.taken[min(range(len(units)), key=lambda unit: len(units[unit]))] = True
    return {ids[number] for unit, taken in zip(units, balance.taken, strict=True) if taken for number in unit}


def _kinds(tags: Iterable[int]) -> set[int]:
    """What is to be balanced of a photo: its classes, and below 1, how many they are."""
    classes = set(tags)
    return {*classes, -len(classes)}


class Balance:
    """Which units are taken, and how far that is from the fraction of each class.

    A unit is taken, or given back, where that brings the shares of its classes nearer to the fraction: the sum of
    squared differences, each divided by the size of its class.

    Args:
        units: the classes of each, and how many of its photos have it.
        sizes: photos of each.
    """

    def __init__(self, units: Sequence[tuple[tuple[int, int], ...]], sizes: Sequence[int], fraction: float):
        self.units, self.sizes = units, sizes
        self.taken = [False] * len(units)
        self.totals: Counter[int] = Counter()
        for unit in units:
            self.totals.update(dict(unit))
        self.weight = {kind: 1 / total for kind, total in self.totals.items()}
        self.above = {kind: -fraction * total for kind, total in self.totals.items()}
        self.left = Counter(kind for unit in units for kind, _ in unit)  # units of each class that are not taken

    def find(self, wanted: int, tick: Callable[[int, int], None]) -> None:
        """Take units of as many photos as are wanted, or as near to it as groups allow.

        Rare classes come first, as they have least choice: of each its share of the photos that have no rarer one.
        """
        rarest = [min(unit, key=lambda entry: self.totals[entry[0]]) for unit in self.units]
        order = sorted(range(len(self.units)), key=lambda unit: self.totals[rarest[unit][0]])
        for unit in order:
            kind, count = rarest[unit]
            if self.above[kind] + count / 2 <= 0 and self.may_move(unit, wanted):
                self.move(unit)
        for number in range(1, PASSES):
            tick(number, PASSES)
            better = [unit for unit in order if self.improve(unit, wanted)]
            if not better:
                break
        missing = wanted - sum(size for size, taken in zip(self.sizes, self.taken, strict=True) if taken)
        while missing:
            step = self.best(missing > 0, abs(missing), wanted)
            if step is None:
                break
            self.move(step)
            missing += -self.sizes[step] if self.taken[step] else self.sizes[step]

    def improve(self, unit: int, wanted: int) -> bool:
        """Take a unit, or give it back, where that is better."""
        better = self.gain(unit) > 1e-9 and self.may_move(unit, wanted)
        if better:
            self.move(unit)
        return better

    def gain(self, unit: int) -> float:
        """How much nearer to the fraction of its classes it brings to take a unit, or to give it back."""
        sign = -2 if self.taken[unit] else 2
        return -sum(count * self.weight[kind] * (sign * self.above[kind] + count) for kind, count in self.units[unit])

    def may_move(self, unit: int, most: int) -> bool:
        """Whether units of each class are left without it."""
        return self.taken[unit] or (
            self.sizes[unit] <= most and all(self.left[kind] > 1 for kind, _ in self.units[unit] if kind > 0)
        )

    def move(self, unit: int) -> None:
        sign = -1 if self.taken[unit] else 1
        self.taken[unit] = not self.taken[unit]
        for kind, count in self.units[unit]:
            self.above[kind] += sign * count
            self.left[kind] -= sign

    def best(self, take: bool, most: int, wanted: int) -> int | None:
        """The unit of at most so many photos that it does least harm to take, or to give back."""
        able = (unit for unit, taken in enumerate(self.taken) if taken != take and self.sizes[unit] <= most)
        return max((unit for unit in able if self.may_move(unit, wanted)), key=self.gain, default=None)
