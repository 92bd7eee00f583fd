"""Way in: folders of photos whose tags cannot be used, or are found twice: each is told, with the reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.discover.layouts import discover, no_tags, say_the_same
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.errors import UserError
from tests.layouts import CATS, CSV, JPEG, MASK, TWO, Files, coco, lay, photos, voc, xml

# What lies in a folder, and what is said of it.
UNUSABLE: dict[str, tuple[Files, str]] = {
    "photos alone": (TWO, "looked for a table"),
    "a table of other photos": ({**TWO, "t.csv": "file,tags\nx.jpg,cat\ny.jpg,dog\n"}, "t.csv: "),
    "a table without tags": ({**TWO, "t.csv": "file,width\na.jpg,30\nb.jpg,30\n"}, "t.csv: "),
    "a table in which no photo shows anything": ({**TWO, "t.csv": "file,tags\na.jpg,\nb.jpg,\n"}, "t.csv: "),
    "an empty table": ({**TWO, "t.csv": ""}, "t.csv: "),
    "a table that is no text": ({**TWO, "t.csv": bytes(range(256))}, "t.csv: "),
    "a table of photos of one name": (
        {"x/a.jpg": JPEG, "y/a.jpg": JPEG, "t.csv": CSV},
        "may be",
    ),
    "most rows are of photos that are not there": (
        {**TWO, "t.csv": CSV + "".join(f"{name}.jpg,cat\n" for name in "cdefg")},
        "5 of 7 rows",
    ),
    "COCO of other photos": ({**TWO, "i.json": coco("x", "y")}, "i.json: names no photo"),
    "COCO without photos": ({**TWO, "i.json": coco()}, "i.json: names no photo"),
    "COCO that breaks off": ({**TWO, "i.json": coco("a", "b")[:-30]}, "i.json: "),
    "XML that breaks off": ({**TWO, "a.xml": xml("cat"), "b.xml": xml("dog")[:-9]}, "b.xml"),
    "XML without objects": ({**TWO, "a.xml": xml(), "b.xml": xml()}, "has no tag of any photo"),
    "YOLO without names": (
        {**TWO, "a.txt": "0 0.5 0.5 0.2 0.2\n", "data.yaml": "nc: 2\n"},
        "data.yaml: has no `names`",
    ),
    "YOLO of a class without a name": (
        {**TWO, "a.txt": "7 0.5 0.5 0.2 0.2\n", "data.yaml": "names: [cat]\n"},
        "data.yaml: ",
    ),
    "VOC whose list names another photo": (voc(lists={"Main/train": "a\nz\n"}), "annotations: "),
    "a table of Excel": ({**TWO, "tags.xlsx": b"PK"}, "tags.xlsx: is a table of a program: save it as CSV"),
    "files of labelme": (
        {**TWO, "a.json": json.dumps({"version": "5", "shapes": [], "imagePath": "a.jpg"})},
        "a.json: is of labelme: convert",
    ),
    "an archive": ({**TWO, "annotations.zip": b"PK"}, "annotations.zip: is an archive: unpack it"),
    "folders of dates": (photos("2023/05/a", "2024/06/b"), "are called after dates or cameras: `2023`, `2024`"),
    "folders of a camera": (photos("100CANON/a", "101CANON/b"), "folders: are called after"),
    "one sub-folder": (photos("holiday/a", "holiday/b"), "folders: are one alone, `holiday`"),
}


@pytest.mark.parametrize(("files", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_why_tags_cannot_be_used_is_said(tmp_path: Path, files: Files, said: str) -> None:
    place = Place(lay(tmp_path / "here", files))
    found = discover(place)
    assert not found.readings
    message = str(no_tags(place, found.unusable))
    assert said in message
    assert "`a.jpg,cat dog`" in message or "JPEGImages" in message


FOREIGN = CSV + "".join(f"{name}.jpg,cow\n" for name in "vwxyz")  # two of its rows are of photos that are here
BESIDE: dict[str, Files] = {
    "sub-folders": CATS,
    "VOC": voc(),
    "COCO": {**TWO, "i.json": coco("a", "b")},
    "a table": {**TWO, "own.csv": CSV},
}


@pytest.mark.parametrize("files", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("name", ["tags.csv", "instances.json"])
@pytest.mark.parametrize("is_current", [False, True], ids=["by its name", "as the current folder"])
def test_foreign_tags_beside_the_folder_do_not_stand_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files, name: str, is_current: bool
) -> None:
    folder = lay(tmp_path / "here", files)
    lay(tmp_path, {name: FOREIGN if name == "tags.csv" else coco(*"abvwxyz")})
    monkeypatch.chdir(folder)
    found = discover(Place(Path() if is_current else folder))
    assert len(found.readings) == 1
    (unused,) = found.unusable
    assert unused.source.endswith(name)
    assert "v" in unused.why


# What lies in a folder and beside it, and what is told to do.
WAYS_OUT: dict[str, tuple[Files, Files, list[str]]] = {
    "beside photos alone": (TWO, {"tags.csv": FOREIGN}, ["--tags {above}/tags.csv` takes", "write a file"]),
    "with photos alone": ({**TWO, "tags.csv": FOREIGN}, {}, ["--tags {folder}/tags.csv` takes"]),
    "with sub-folders": ({**CATS, "tags.csv": FOREIGN}, {}, ["--tags {folder}/tags.csv` takes", "--tags folders`"]),
    "instances": ({**TWO, "i.json": coco(*"abvwxyz")}, {}, ["--tags {folder}/i.json` takes", "write a file"]),
}


@pytest.mark.parametrize(("files", "beside", "hints"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_where_only_foreign_tags_are_there_the_way_out_is_told(
    tmp_path: Path, files: Files, beside: Files, hints: list[str]
) -> None:
    lay(tmp_path, beside)
    place = Place(lay(tmp_path / "here", files))
    error = no_tags(place, discover(place).unusable)
    assert error.problem.startswith("tags were found in")
    assert "but most of them are not of the 2 photos" in error.problem
    assert error.hint
    for hint in hints:
        assert hint.format(folder=place.folder, above=tmp_path) in error.hint
    assert ("write a file" in error.hint) == ("write a file" in hints)
    given = tmp_path / "tags.csv" if beside else place.folder / ("i.json" if "i.json" in files else "tags.csv")
    (reading,) = discover(Place(place.folder, given)).readings
    assert reading.candidate.data["on_error"] == "skip"
    assert len(reading.photos) == 2


def test_a_broken_table_and_sub_folders_lead_to_the_question_which_is_meant(tmp_path: Path) -> None:
    place = Place(lay(tmp_path / "here", {**CATS, "tags.csv": "file,width\na.jpg,30\nb.jpg,30\n"}))
    assert "--tags folders` takes sub-folders as classes" in str(no_tags(place, discover(place).unusable))


NO_PHOTOS = {
    "an empty folder": ({"x/readme.md": ""}, "there is no photo"),
    "photos under two suffixes": ({**TWO, "a.png": MASK}, "names"),
}


@pytest.mark.parametrize(("files", "said"), NO_PHOTOS.values(), ids=NO_PHOTOS)
def test_photos_that_cannot_be_listed_are_refused(tmp_path: Path, files: Files, said: str) -> None:
    with pytest.raises(UserError, match=said):
        discover(Place(lay(tmp_path / "here", files)))


# What lies in a folder, the names of its readings, and whether they say the same.
SEVERAL: dict[str, tuple[Files, list[str], bool]] = {
    "two tables that say the same": ({**TWO, "a.csv": CSV, "b.csv": CSV}, ["a.csv", "b.csv"], True),
    "two tables that differ": ({**TWO, "a.csv": CSV, "b.csv": CSV.replace("dog", "cow")}, ["a.csv", "b.csv"], False),
    "two tables of different photos": (
        {**TWO, **photos("c", "d"), "a.csv": CSV, "b.csv": "file,tags\nc.jpg,cat\nd.jpg,dog\n"},
        ["a.csv", "b.csv"],
        False,
    ),
    "VOC and a table": ({**voc(), "tags.csv": CSV}, ["annotations", "tags.csv"], True),
    "VOC and COCO": ({**voc(), "i.json": coco("a", "b")}, ["annotations", "i.json"], True),
    "two sets of VOC": (voc("VOC2007/") | voc("VOC2012/"), ["annotations", "annotations"], False),
    "sub-folders are no second reading": ({**CATS, "tags.csv": CSV}, ["tags.csv"], True),
}


@pytest.mark.parametrize(("files", "sources", "same"), SEVERAL.values(), ids=SEVERAL)
def test_all_readings_are_found(tmp_path: Path, files: Files, sources: list[str], same: bool) -> None:
    folder = lay(tmp_path / "here", files)
    readings = discover(Place(folder)).readings
    assert [reading.candidate.source.removeprefix(f"{folder}/") for reading in readings] == sources
    assert say_the_same(readings) is same


def test_rows_of_photos_that_are_not_there_are_left_out_and_that_is_written(tmp_path: Path) -> None:
    folder = lay(tmp_path / "here", {**TWO, "tags.csv": CSV + "c.jpg,cat\n"})
    (reading,) = discover(Place(folder)).readings
    assert reading.candidate.data["on_error"] == "skip"
    why = "1 row is of a photo that is not here"
    assert reading.candidate.reasons["on_error"] == why
    said = f"tags.csv: {why}: left out (data.on_error: skip, which leaves out unreadable photos, too)"
    assert said in reading.facts, "the terminal says it as well"
    assert len(reading.photos) == 2


@pytest.mark.parametrize("classes", [("with_mask", "without_mask"), ("gt", "seg"), ("labels", "other")])
def test_classes_called_like_folders_of_masks_are_classes(tmp_path: Path, classes: tuple[str, str]) -> None:
    folder = lay(tmp_path / "here", {f"{name}/{number}.jpg": JPEG for name in classes for number in "12"})
    (reading,) = discover(Place(folder)).readings
    assert reading.classes == tuple(sorted(classes))


def test_a_table_that_is_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    folder = lay(tmp_path / "here", TWO)
    os.mkfifo(folder / "tags.csv")
    place = Place(folder)
    assert "tags.csv: is a pipe, not a file" in str(no_tags(place, discover(place).unusable))


def test_a_link_upwards_leads_nowhere(tmp_path: Path) -> None:
    folder = lay(tmp_path / "here", {**TWO, "tags.csv": CSV})
    lay(tmp_path / "other", {**TWO, "tags.csv": CSV.replace("dog", "cow")})
    (folder / "up").symlink_to(tmp_path)
    assert [reading.candidate.source for reading in discover(Place(folder)).readings] == [str(folder / "tags.csv")]


def test_folders_of_dates_are_classes_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = lay(tmp_path / "here", photos("2023/a", "2024/b"))
    (reading,) = discover(Place(folder), "folders").readings
    assert reading.classes == ("2023", "2024")


def test_links_to_folders_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    lay(tmp_path / "far", voc())
    folder = lay(tmp_path / "here", {"ImageSets/Main/train.txt": "a\n"})
    for name in ("JPEGImages", "Annotations", "classes.txt"):
        (folder / name).symlink_to(tmp_path / "far" / name)
    (folder / "circle").symlink_to(folder)
    (reading,) = discover(Place(folder)).readings
    assert reading.candidate.source == "annotations"


def test_folders_of_runs_are_left_out(tmp_path: Path) -> None:
    lay(tmp_path / "here/runs/x", {"run.json": "{}", "recipe.yaml": "", "seg/a.png": MASK, "t.csv": CSV})
    (reading,) = discover(Place(lay(tmp_path / "here", {**TWO, "tags.csv": CSV}))).readings
    assert reading.candidate.source.endswith("here/tags.csv")


NAMES = (
    "a.jpg", "b.jpg", "x/a.jpg", "x/b.png", "masks/a.png", "tags.csv", "t.tsv", "t.jsonl", "i.json", "data.yaml",
    "a.txt", "train.txt", "classes.txt", "a.xml", "JPEGImages/a.jpg", "Annotations/a.xml", "ImageSets/Main/train.txt",
    "annotations.xml", "labels.txt",
)  # fmt: skip
TEXTS = (
    CSV, "a\n", "cat\ndog\n", coco("a"), xml("cat"), xml(), "names: [cat]\n", "0 0.5 0.5 0.2 0.2\n", "{", "[]", "",
    '{"a.jpg": ["cat"]}', "<annotations></annotations>", "a.jpg cat\n",
)  # fmt: skip


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS) | st.binary(max_size=60), max_size=8))
def test_any_folder_gives_readings_or_a_reason(files: dict[str, str | bytes]) -> None:
    photos = {name: JPEG if name.endswith(".jpg") else MASK if name.endswith(".png") else "" for name in files}
    with TemporaryDirectory() as temporary:
        place = Place(lay(Path(temporary) / "here", {name: photos[name] or data for name, data in files.items()}))
        (Path(temporary) / "here").mkdir(exist_ok=True)
        try:
            found = discover(place)
        except UserError:
            return
        assert found.readings or str(no_tags(place, found.unusable))
