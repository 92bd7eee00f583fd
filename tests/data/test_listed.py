"""Lists of photos that are divided into parts: what is in which, what is only expected yet, and what changes them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from puzzlecam_cli.data.parts.listed import ListedData, ListedPhotos, Listing
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.mask_file import MaskFile
from puzzlecam_cli.errors import UserError

NAMES = tuple(f"p{number}" for number in range(10))


class Ten(ListedPhotos):
    """Ten photos; a part is named by its numbers."""

    @property
    def tags_from(self) -> str:
        return "names"

    @cached_property
    def listing(self) -> Listing:
        photos = [
            Photo(
                name,
                self.root / f"{name}.jpg",
                (1 + number % 2,),
                MaskFile(self.root / f"{name}.png", 2) if number < 5 else None,
            )
            for number, name in enumerate(NAMES)
        ]
        return Listing(tuple(photos), ("cat", "dog"), ("ten photos",))

    def part(self, name: str, value: str) -> Iterable[str]:
        return [NAMES[int(number)] for number in value if number.isdigit()]


def ten(root: Path, **given: Any) -> Ten:
    for name in [] if (root / "p0.jpg").exists() else NAMES:
        (root / f"{name}.jpg").touch()
        (root / f"{name}.png").touch()
    return Ten(ListedData(**{"kind": "ten", "root": root} | given), root / "run", 0)


def ids(data: Ten, part: str) -> list[str]:
    return [photo.id for photo in data.photos(part)]


def test_named_parts_are_those_named(tmp_path: Path) -> None:
    data = ten(tmp_path, train="n210", val="n43")
    assert data.is_settled
    assert (ids(data, "train"), ids(data, "val")) == (["p0", "p1", "p2"], ["p3", "p4"])
    assert data.count("val") == (2, 2)
    first, unused = data.facts("train")
    assert first == "ten photos"
    assert "5 of 10 photos are neither in `train` nor in `val`: `p5`, `p6`, `p7`" in unused


def test_train_is_what_val_leaves(tmp_path: Path) -> None:
    data = ten(tmp_path, val="n01")
    assert ids(data, "train") == list(NAMES[2:])
    assert data.known_tags("val") == {"p0": (1,), "p1": (2,)}
    assert data.facts("train") == ["ten photos"]


def test_without_val_all_are_trained_on(tmp_path: Path) -> None:
    data = ten(tmp_path)
    assert ids(data, "train") == list(NAMES)
    assert (data.splits.train, data.splits.val, data.splits.score) == ("train", None, "train")


@pytest.mark.parametrize("given", [{"val": "none"}, {"train": "none"}, {"val": "n0123456789"}], ids=str)
def test_a_part_without_photos_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no photo"):
        ten(tmp_path, **given).photos("train")


# what is divided, the shares, and the part that takes what they leave
SHARES: dict[str, tuple[dict[str, Any], int, dict[str, float], str | None]] = {
    "of all": ({"val": 0.2}, 10, {"val": 0.2}, "train"),
    "of all, to train on": ({"train": 0.5}, 10, {"train": 0.5}, None),
    "two": ({"train": 0.5, "val": 0.2}, 10, {"train": 0.5, "val": 0.2}, None),
    "of a list to train on": ({"train": "n0123", "val": 0.5}, 4, {"val": 0.5}, "train"),
    "of what val leaves": ({"train": 0.5, "val": "n01"}, 8, {"train": 0.5}, None),
}


@pytest.mark.parametrize(("given", "count", "shares", "rest"), SHARES.values(), ids=SHARES)
def test_a_share_is_of_what_the_other_part_names(
    given: dict[str, Any], count: int, shares: dict[str, float], rest: str | None, tmp_path: Path
) -> None:
    division = ten(tmp_path, **given).division
    assert division is not None
    assert (len(division.photos), dict(division.shares), division.rest) == (count, shares, rest)


def test_what_is_not_settled_is_counted_but_not_listed(tmp_path: Path) -> None:
    data = ten(tmp_path, val=0.2)
    data.__dict__["parts"] = None
    assert data.count("val") == (2, 1)
    assert data.count("train") == (8, 4)
    assert data.known_tags("train") == {}
    with pytest.raises(UserError, match="not known yet"):
        data.photos("val")


def test_the_fingerprint_follows_photos_tags_and_masks(tmp_path: Path) -> None:
    def prints(**given: Any) -> list[str]:
        data = ten(tmp_path, **given)
        return [data.fingerprint("train"), data.fingerprint("train", tags=True), data.fingerprint("train", masks=True)]

    first = prints(val="n9")
    assert prints(val="n9") == first
    assert len(set(first)) == 3
    assert all(np.array(prints(val="n8")) != first)
    (tmp_path / "p0.png").write_text("a mask")
    assert [a == b for a, b in zip(prints(val="n9"), first, strict=True)] == [True, True, False]
    (tmp_path / "p0.jpg").write_text("a photo")
    assert [a == b for a, b in zip(prints(val="n9"), first, strict=True)] == [False, False, False]


def test_an_unsettled_fingerprint_follows_share_and_seed(tmp_path: Path) -> None:
    def print_of(seed: int, share: float) -> str:
        data = ten(tmp_path, val=share)
        data.seed = seed
        data.__dict__["parts"] = None
        return data.fingerprint("val")

    assert print_of(0, 0.2) == print_of(0, 0.2)
    assert len({print_of(0, 0.2), print_of(1, 0.2), print_of(0, 0.3)}) == 3
