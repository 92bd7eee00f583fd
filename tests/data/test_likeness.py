"""Near-identical photos: copies are found, others are not, whatever the set looks like."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from puzzlecam_cli.data.parts import likeness
from puzzlecam_cli.data.parts.likeness import BYTES, groups_alike, thumbnail

COUNT = 60


def near_identical(thumbnails: list[bytes]) -> list[list[int]]:
    return groups_alike(thumbnails, len(thumbnails))[0]


@cache
def scene(
    number: int, size: tuple[int, int] = (200, 150), fine: float = 0.4, with_details_of: int | None = None
) -> Image.Image:
    """Light, shade and coloured shapes, as different from the next as photos are, `fine` of it details."""
    coarse, details = (
        np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)
        for seed, side in ((number, 4), (10_000 + (number if with_details_of is None else with_details_of), 12))
    )
    layers = [np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)) for grid in (coarse, details)]
    return Image.fromarray(((1 - fine) * layers[0] + fine * layers[1]).astype(np.uint8))


def saved(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: saved(picture.resize((round(picture.width * factor), round(picture.height * factor))), 85)


def cut(left: float, top: float, right: float, bottom: float) -> Callable[[Image.Image], Image.Image]:
    def crop(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        return picture.crop(
            (round(left * width), round(top * height), round(width * (1 - right)), round(height * (1 - bottom)))
        )

    return crop


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same": lambda picture: picture.copy(),
    "saved at 85": lambda picture: saved(picture, 85),
    "saved at 40": lambda picture: saved(picture, 40),
    "saved at 15": lambda picture: saved(picture, 15),
    "half as large": scaled(0.5),
    "of 73 %": scaled(0.73),
    "twice as large": scaled(2),
    "made square": lambda picture: picture.resize((128, 128)),
    "cut 1 % all round": cut(0.01, 0.01, 0.01, 0.01),
    "cut 3 % all round": cut(0.03, 0.03, 0.03, 0.03),
    "cut 3 % right": cut(0, 0, 0.03, 0),
    "cut 3 % top": cut(0, 0.03, 0, 0),
    "cut 3 % top left": cut(0.03, 0.03, 0, 0),
    "cut 2 % bottom right": cut(0, 0, 0.02, 0.02),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.2),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "more contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(1.3),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.7),
    "mirrored": ImageOps.mirror,
    "mirrored and saved": lambda picture: saved(ImageOps.mirror(picture), 60),
    "smaller, brighter and saved": lambda picture: saved(
        ImageEnhance.Brightness(scaled(0.6)(picture)).enhance(1.1), 60
    ),
}


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    return [thumbnail(scene(number)) for number in range(COUNT)]


def test_photos_of_different_things_are_not_near_identical(originals: list[bytes]) -> None:
    assert near_identical(originals) == []


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_a_copy_is_found(change: Callable[[Image.Image], Image.Image], originals: list[bytes]) -> None:
    copies = [thumbnail(change(scene(number))) for number in range(COUNT)]
    assert near_identical([*originals, *copies]) == [[number, number + COUNT] for number in range(COUNT)]


DIFFERENT: dict[str, Callable[[Image.Image], Image.Image]] = {
    "another half": cut(0.5, 0, 0, 0),
    "upside down": ImageOps.flip,
    "negative": ImageOps.invert,
    "in other colours": lambda picture: Image.merge("RGB", picture.split()[::-1]),
}


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT)
def test_what_is_changed_beyond_recognition_is_another_photo(
    change: Callable[[Image.Image], Image.Image], originals: list[bytes]
) -> None:
    changed = [thumbnail(change(scene(number))) for number in range(COUNT)]
    assert len(near_identical([*originals, *changed])) <= 0.05 * COUNT


def test_two_photos_with_the_same_light_and_shade_are_not_near_identical() -> None:
    """As two portraits taken in one place."""
    ours, others = ([scene(n, fine=0.22, with_details_of=n + other) for n in range(COUNT)] for other in (100, 200))
    assert near_identical([thumbnail(photo) for photo in (*ours, *others)]) == []


def sky(number: int) -> Image.Image:
    """From light below to blue above, with a little noise: nothing tells one from another but that."""
    rng = np.random.default_rng(number)
    height = np.linspace(0, 1, 120)[:, None] ** rng.uniform(0.8, 1.2)
    grey = 90 + rng.uniform(0, 30) + height * rng.uniform(50, 90) + rng.normal(0, 2, (120, 160))
    return Image.fromarray(np.stack([grey - 30, grey, grey + 50], axis=2).clip(0, 255).astype(np.uint8))


def test_plain_skies_are_no_group() -> None:
    assert near_identical([thumbnail(sky(number)) for number in range(200)]) == []


def test_of_flat_pictures_only_equal_ones_are_near_identical() -> None:
    flat = [thumbnail(Image.new("RGB", (50, 40), (level, level, level))) for level in (*range(0, 250, 5), 10, 20)]
    assert near_identical(flat) == [[2, 50], [4, 51]]


def test_what_could_not_be_decoded_is_like_nothing(originals: list[bytes]) -> None:
    assert near_identical([b"", originals[0], b"", originals[0], b""]) == [[1, 3]]
    assert near_identical([b"", b""]) == near_identical([originals[0]]) == near_identical([]) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (16, 16), (3, 2), (4000, 10)], ids=str)
def test_photos_of_any_size_have_a_thumbnail(size: tuple[int, int]) -> None:
    assert len(thumbnail(scene(1, size))) == BYTES


def test_groups_do_not_depend_on_the_order_of_photos(originals: list[bytes]) -> None:
    thumbnails = [*originals, *(thumbnail(saved(scene(number), 30)) for number in range(0, COUNT, 2))]
    names = [str(number) for number in range(len(thumbnails))]
    expected = {frozenset(names[number] for number in group) for group in near_identical(thumbnails)}
    order = np.random.default_rng(0).permutation(len(names))
    shuffled = near_identical([thumbnails[number] for number in order])
    assert {frozenset(names[order[number]] for number in group) for group in shuffled} == expected


def chain(count: int) -> list[bytes]:
    """A scene that turns slowly into another one: each is like the next, the first is not like the last."""
    first, last = scene(1), scene(2)
    return [thumbnail(Image.blend(first, last, number / (count - 1))) for number in range(count)]


def test_a_chain_is_one_group() -> None:
    assert near_identical(chain(60)) == [list(range(60))]


def test_a_chain_that_is_too_long_is_divided_where_it_is_least_alike(originals: list[bytes]) -> None:
    twins = [originals[9], thumbnail(saved(scene(9), 50))]
    groups, too_many = groups_alike([*chain(60), *twins], most=31)
    assert too_many == 60
    assert [60, 61] in groups
    assert all(len(group) <= 31 for group in groups)


def test_the_same_picture_too_many_times_is_not_kept_together(originals: list[bytes]) -> None:
    assert groups_alike([originals[0]] * 9 + originals[1:3] * 2, most=5) == ([[9, 11], [10, 12]], 9)


def test_no_photo_is_compared_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where all are alike, as the pictures of one camera that does not move."""
    rng = np.random.default_rng(0)
    base = np.frombuffer(thumbnail(scene(3)), np.uint8).astype(np.int16)
    alike = [bytes((base + rng.integers(-2, 3, BYTES)).clip(0, 255).astype(np.uint8)) for _ in range(3000)]
    compared = 0
    candidates = likeness._candidates

    def counted(*given: object) -> object:
        nonlocal compared
        for first, second in candidates(*given):  # type: ignore[arg-type]
            compared += len(first)
            yield first, second

    monkeypatch.setattr(likeness, "_candidates", counted)
    assert near_identical(alike) == [list(range(3000))]
    assert compared < 100 * len(alike)


def test_the_rounds_of_comparing_are_told(originals: list[bytes]) -> None:
    told: list[tuple[int, int]] = []
    groups_alike(originals, COUNT, lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]
