"""Values that follow from photos and machine: in bounds for any of them, and those of `small_photos` for its own."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.recipe.fitting import BASE, Facts, Fit, Sides, fitting
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Recipe

MSRC = [(213, 320)] * 187 + [(240, 320)] * 24 + [(320, 240)] * 11 + [(320, 213)] * 10


def facts_of(sizes: list[tuple[int, int]], **changes: Any) -> Facts:
    known = {"train": 163, "classes": 13, "cores": 2, "memory": 20 * 10**9}
    return Facts.of(sizes, **(known | changes))


def recipe_of(fitted: dict[str, Fit]) -> Recipe:
    """The recipe as it is written: `extends`, and what is fitted."""
    return load_recipe(BASE, [f"{key}={'null' if v is None else v}" for key, (v, _) in fitted.items()])


class Values:
    """All values of a fitted recipe, by dotted key."""

    def __init__(self, sizes: list[tuple[int, int]], **changes: Any):
        self.recipe = recipe_of(fitting(facts_of(sizes, **changes)))

    def __getitem__(self, key: str) -> Any:
        value = attrgetter(key)(self.recipe)
        return list(value) if isinstance(value, tuple) else value


def test_for_its_own_photos_nothing_of_small_photos_is_changed() -> None:
    assert fitting(facts_of(MSRC)) == {}
    assert fitting(facts_of(MSRC, gpu_memory=80 * 10**9)) == {}


def test_for_more_photos_of_this_size_only_epochs_are_fewer() -> None:
    found = fitting(facts_of([(240, 320)], train=600, classes=6))
    assert {key: fit.value for key, fit in found.items()} == {
        "train_cls.epochs": 9,
        "affinity.epochs": 3,
        "seg.epochs": 12,
    }


@pytest.mark.parametrize(
    ("sizes", "side", "crop", "of_seg"),
    [
        ([(16, 16)], 64, 96, 96),  # four times as large at most
        ([(32, 32)], 128, 96, 128),
        ([(96, 96)], 224, 160, 192),
        ([(128, 128)], 224, 160, 192),
        ([(375, 500)], 400, 288, 352),
        ([(4000, 6000)], 400, 288, 352),
        ([(40, 400)], 800, 288, 352),  # twice as long, or its shorter side would be lost
        ([(400, 16)], 800, 288, 352),
        ([(16, 16), (300, 400), (4000, 6000)], 400, 288, 352),
    ],
    ids=str,
)
def test_photos_are_looked_at_at_a_side_that_networks_know(
    sizes: list[tuple[int, int]], side: int, crop: int, of_seg: int
) -> None:
    found = Values(sizes)
    assert [found[key] for key in ("cams.longer_side", "rw.longer_side", "seg.predict.longer_side")] == [side] * 3
    assert [found[f"{name}.crop"] for name in ("train_cls", "affinity", "seg")] == [crop, crop, of_seg]
    assert found["affinity.resize"][1] == side
    assert found["train_cls.resize"][0] < side < found["train_cls.resize"][1]


def test_a_gpu_looks_at_larger_photos() -> None:
    found = Values([(375, 500)], gpu_memory=24 * 10**9)
    assert (found["cams.longer_side"], found["train_cls.crop"]) == (None, 352)


@pytest.mark.parametrize("train", [1, 2, 7, 8, 10, 100, 1000, 10_000, 100_000])
@pytest.mark.parametrize("gpu", [None, 80 * 10**9], ids=["cpu", "gpu"])
def test_trainings_are_long_enough_and_not_endless(train: int, gpu: int | None) -> None:
    found = Values(MSRC, train=train, gpu_memory=gpu)
    for section, fewest in (("train_cls", 100), ("affinity", 60), ("seg", 200)):
        batch, epochs = found[f"{section}.batch"], found[f"{section}.epochs"]
        steps = epochs * (train // batch)
        assert batch == min(8, train)
        assert fewest * 0.7 <= steps <= max(60_000, fewest)


def test_large_photos_are_shrunk_for_the_crf_and_many_labels_more_so() -> None:
    found = Values([(4000, 6000)], classes=20)
    assert found["rw.crf.largest_side"] == found["seg.predict.crf.largest_side"] == 800
    found = Values([(4000, 6000)], classes=254, memory=4 * 10**9)
    assert found["rw.crf.largest_side"] == 800
    assert found["seg.predict.crf.largest_side"] < 500
    assert found["runtime.workers"] == 1


def test_many_cores_beside_a_gpu_work_on_crfs_as_the_memory_allows() -> None:
    large = {"sizes": [(4000, 6000)], "cores": 128, "classes": 254, "gpu_memory": 80 * 10**9}
    assert Values(MSRC, cores=128, memory=512 * 10**9)["runtime.workers"] is None  # by itself one a core
    assert Values(MSRC, cores=128, memory=8 * 10**9)["runtime.workers"] is None  # by itself 8
    assert 16 < Values(**large, memory=512 * 10**9)["runtime.workers"] < 128
    assert Values(**large, memory=32 * 10**9)["runtime.workers"] < 4


def test_on_a_cpu_the_largest_view_of_very_many_photos_is_left_out() -> None:
    found = Values(MSRC, train=100_000)
    assert found["cams.scales"] == [0.5, 1.0, 1.5]
    assert found["seg.predict.scales"] == Values(MSRC)["seg.predict.scales"]
    assert Values(MSRC, train=100_000, gpu_memory=10**10)["cams.scales"] == [0.5, 1.0, 1.5, 2.0]


def test_a_crop_that_cannot_be_smaller_is_not_called_a_share_of_the_side() -> None:
    found = fitting(facts_of([(16, 16)], train=1))
    assert found["seg.crop"] == (96, "at least 96 pixels, in whole tiles")
    assert found["seg.epochs"].reason == "200 steps, for 1 photo"


def test_every_value_comes_with_a_reason() -> None:
    found = fitting(facts_of([(4000, 6000), (16, 400)], train=3, gpu_memory=10**9, memory=10**9, classes=254))
    assert len(found) > 15
    assert all(fit.reason and "\n" not in fit.reason and not fit.reason.endswith(".") for fit in found.values())


def test_sides_are_quantiles() -> None:
    assert Sides.of(range(1, 101)) == (1, 51, 100)
    assert Sides.of([7]) == (7, 7, 7)


@given(
    sizes=st.lists(st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)), min_size=1, max_size=5),
    train=st.integers(1, 10**6),
    classes=st.integers(1, 254),
    cores=st.integers(1, 256),
    memory=st.integers(10**8, 10**12),
    gpu_memory=st.none() | st.integers(10**9, 10**11),
    cell=st.sampled_from([4, 8, 14, 16, 32]),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_for_any_data_the_recipe_is_valid_and_fits_the_network(
    sizes: list[tuple[int, int]], cell: int, **known: Any
) -> None:
    found = fitting(Facts.of(sizes, **known), cell)
    recipe = recipe_of(found)
    assert recipe.train_cls.crop % (2 * cell) == 0
    assert recipe.affinity.crop % 4 == 0
    assert recipe.affinity.crop >= 8 * recipe.affinity.radius
    workers = recipe.runtime.workers
    assert workers is None or 1 <= workers <= known["cores"]
