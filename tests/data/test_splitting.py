"""Shares of photos: of each class its share, groups whole, whatever the order."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.parts.splitting import share


@st.composite
def photo_sets(draw: Any) -> tuple[list[str], list[tuple[int, ...]], list[list[int]], float, int]:
    count = draw(st.integers(1, 60))
    ids = [f"photo {number}" for number in range(count)]
    tags = [tuple(sorted(draw(st.sets(st.integers(1, 6), max_size=3)))) for _ in ids]
    ends = sorted(draw(st.sets(st.integers(1, max(count - 1, 1)), max_size=count // 2)))
    order = draw(st.permutations(range(count)))
    groups = [list(order[a:b]) for a, b in itertools.pairwise([0, *ends, count]) if b - a > 1]
    return ids, tags, groups, draw(st.floats(0.02, 0.98)), draw(st.integers(0, 3))


def units_of(count: int, groups: list[list[int]]) -> list[list[int]]:
    grouped = {number for group in groups for number in group}
    return [*groups, *([number] for number in range(count) if number not in grouped)]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(photo_sets())
def test_a_share_holds_what_it_promises(case: Any) -> None:
    ids, tags, groups, fraction, seed = case
    taken = share(ids, tags, groups, fraction, seed)
    units = units_of(len(ids), groups)
    assert taken <= set(ids)
    if len(units) < 2:
        assert taken == set()
        return
    assert 0 < len(taken) < len(ids), "neither side is empty"
    for unit in units:
        assert len({ids[number] in taken for number in unit}) == 1, "no group is divided"
    wanted, smallest = max(1, round(fraction * len(ids))), min(map(len, units))
    assert len(taken) <= max(wanted, smallest), "no more than was asked for"
    left = {tag for i, own in zip(ids, tags, strict=True) for tag in own if i not in taken}
    chances = Counter(tag for unit in units for tag in {tag for number in unit for tag in tags[number]})
    last_resort = len(taken) == smallest and sum(len(unit) == len(taken) for unit in units) > 0
    lost = {tag for tag in chances if tag not in left}
    assert not lost or last_resort, "all classes are left, unless else nothing could be taken"


@settings(deadline=None, max_examples=50, derandomize=True)
@given(photo_sets(), st.randoms(use_true_random=False))
def test_a_share_does_not_depend_on_the_order_of_photos(case: Any, rng: random.Random) -> None:
    ids, tags, groups, fraction, seed = case
    order = list(range(len(ids)))
    rng.shuffle(order)
    place = {number: at for at, number in enumerate(order)}
    mixed = [[place[number] for number in rng.sample(group, len(group))] for group in rng.sample(groups, len(groups))]
    found = share([ids[n] for n in order], [tags[n][::-1] for n in order], mixed, fraction, seed)
    assert found == share(ids, tags, groups, fraction, seed)


def many(count: int, classes: int, seed: int = 0) -> tuple[list[str], list[tuple[int, ...]]]:
    """Photos with classes of which some are a hundred times as frequent as others."""
    rng = random.Random(seed)
    chances = [0.4 / (1 + number) for number in range(classes)]
    tags = [tuple(n for n, chance in enumerate(chances, 1) if rng.random() < chance) for _ in range(count)]
    return [f"{number:06d}" for number in range(count)], tags


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.8])
@pytest.mark.parametrize(("count", "classes"), [(100, 5), (500, 20), (3000, 80)])
def test_every_class_has_its_share_within_one_photo(count: int, classes: int, fraction: float) -> None:
    ids, tags = many(count, classes)
    taken = share(ids, tags, [], fraction, 0)
    assert len(taken) == round(fraction * count)
    for tag in range(1, classes + 1):
        having = [i for i, own in zip(ids, tags, strict=True) if tag in own]
        assert abs(len(taken & set(having)) - fraction * len(having)) <= 1.01, tag


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_with_groups_every_class_has_its_share_within_a_group(fraction: float) -> None:
    ids, tags = many(1000, 15)
    groups = [list(range(start, start + 5)) for start in range(0, 500, 5)]
    taken = share(ids, tags, groups, fraction, 0)
    assert len(taken) == round(fraction * 1000)
    for tag in range(1, 16):
        having = {i for i, own in zip(ids, tags, strict=True) if tag in own}
        assert abs(len(taken & having) - fraction * len(having)) <= 5, tag


def test_photos_without_a_tag_and_with_many_are_shared_as_well() -> None:
    ids, tags = many(2000, 20)
    taken = share(ids, tags, [], 0.25, 0)
    for number in range(4):
        having = {i for i, own in zip(ids, tags, strict=True) if len(own) == number}
        assert abs(len(taken & having) - 0.25 * len(having)) <= 1.01, number


def test_another_seed_takes_other_photos() -> None:
    ids, tags = many(300, 5)
    assert len({frozenset(share(ids, tags, [], 0.2, seed)) for seed in range(5)}) == 5


def test_most_photos_stay_where_they_are_when_some_come() -> None:
    ids, tags = many(1000, 10)
    before = share(ids[:980], tags[:980], [], 0.2, 0)
    after = share(ids, tags, [], 0.2, 0)
    assert len(before & after) > 0.8 * len(before)


# photos by their tags, groups, the fraction, and how many are taken
FEW: dict[str, tuple[list[tuple[int, ...]], list[list[int]], float, int]] = {
    "none": ([], [], 0.2, 0),
    "one": ([(1,)], [], 0.2, 0),
    "two of one class": ([(1,), (1,)], [], 0.2, 1),
    "two of two classes": ([(1,), (2,)], [], 0.5, 1),
    "two that are near-identical": ([(1,), (1,)], [[0, 1]], 0.5, 0),
    "three, most are wanted": ([(1,)] * 3, [], 0.95, 2),
    "three, two near-identical": ([(1,)] * 3, [[0, 2]], 0.34, 1),
    "ten of one class": ([(1,)] * 10, [], 0.2, 2),
    "ten of ten classes": ([(n,) for n in range(1, 11)], [], 0.2, 1),
    "ten of five classes": ([(1 + n // 2,) for n in range(10)], [], 0.5, 5),
    "ten without a tag": ([()] * 10, [], 0.3, 3),
    "ten with all tags": ([(1, 2, 3)] * 10, [], 0.3, 3),
    "a group of nine of ten": ([(1,)] * 10, [list(range(9))], 0.2, 1),
    "two groups of five": ([(1,)] * 10, [list(range(5)), list(range(5, 10))], 0.2, 5),
    "a share that rounds to none": ([(1,)] * 10, [], 0.01, 1),
}


@pytest.mark.parametrize(("tags", "groups", "fraction", "count"), FEW.values(), ids=FEW)
def test_few_photos_are_divided_sensibly(
    tags: list[tuple[int, ...]], groups: list[list[int]], fraction: float, count: int
) -> None:
    assert len(share([f"p{number}" for number in range(len(tags))], tags, groups, fraction, 0)) == count


def test_a_class_of_one_photo_stays_where_it_can_be_learned() -> None:
    tags = [(1,)] * 20 + [(2,)]
    for seed in range(20):
        assert "p20" not in share([f"p{number}" for number in range(21)], tags, [], 0.5, seed)
