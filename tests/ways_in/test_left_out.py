"""Photos that tables, documents and lists name and that are not there: told, or left out and counted, in each kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from puzzlecam_cli.data.parts.listed import ListedPhotos
from puzzlecam_cli.data.photos import open_photos
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.registry import dataset
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.survey import _why_not
from puzzlecam_cli.run.unreadable import enough_is_left, leave_out
from puzzlecam_cli.stages import PIPELINE

TABLE = "file,tags,split\na.jpg,cat,train\nb.jpg,dog,train\nc.jpg,cat,val\n"


def instances(*names: str) -> str:
    rows = [{"id": n, "image_id": n, "category_id": 1 + n % 2} for n in range(len(names))]
    images = [{"id": n, "file_name": f"{name}.jpg", "height": 30, "width": 40} for n, name in enumerate(names)]
    kinds = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    return json.dumps({"images": images, "annotations": rows, "categories": kinds})


YOLO = {
    "data.yaml": "train: train.txt\nval: val.txt\nnames: [cat, dog]\n",
    **{f"{name}.txt": f"{number} 0.5 0.5 0.2 0.2\n" for name, number in zip("abcd", (0, 1, 0, 1), strict=True)},
}
# files beside photos a, b, c, d; settings; what is trained on and predicted, and what is left out of both
Case = tuple[dict[str, str], dict[str, Any], str, str, list[str], list[str]]
CASES: dict[str, Case] = {
    "folder: a row": (
        {"tags.csv": TABLE + "x.jpg,cat,train\n"}, {"kind": "folder"}, "abc", "", ["x.jpg"], [],
    ),
    "folder: rows by a column": (
        {"tags.csv": TABLE + "x.jpg,cat,val\ny.jpg,cat,train\n"}, {"kind": "folder", "train": "split", "val": "split"},
        "ab", "c", ["y.jpg"], ["x.jpg"],
    ),
    "folder: a row of neither part": (
        {"tags.csv": TABLE + "x.jpg,cat,none\n"}, {"kind": "folder", "train": "split=train", "val": "split=val"},
        "ab", "c", ["x.jpg"], [],
    ),
    "folder: a line of a list": (
        {"tags.csv": TABLE, "val.txt": "c\nx\n"}, {"kind": "folder", "val": "val.txt"}, "ab", "c", [], ["x"],
    ),
    "folder: a row that a list names, too": (
        {"tags.csv": TABLE + "x.jpg,cat,val\n", "val.txt": "c.jpg\nx.jpg\n"}, {"kind": "folder", "val": "val.txt"},
        "ab", "c", [], ["x.jpg"],
    ),
    "folder: lists of both parts": (
        {"tags.csv": TABLE, "val.txt": "c\nx\n", "train.txt": "y\na\nz\n"},
        {"kind": "folder", "train": "train.txt", "val": "val.txt"}, "a", "c", ["y", "z"], ["x"],
    ),
    "coco: an image": (
        {"a.json": instances("a", "b", "x")}, {"kind": "coco", "train": "a.json"}, "ab", "", ["x.jpg"], [],
    ),
    "coco: images of both documents": (
        {"a.json": instances("a", "b", "x"), "b.json": instances("y", "c", "z")},
        {"kind": "coco", "train": "a.json", "val": "b.json"}, "ab", "c", ["x.jpg"], ["y.jpg", "z.jpg"],
    ),
    "coco: an image in both documents": (
        {"a.json": instances("a", "x"), "b.json": instances("c", "x")},
        {"kind": "coco", "train": "a.json", "val": "b.json"}, "a", "c", ["x.jpg"], ["x.jpg"],
    ),
    "yolo: a line of a list": (
        YOLO | {"train.txt": "./a.jpg\n./x.jpg\n./b.jpg\n", "val.txt": "./c.jpg\n"}, {"kind": "yolo"},
        "ab", "c", ["./x.jpg"], [],
    ),
    "yolo: lines of both lists": (
        YOLO | {"train.txt": "a.jpg\nx.jpg\n", "val.txt": "y.jpg\nc.jpg\nz.jpg\n"}, {"kind": "yolo"},
        "a", "c", ["x.jpg"], ["y.jpg", "z.jpg"],
    ),
    "yolo: the rest is trained on": (
        YOLO | {"val.txt": "x.jpg\nd.jpg\n"}, {"kind": "yolo", "train": None}, "abc", "d", [], ["x.jpg"],
    ),
}  # fmt: skip
SHARES = {
    "folder: a share": (CASES["folder: a row"][0], {"kind": "folder", "val": 0.34}, ["x.jpg"]),
    "coco: a share": (CASES["coco: an image"][0], {"kind": "coco", "train": "a.json", "val": 0.5}, ["x.jpg"]),
    "yolo: a share of a list": (CASES["yolo: a line of a list"][0], {"kind": "yolo", "val": 0.5}, ["./x.jpg"]),
}


def opened(root: Path, files: dict[str, str], given: dict[str, Any], on_error: str = "skip") -> ListedPhotos:
    root.mkdir(exist_ok=True)
    for number, name in enumerate("abcd"):
        if not (root / f"{name}.jpg").exists():
            Image.new("RGB", (40, 30), (60 * number, 90, 30)).save(root / f"{name}.jpg")
    for name, text in files.items():
        (root / name).write_text(text)
    settings = dataset(given["kind"]).Settings(**{"root": root, "on_error": on_error} | given)
    found = open_photos(settings, root.parent / "run", 0)
    assert isinstance(found, ListedPhotos)
    return found


def list_all(data: ListedPhotos) -> None:
    for split in filter(None, (data.splits.train, data.splits.val)):
        data.photos(split)


def ids(data: ListedPhotos, split: str | None) -> str:
    return "".join(photo.id for photo in data.photos(split)) if split else ""


@pytest.mark.parametrize(("files", "given", "train", "val", "lost", "lost_val"), CASES.values(), ids=CASES)
def test_what_is_not_there_is_left_out_and_counted_where_it_would_belong(
    tmp_path: Path,
    files: dict[str, str],
    given: dict[str, Any],
    train: str,
    val: str,
    lost: list[str],
    lost_val: list[str],
) -> None:
    data = opened(tmp_path / "photos", files, given)
    assert (ids(data, "train"), ids(data, data.splits.val)) == (train, val)
    assert (list(data.left_out("train")), list(data.left_out("val"))) == (lost, lost_val)
    assert all("is not there" in reason for reason in (data.left_out("train") | data.left_out("val")).values())


@pytest.mark.parametrize(("files", "given", "lost"), SHARES.values(), ids=SHARES)
def test_what_is_divided_by_shares_is_counted_with_the_photos_trained_on(
    tmp_path: Path, files: dict[str, str], given: dict[str, Any], lost: list[str]
) -> None:
    data = opened(tmp_path / "photos", files, given)
    assert not data.is_settled
    assert (list(data.left_out("train")), list(data.left_out("val"))) == (lost, [])
    data.settle(lambda done, total: None, lambda photos: [b""] * len(photos))
    assert (list(data.left_out("train")), list(data.left_out("val"))) == (lost, [])


@pytest.mark.parametrize(("files", "given", "train", "val", "lost", "lost_val"), CASES.values(), ids=CASES)
def test_without_skip_it_is_refused_by_name_and_can_be_looked_past(
    tmp_path: Path,
    files: dict[str, str],
    given: dict[str, Any],
    train: str,
    val: str,
    lost: list[str],
    lost_val: list[str],
) -> None:
    data = opened(tmp_path / "photos", files, given, "stop")
    with pytest.raises(UserError) as refused:
        list_all(data)
    assert set(refused.value.ids) <= {*lost, *lost_val}
    assert f"`{refused.value.ids[0]}`" in str(refused.value)
    assert "on_error" in str(refused.value.hint)
    told = _why_not(data, lambda: list_all(data))
    assert len(told) == 1
    assert (ids(data, "train"), ids(data, data.splits.val)) == (train, val)
    assert data.left_out("train") == {}  # it is told already
    assert not data.look_past(refused.value.ids)


@pytest.mark.parametrize("name", [name for name in CASES if "lists" in name or "column" in name or "both" in name])
def test_it_is_noted_listed_in_the_run_folder_and_no_reason_to_look_again(name: str, tmp_path: Path) -> None:
    files, given, train, _, lost, lost_val = CASES[name]
    data = opened(tmp_path / "photos", files, given)
    recipe = load_recipe("quickstart", ["backbone={name: resnet18, pretrained: false}"]).model_copy(
        update={"data": data.settings}
    )
    run = Run.at(recipe, tmp_path / "run")
    run.folder.root.mkdir()
    checked = Checked(run, tuple(all_steps(PIPELINE)), 1, lambda done, total: None, 0)
    assert leave_out(checked) == []
    entries = json.loads(run.folder.left_out.read_text())["photos"]
    assert [(entry["split"], entry["id"]) for entry in entries] == [
        *(("train", lost_id) for lost_id in lost),
        *(("val", lost_id) for lost_id in lost_val),
    ]
    total = len(train) + len(lost)
    said = [fact for fact in run.photos.facts("train") if " left out, missing: " in fact]
    assert bool(said) == bool(lost)
    assert all(fact.startswith(f"{len(lost)} of {total} photos of `train`") and lost[0] in fact for fact in said)
    assert bool(list(enough_is_left(checked))) == (len(lost) > len(train) or len(lost_val) > 1)
    assert leave_out(Checked(Run.at(recipe, tmp_path / "run"), checked.steps, 1, checked.tick, 0)) == []


@pytest.mark.parametrize("asked", [{}, {"tags": True}, {"masks": True}], ids=str)
@pytest.mark.parametrize("name", ["folder", "coco", "yolo"])
def test_without_a_photo_all_is_as_if_nothing_named_it(name: str, asked: dict[str, bool], tmp_path: Path) -> None:
    """So nothing is made anew where a photo that is left out is broken in another way, or is taken off its list."""
    other = TABLE.replace("b.jpg,dog,train", "d.jpg,dog,none")
    whole, rest, given = {
        "folder": ({"tags.csv": TABLE}, {"tags.csv": other}, {"train": "split=train", "val": "split=val"}),
        "coco": ({"a.json": instances("a", "b", "c")}, {"a.json": instances("a", "x", "c")}, {"train": "a.json"}),
        "yolo": (YOLO | {"train.txt": "a.jpg\nb.jpg\n", "val.txt": "c.jpg\n"}, {"train.txt": "a.jpg\n"}, {}),
    }[name]
    given |= {"kind": name}
    data = opened(tmp_path / "photos", whole, given)
    without = data.fingerprint_without("train", ["b"], **asked)
    assert without != data.fingerprint("train", **asked)
    assert without == opened(tmp_path / "photos", rest, given).fingerprint("train", **asked)
    (tmp_path / "photos" / "b.jpg").write_bytes(b"")
    assert without == opened(tmp_path / "photos", whole, given).fingerprint_without("train", ["b"], **asked)


@pytest.mark.parametrize("name", ["folder: a row", "coco: an image", "yolo: a line of a list"])
def test_whoever_waits_is_told_what_is_read(name: str, tmp_path: Path) -> None:
    told: list[str] = []
    data = opened(tmp_path / "photos", *CASES[name][:2])
    data.tell = told.append
    data.fingerprint("train")
    assert f"looking through {tmp_path / 'photos'}: 0 files" in told
    assert any(line.startswith("reading ") for line in told)
    assert told[-1] == "looking at sizes and times of files: 0 so far"
