"""`puzzlecam data check`: what people's data look like, and what is to be said of them, with names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.run.find_in_tags import (
    always_beside,
    always_tagged,
    always_together,
    class_names_alike,
    in_both_splits,
    misspelt,
    never_tagged,
    nothing_to_learn,
    rarely_tagged,
    unbalanced,
    without_tags,
)
from puzzlecam_cli.run.finding import Finding, Tagged
from puzzlecam_cli.session.data_check import check_data
from tests.planted import Farm

TAGS = (
    nothing_to_learn,
    never_tagged,
    always_tagged,
    rarely_tagged,
    always_together,
    always_beside,
    unbalanced,
    without_tags,
    in_both_splits,
    class_names_alike,
    misspelt,
)
NAMES = ("cow", "grass", "sky", "boat")


def tagged(train: Sequence[str], val: Sequence[str] = (), names: Sequence[str] = NAMES) -> Tagged:
    """Photos `t0`, `t1` ... and `v0` ... with the tags of a text each (`~`: a blank).

    `t1=cow` in `val` is a photo of train.
    """
    photos = {
        part: [
            Photo(
                text.partition("=")[0] if "=" in text else f"{part[0]}{number}",
                Path(f"{part[0]}{number}.jpg"),
                tuple(sorted(names.index(tag.replace("~", " ")) + 1 for tag in text.rpartition("=")[2].split())),
            )
            for number, text in enumerate(texts)
        ]
        for part, texts in (("train", train), ("val", val))
        if texts or part == "train"
    }
    return Tagged(photos, {"train": "train", "val": "val"}, tuple(names), frozenset(photos))


def found(looked: Tagged) -> list[Finding]:
    return [finding for find in TAGS for finding in find(looked)]


MIXED = ["cow", "cow grass", "grass", "sky", "sky cow", "boat", "boat sky", "grass boat", "cow", "grass", "sky", "boat"]

# tags of photos; the finding, its weight, and the classes and ids it names
OF_TAGS: dict[str, tuple[Tagged, str, str, set[str]]] = {
    "no photo": (tagged([]), "too-few-photos", "stops", set()),
    "one photo": (tagged(["cow"]), "too-few-photos", "stops", {"t0"}),
    "one class on all photos": (tagged(["cow"] * 9, names=["cow"]), "nothing-to-tell-apart", "stops", {"cow"}),
    "the same two classes on all photos": (tagged(["cow sky"] * 9), "nothing-to-tell-apart", "stops", {"cow", "sky"}),
    "two photos alike": (tagged(["cow"] * 2), "nothing-to-tell-apart", "stops", {"cow"}),
    "one class on all photos, another on some": (
        tagged([*["cow sky"] * 5, *["cow"] * 5]),
        "class-always-tagged",
        "harms",
        {"cow"},
    ),
    "a class of the list that is nowhere": (
        tagged(["cow", "grass"] * 3),
        "class-never-tagged",
        "harms",
        {"sky", "boat"},
    ),
    "a class that only val shows": (
        tagged(["cow", "grass"] * 3, ["sky", "cow"]),
        "class-not-trained",
        "harms",
        {"sky", "v0"},
    ),
    "a class on one photo": (tagged([*MIXED[:5] * 2, "boat"]), "class-rare", "harms", {"boat", "t10"}),
    "a class on two photos": (
        tagged([*MIXED[:5] * 2, "boat", "cow", "boat"]),
        "class-rare",
        "harms",
        {"boat", "t10", "t12"},
    ),
    "two classes always together": (
        tagged([*["cow grass"] * 4, "sky", "boat"]),
        "classes-always-together",
        "harms",
        {"cow", "grass", "t0", "t3"},
    ),
    "three classes always together": (
        tagged([*["cow grass sky"] * 4, "boat"]),
        "classes-always-together",
        "harms",
        {"cow", "grass", "sky", "t2"},
    ),
    "two pairs always together": (
        tagged([*["cow grass"] * 4, *["sky boat"] * 4]),
        "classes-always-together",
        "harms",
        {"cow", "grass", "sky", "boat", "t7"},
    ),
    "two classes together on the only photo of each": (
        tagged(["cow grass", "sky", "boat", "sky"]),
        "classes-always-together",
        "harms",
        {"cow", "grass", "t0"},
    ),
    "every cow on grass, and grass without cows": (
        tagged([*["cow grass"] * 4, "grass", "sky"]),
        "class-always-beside",
        "note",
        {"cow", "grass", "t0"},
    ),
    "a class ten times as often as another": (
        tagged([*["cow"] * 40, *["sky"] * 4]),
        "classes-unbalanced",
        "note",
        {"cow", "sky"},
    ),
    "a class a hundred times as often as another": (
        tagged([*["cow"] * 400, *["sky"] * 4]),
        "classes-unbalanced",
        "harms",
        {"cow", "sky"},
    ),
    "a photo without a tag": (tagged([*MIXED, ""]), "photo-without-tags", "note", {"t12"}),
    "most photos without a tag": (
        tagged(["cow", "sky", "", "", ""]),
        "photo-without-tags",
        "harms",
        {"t2", "t3", "t4"},
    ),
    "a photo in both splits": (tagged(MIXED, ["t1=cow grass", "sky"]), "splits-overlap", "harms", {"t1"}),
    "all of val in train": (tagged(MIXED, ["t1=cow", "t3=sky"]), "splits-overlap", "harms", {"t1", "t3"}),
    "names that differ by capitals": (
        tagged(["cow", "Cow"] * 3, names=["cow", "Cow"]),
        "class-names-alike",
        "harms",
        {"cow", "Cow"},
    ),
    "names that differ by a blank": (
        tagged(["sea~lion", "sealion"] * 3, names=["sea lion", "sealion"]),
        "class-names-alike",
        "harms",
        {"sea lion", "sealion"},
    ),
    "names that differ by an underscore": (
        tagged(["a_b", "a-b", "ab"] * 3, names=["a_b", "a-b", "ab"]),
        "class-names-alike",
        "harms",
        {"a_b", "a-b", "ab"},
    ),
}


@pytest.mark.parametrize(("looked", "kind", "weight", "names"), OF_TAGS.values(), ids=OF_TAGS)
def test_what_is_odd_about_tags_is_named(looked: Tagged, kind: str, weight: str, names: set[str]) -> None:
    (one,) = [finding for finding in found(looked) if finding.finding == kind]
    assert one.weight == weight
    assert {*one.ids, *one.classes} >= names
    assert {*one.classes} == {name for name in names if name in looked.classes}


SOUND: dict[str, Tagged] = {
    "four classes, mixed": tagged(MIXED),
    "four classes, mixed, with val": tagged(MIXED, MIXED[:5]),
    "one class, and photos without it": tagged([*["cow"] * 5, *[""] * 5], names=["cow"]),
    "two classes, one a photo": tagged(["cow", "sky"] * 4, names=["cow", "sky"]),
    "nine times as often": tagged([*["cow"] * 27, *["sky"] * 3], names=["cow", "sky"]),
    "names that share a beginning": tagged(["cow", "cowboy"] * 4, names=["cow", "cowboy"]),
    "classes that differ by an accent": tagged(["cote", "coté"] * 4, names=["cote", "coté"]),
}


@pytest.mark.parametrize("looked", SOUND.values(), ids=SOUND)
def test_sound_tags_give_nothing_but_a_note_on_photos_without(looked: Tagged) -> None:
    assert [one.said for one in found(looked) if one.finding != "photo-without-tags"] == []


@given(
    st.lists(st.sets(st.integers(0, 3)), max_size=12),
    st.lists(st.sets(st.integers(0, 3)), max_size=6),
)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_any_tags_give_findings_that_name_photos_and_classes_that_are_there(
    train: list[set[int]], val: list[set[int]]
) -> None:
    texts = [[" ".join(NAMES[tag] for tag in tags) for tags in part] for part in (train, val)]
    looked = tagged(*texts)
    for one in found(looked):
        assert set(one.ids) <= {photo.id for photos in looked.photos.values() for photo in photos}
        assert set(one.classes) <= set(NAMES)
        assert one.said
        if one.finding == "classes-always-together":
            sets = [{i for i, tags in enumerate(train) if NAMES.index(name) in tags} for name in one.classes]
            assert all(sets.count(photos) > 1 for photos in sets)


# a change to a sound folder: what is said, the weight, and a part of the words with file, line or id
FOLDERS = {
    "no folder": (lambda f: f.root.rename(f.root.with_name("x")), "data-missing", "stops", "there is no folder"),
    "no list": (lambda f: f.list("val").unlink(), "data-missing", "stops", "val.txt"),
    "an empty list": (lambda f: f.list("train").write_text(""), "data-invalid", "stops", "names no image"),
    "a path out of the folder": (
        lambda f: f.list("train").write_text("../x\n"), "data-invalid", "stops", "line 1: `../x`"
    ),
    "no annotation": (
        lambda f: (f.root / "Annotations/t03.xml").unlink(), "tags-invalid", "stops", "`t03`: not there"
    ),
    "a tag that is no class": (lambda f: f.tag("t03", ["Cow"]), "tags-invalid", "stops", "did you mean `cow`?"),
    "a tag of val that is no class": (lambda f: f.tag("v17", ["yak"]), "tags-invalid", "note", "v17.xml: `yak`"),
    "no tag at all": (
        lambda f: [f.tag(f"t{n:02}", []) for n in range(16)], "tags-missing", "stops", "none of the 16 photos"
    ),
    "a class list of nothing": (
        lambda f: (f.root / "classes.txt").write_text(""), "data-invalid", "stops", "classes.txt"
    ),
    "a mask that is no mask": (lambda f: f.mask("v16").write_bytes(b"x"), "mask-unreadable", "stops", "v16.png"),
    "a mask of a class that is none": (lambda f: f.draw("v16", [9]), "mask-unreadable", "stops", "class 9"),
    "a mask that is missing": (lambda f: f.mask("v16").unlink(), "mask-missing", "stops", "v16"),
    "masks of another class list": (
        lambda f: [f.draw(f"v{n}", [n % 4 % 4 + 1 if n % 4 == 3 else (n % 4 + 1) % 4 + 1]) for n in range(16, 24)],
        "tag-without-mask", "note", "masks of ",
    ),
    "no masks": (
        lambda f: (f.root / "SegmentationClass").rename(f.root / "masks"), "about-data", "note", "has a mask"
    ),
    "a photo that is a web page": (
        lambda f: f.photo("t02").write_text("<!doctype html>"), "image-unreadable", "stops", "web page"
    ),
    "an empty photo file": (lambda f: f.photo("v20").write_bytes(b""), "image-unreadable", "stops", "0 bytes"),
    "five photos cut off": (
        lambda f: [f.photo(f"t0{n}").write_bytes(f.photo(f"t0{n}").read_bytes()[:900]) for n in range(5)],
        "image-unreadable", "stops", "5 of 24 photos",
    ),
    "background in the class list": (
        lambda f: (f.root / "classes.txt").write_text("goat\nhen\ncow\npig\nvoid\n"), "about-data", "note", "`void`"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "kind", "weight", "words"), FOLDERS.values(), ids=FOLDERS)
def test_what_is_odd_about_a_folder_is_named(tmp_path: Path, change, kind: str, weight: str, words: str) -> None:
    farm = Farm(tmp_path)
    change(farm)
    told = check_data(farm.recipe).findings
    said = [" ".join((one.said, *one.where, one.hint)) for one in told if (one.finding, one.weight) == (kind, weight)]
    assert any(words in text for text in said), [(one.finding, one.weight, one.said) for one in told]
