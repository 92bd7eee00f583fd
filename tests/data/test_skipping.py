"""A data set without what cannot be read: of any kind, also of one that knows nothing of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from puzzlecam_cli.bench.sample import Sample
from puzzlecam_cli.data.kinds.synthetic import SyntheticData, SyntheticPhotos
from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.data.skipping import LeftOut, Refused, Skipping, state
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.data import DataSettings


class Mask:
    """A mask of background in a file of its own."""

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> NDArray[np.uint8]:
        return np.array(Image.open(self.path))

    def is_grey(self) -> bool:
        return True


class Pile(PhotoSet):
    """Whatever lies in a folder, as a plugin may have it: it has never heard of `on_error`."""

    Settings = DataSettings
    classes = ("cat",)
    splits = Splits("all", None, "all")
    tags_from = "names"

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        files = sorted(self.run.glob("*.png"))
        return [Photo(file.stem, file, (1,) if tags else ()) for file in files]

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        return " ".join(f"{photo.id} {state(photo.image)}" for photo in self.photos(split))


@pytest.fixture
def pile(tmp_path: Path) -> Pile:
    for name in "abcd":
        Image.new("L", (3, 2)).save(tmp_path / f"{name}.png")
    return Pile(DataSettings(kind="pile", on_error="skip"), tmp_path, 0)


def refused(photo: Photo, reason: str = "is broken") -> Refused:
    return Refused("all", photo.id, str(photo.image), reason, state(photo.image))


def skipping(pile: Pile, *names: str) -> Skipping:
    data = Skipping(pile, pile.run / "left_out.json")
    data.leave_out({"all": [refused(photo) for photo in pile.photos("all") if photo.id in names]}, {"all": []})
    return data


def ids(data: Skipping) -> list[str]:
    return [photo.id for photo in data.photos("all", tags=True)]


def test_a_kind_that_knows_nothing_of_it_is_without_what_was_refused(pile: Pile) -> None:
    data = skipping(pile, "b")
    assert ids(data) == ["a", "c", "d"]
    assert data.count("all") == (3, 0)
    assert data.left_out("all") == {"b": "is broken"}
    assert data.known_tags("all") == dict.fromkeys("acd", (1,))
    assert data.classes == ("cat",)  # all else is as in the whole


def test_another_process_leaves_out_the_same(pile: Pile) -> None:
    before = skipping(pile, "b", "d")
    after = Skipping(pile, pile.run / "left_out.json")
    assert ids(after) == ids(before) == ["a", "c"]
    assert after.fingerprint("all") == before.fingerprint("all")


def test_nothing_refused_is_no_difference_and_no_file(pile: Pile) -> None:
    data = skipping(pile)
    assert data.fingerprint("all") == pile.fingerprint("all")
    assert not (pile.run / "left_out.json").exists()


def test_the_fingerprint_tells_which_photos_are_left_out(pile: Pile) -> None:
    found = [skipping(pile, *names).fingerprint("all") for names in ("", "a", "b", "ab")]
    assert len(set(found)) == 4


@pytest.mark.parametrize(
    "mend",
    [
        pytest.param(lambda file: file.write_bytes(b"longer than before, by far"), id="another size"),
        pytest.param(lambda file: os.utime(file, ns=(0, 0)), id="another time"),
        pytest.param(lambda file: file.unlink(), id="gone"),
    ],
)
def test_a_file_that_is_another_now_is_not_left_out_unseen(pile: Pile, mend: object) -> None:
    skipping(pile, "b")
    assert callable(mend)
    mend(pile.run / "b.png")
    data = Skipping(pile, pile.run / "left_out.json")
    assert data.left_out("all") == {}
    if (pile.run / "b.png").exists():
        assert data.why_changed("all") == ": left out, and another file now: `b`"


def test_photos_of_which_it_is_not_known_where_they_belong_are_not_asked_for(
    pile: Pile, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipping(pile, "b")
    monkeypatch.setattr(Pile, "is_settled", False)
    monkeypatch.setattr(Pile, "photos", None)
    monkeypatch.setattr(Pile, "fingerprint", lambda *given, **more: "what it follows from")
    monkeypatch.setattr(Pile, "count", lambda self, split: (4, 0))
    data = Skipping(pile, pile.run / "left_out.json")
    assert data.fingerprint("all", tags=True, masks=True) == "what it follows from"
    assert data.count("all") == (4, 0)
    assert data.left_out("all") == {}
    assert data.why_changed("all") == ""


def test_differences_to_the_time_before_are_told(pile: Pile) -> None:
    data = skipping(pile, "b")
    entries = [refused(photo) for photo in pile.photos("all") if photo.id == "c"]
    assert data.leave_out({"all": entries}, {}) == [
        "`all`: left out before, and not now: `b`",
        "`all`: left out now, and not before: `c`",
    ]
    assert data.leave_out({"all": entries}, {}) == []
    assert ids(data) == ["a", "b", "d"]


def test_what_is_known_of_a_split_that_was_not_looked_at_stays(pile: Pile) -> None:
    data = skipping(pile, "b")
    data.leave_out({"other": []}, {})
    assert data.left_out("all") == {"b": "is broken"}


def test_a_mask_that_cannot_be_read_is_left_out_of_the_scores_alone(
    pile: Pile, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = pile.photos("all")
    masked = [replace(photo, mask=Mask(photo.image)) for photo in plain]
    monkeypatch.setattr(pile, "photos", lambda split, tags=False: masked)
    data = Skipping(pile, pile.run / "left_out.json")
    data.leave_out({"all": []}, {"all": [refused(masked[1])]})
    assert data.count("all") == (4, 3)
    assert [photo.mask is None for photo in data.photos("all")] == [False, True, False, False]
    assert data.masks_left_out("all") == {"b": "is broken"}
    assert data.fingerprint("all") == pile.fingerprint("all")
    assert data.fingerprint("all", masks=True) != pile.fingerprint("all", masks=True)


def test_a_sample_of_photos_to_time_has_none_that_cannot_be_read(pile: Pile) -> None:
    for name in "ac":
        (pile.run / f"{name}.png").write_bytes(b"no photo")
    assert [photo.id for photo in Sample.of(pile, 2).photos("all")] == ["b", "d"]
    for name in "bd":
        (pile.run / f"{name}.png").write_bytes(b"no photo")
    with pytest.raises(UserError, match="none of 4 photos can be read"):
        Sample.of(pile, 2)


def test_on_error_changes_no_made_up_picture(tmp_path: Path) -> None:
    """Folders and runs of versions that had no such setting stay as they are."""
    stop, skip = (
        SyntheticPhotos(SyntheticData(kind="synthetic", on_error=on_error), tmp_path, 0)
        for on_error in ("stop", "skip")
    )
    assert "on_error" not in stop.fingerprint("train")
    assert stop.fingerprint("train") == skip.fingerprint("train")
    assert skip.pinned().on_error == "skip"


TEXT = st.text(max_size=20).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)
ENTRIES = st.lists(st.builds(Refused, TEXT, TEXT, st.none() | TEXT, TEXT, st.none() | TEXT), max_size=5).map(tuple)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists") / "left_out.json"


@settings(deadline=None, max_examples=50, derandomize=True)
@given(photos=ENTRIES, masks=ENTRIES)
def test_whatever_is_left_out_is_read_as_it_was_written(
    file: Path, photos: tuple[Refused], masks: tuple[Refused]
) -> None:
    file.unlink(missing_ok=True)
    LeftOut(photos, masks).write(file)
    assert LeftOut.read(file) == LeftOut(photos, masks)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(data=st.binary(max_size=200) | st.text(alphabet='{}[]",:1schemaphotosmasks', max_size=99).map(str.encode))
def test_random_bytes_are_no_list(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(UserError):
        LeftOut.read(file)
