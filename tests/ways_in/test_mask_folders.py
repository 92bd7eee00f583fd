"""Folders of masks as people have them: which mask is a photo's, and photos without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ways_in.folders import folder_of, photos

CATS = ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
FOUND: dict[str, tuple[tuple[str, ...], str, dict[str, str]]] = {
    "at the photos' paths": (("m/cat/1.png", "m/dog/1.png"), "m", {"cat/1": "m/cat/1.png", "dog/1": "m/dog/1.png"}),
    "in capitals": (("m/cat/1.PNG",), "m", {"cat/1": "m/cat/1.PNG"}),
    "all in one folder": (("m/2.png",), "m", {"cat/2": "m/2.png"}),
    "in more folders than photos": (("m/x/cat/1.png",), "m", {"cat/1": "m/x/cat/1.png"}),
    "called mask": (("m/cat/1_mask.png", "m/2-mask.tif"), "m", {"cat/1": "m/cat/1_mask.png", "cat/2": "m/2-mask.tif"}),
    "called by other words": (
        ("m/cat/1_GT.bmp", "m/cat/2_seg.gif", "m/dog/1_labels.png"),
        "m",
        {"cat/1": "m/cat/1_GT.bmp", "cat/2": "m/cat/2_seg.gif", "dog/1": "m/dog/1_labels.png"},
    ),
    "the photo's own name first": (("m/cat/1.png", "m/cat/1_mask.png"), "m", {"cat/1": "m/cat/1.png"}),
    "the whole path first": (("m/cat/2.png", "m/2.png", "m/x.png"), "m", {"cat/2": "m/cat/2.png"}),
    "beside the photos": (("cat/1_mask.png",), ".", {"cat/1": "cat/1_mask.png"}),
    "of photos that are not there": (("m/cat/1.png", "m/cow/7.png"), "m", {"cat/1": "m/cat/1.png"}),
    "of no photo": (("m/z.png",), "m", {}),
    "with other files": (("m/cat/1.png", "m/cat/1.json", "m/readme.md", "m/.cat/2.png"), "m", {"cat/1": "m/cat/1.png"}),
}


@pytest.mark.parametrize(("files", "masks", "found"), FOUND.values(), ids=FOUND)
def test_each_photo_has_its_mask(
    files: tuple[str, ...], masks: str, found: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "photos"
    (root / "cat").mkdir(parents=True)
    monkeypatch.chdir(root)
    data = folder_of(root, photos(*CATS, *files), masks=masks)
    listed = data.photos("train")
    assert [photo.id for photo in listed] == ["cat/1", "cat/2", "dog/1"]
    assert {p.id: p.mask.path.absolute().relative_to(root).as_posix() for p in listed if p.mask} == found
    assert data.count("train") == (3, len(found))
    assert data.scores_some


def test_masks_that_belong_to_nobody_are_said(tmp_path: Path) -> None:
    data = folder_of(tmp_path / "photos", photos(*CATS, "m/cat/1.png", "m/cow/7.png"), masks="m")
    assert any("1 of 2 masks in" in fact and "`cow/7`" in fact for fact in data.facts("train"))
    data = folder_of(tmp_path / "others", photos(*CATS, "m/z.png"), masks="m")
    assert any("no file in" in fact and "is called like a photo" in fact for fact in data.facts("train"))


def test_masks_that_look_like_photos_are_said(tmp_path: Path) -> None:
    files = photos("photos/1.jpg", "photos/2.jpg", "masks/1.png", "masks/2.png")
    facts = folder_of(tmp_path / "root", files, tags="folders").facts("train")
    assert any("if they are masks, say so: --set data.masks=masks" in fact for fact in facts)
