"""Way in: masks that were corrected elsewhere, named in `data.masks`."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.kinds.folder import FolderData, FolderPhotos
from puzzlecam_cli.data.kinds.voc import VocData, VocPhotos
from puzzlecam_cli.data.masks.source import Masks, Meaning, masks_at
from puzzlecam_cli.errors import UserError
from tests.labelled import CLASSES, PICTURE, Labels, made, written

PICTURES = {"a": PICTURE, "sub/b c": PICTURE[::-1]}
FORMS = {"pictures": ".", "coco": "coco.json", "yolo": "yolo", "cvat": "cvat.zip", "cvat unpacked": "unpacked"}


def given(folder: Path) -> Path:
    """Photos in `folder/photos`, and their masks in all forms."""
    out = written(folder / "out", made(folder, PICTURES))
    with zipfile.ZipFile(out / "cvat.zip") as archive:
        archive.extractall(out / "unpacked")
    return out


def found_at(folder: Path, place: Path, **meaning: Any) -> Masks:
    walk = Walk(folder / "photos")
    return masks_at(place, walk, walk.files, Meaning(CLASSES, **meaning))


def read(masks: Masks) -> dict[str, list[list[int]]]:
    return {image_id: mask.read().tolist() for image_id, mask in masks.by_id.items()}


RIGHT = {image_id: labels.tolist() for image_id, labels in PICTURES.items()}


@pytest.mark.parametrize("kind", ["folder", "voc"])
@pytest.mark.parametrize("place", FORMS.values(), ids=FORMS)
def test_a_data_set_takes_masks_in_every_form(place: str, kind: str, tmp_path: Path) -> None:
    masks = given(tmp_path) / place
    root = tmp_path / "photos"
    data: FolderPhotos | VocPhotos
    if kind == "folder":
        (root / "tags.csv").write_text("file,tags\na,cat;dog\nsub/b c,bird\n")
        (root / "classes.txt").write_text("cat\ndog\nbird\n")
        data = FolderPhotos(FolderData(kind="folder", root=root, masks=masks), tmp_path / "run", 0)
        split = "train"
    else:
        root = tmp_path / "voc"
        (root / "ImageSets/Segmentation").mkdir(parents=True)
        (tmp_path / "photos").rename(root / "JPEGImages")
        (root / "ImageSets/Segmentation/val.txt").write_text("a\nsub/b c\n")
        (root / "classes.txt").write_text("cat\ndog\nbird\n")
        data = VocPhotos(VocData(kind="voc", root=root, train="val", masks=masks), tmp_path / "run", 0)
        split = "val"
    data.check_masks()
    assert {photo.id: photo.mask.read().tolist() for photo in data.photos(split) if photo.mask} == RIGHT
    assert data.count(split) == (2, 2)
    assert data.scores_some
    assert data.fingerprint(split, masks=True) != data.fingerprint(split)


def zipped(path: Path, pictures: dict[str, Labels], table: str | None, start: str = "", **more: bytes) -> Path:
    """CVAT's masks in colours 9n, 0, 0 of labels n."""
    with zipfile.ZipFile(path, "w") as archive:
        for image_id, labels in pictures.items():
            buffer = io.BytesIO()
            colours = np.stack([labels * 9, labels * 0, labels * 0], axis=2)
            Image.fromarray(colours).save(buffer, "png")
            archive.writestr(f"{start}SegmentationClass/{image_id}.png", buffer.getvalue())
        if table is not None:
            archive.writestr(f"{start}labelmap.txt", table)
        for name, data in more.items():
            archive.writestr(name, data)
    return path


TABLE = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ndog:18,0,0::\ncat:9,0,0::\nbird:27,0,0::\nvoid:36,0,0::\n"
ZIPS: dict[str, Callable[[Path], Path]] = {
    "with colours of CVAT's own": lambda path: zipped(path, PICTURES, TABLE),
    "packed with its folder": lambda path: zipped(path, PICTURES, TABLE, "task 1/"),
    "with what macOS adds": lambda path: zipped(
        path, PICTURES, TABLE, **{"__MACOSX/SegmentationClass/a.png": b"", "SegmentationObject/a.png": b""}
    ),
    "with another part's list": lambda path: zipped(
        path, PICTURES, TABLE, **{"ImageSets/Segmentation/Train.txt": b"a"}
    ),
}


@pytest.mark.parametrize("make", ZIPS.values(), ids=ZIPS)
def test_what_cvat_exports_again_is_read(make: Callable[[Path], Path], tmp_path: Path) -> None:
    made(tmp_path, PICTURES)
    assert read(found_at(tmp_path, make(tmp_path / "again.zip"))) == RIGHT


def test_void_has_the_colour_that_the_table_gives_it(tmp_path: Path) -> None:
    made(tmp_path, {"a": PICTURE})
    masks = found_at(tmp_path, zipped(tmp_path / "again.zip", {"a": PICTURE + 1}, TABLE))
    assert read(masks) == {"a": np.where(PICTURE == 3, 255, PICTURE + 1).tolist()}


def test_some_photos_may_have_a_mask_and_others_none(tmp_path: Path) -> None:
    out = given(tmp_path)
    document = json.loads((out / "coco.json").read_text())
    document["images"][1]["file_name"] = "gone.jpg"
    (out / "coco.json").write_text(json.dumps(document))
    masks = found_at(tmp_path, out / "coco.json")
    assert read(masks) == {"a": RIGHT["a"]}
    assert any("`gone.jpg`" in fact for fact in masks.facts)


def test_coco_as_a_tool_gives_it_back_is_read(tmp_path: Path) -> None:
    """Another order of ids, a category of no object, polygons beside run lengths."""
    out = given(tmp_path)
    document = json.loads((out / "coco.json").read_text())
    numbers = {1: 30, 2: 20, 3: 10}
    document["categories"] = [{"id": numbers[row["id"]], "name": row["name"]} for row in document["categories"]]
    document["categories"].append({"id": 5, "name": "background"})
    for row in document["annotations"]:
        row["category_id"] = numbers[row["category_id"]]
        if row["image_id"] == 1 and row["category_id"] == 30:
            row["segmentation"] = [[1, 0, 3, 0, 3, 2, 1, 2]]
    (out / "again.json").write_text(json.dumps(document))
    assert read(found_at(tmp_path, out / "again.json")) == RIGHT


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-60])
    return path


def renamed(out: Path) -> Path:
    (out / "coco.json").write_text((out / "coco.json").read_text().replace('"cat"', '"cats"'))
    return out / "coco.json"


def boxes(out: Path) -> Path:
    (out / "yolo/labels/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    return out / "yolo"


def renumbered(out: Path) -> Path:
    (out / "yolo/data.yaml").write_text("names: [cat, dog, horse]\n")
    return out / "yolo"


def garbled(out: Path) -> Path:
    with zipfile.ZipFile(out / "g.zip", "w") as archive:
        archive.writestr("SegmentationClass/a.png", b"no picture")
    return out / "g.zip"


def without_pictures(out: Path) -> Path:
    for path in (*out.rglob("*.png"), out / "cvat.zip"):
        path.unlink()
    shutil.rmtree(out / "unpacked")
    return out


REFUSED: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "a zip that is none": (lambda out: (out / "x.zip").write_text("x") and out / "x.zip", "mask-unreadable", "no zip"),
    "a zip that is cut short": (lambda out: cut(out / "cvat.zip"), "mask-unreadable", "cut short"),
    "a zip that is not there": (lambda out: out / "none.zip", "data-missing", "none.zip is not there"),
    "a JSON that is not there": (lambda out: out / "none.json", "data-missing", "data.masks=PLACE"),
    "a folder of other forms": (without_pictures, "data-missing", "out/coco.json or "),
    "a zip of something else": (lambda out: zipped(out / "e.zip", {}, TABLE), "data-missing", "SegmentationClass"),
    "a picture that is none": (garbled, "mask-unreadable", "g.zip#SegmentationClass/a.png"),
    "no label for a class": (
        lambda out: zipped(out / "l.zip", PICTURES, TABLE.replace("dog", "horse")),
        "data-invalid",
        "l.zip#labelmap.txt lacks 1",
    ),
    "a colour that no label has": (
        lambda out: zipped(out / "c.zip", {"a": PICTURE + 7}, TABLE),
        "mask-invalid",
        "c.zip#SegmentationClass/a.png holds colours",
    ),
    "a table that is none": (lambda out: zipped(out / "t.zip", PICTURES, "cat=1"), "colours-invalid", "t.zip#labelmap"),
    "a table that is no text": (lambda out: zipped(out / "u.zip", PICTURES, "\0"), "data-encoding", "u.zip#labelmap"),
    "categories of another name": (renamed, "masks-unlisted", "did you mean `cat`"),
    "a summary": (lambda out: out / "predictions.json", "coco-kind", "has no `images`"),
    "boxes instead of outlines": (boxes, "mask-invalid", "a.txt holds boxes"),
    "names of other classes": (renumbered, "masks-unlisted", "`horse`"),
    "a folder that is not there": (lambda out: out / "none", "data-missing", "there is no folder"),
}


@pytest.mark.parametrize(("change", "reference", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_mask_is_refused_by_name(
    change: Callable[[Path], Path], reference: str, said: str, tmp_path: Path
) -> None:
    place = change(given(tmp_path))
    with pytest.raises(UserError) as error:
        read(found_at(tmp_path, place))
    assert error.value.reference == reference
    assert said in str(error.value)


def test_names_of_other_classes_may_be_background(tmp_path: Path) -> None:
    masks = found_at(tmp_path, renumbered(given(tmp_path)), ignore=True)
    assert read(masks)["a"] == np.where(PICTURE == 3, 0, PICTURE).tolist()


def test_a_zip_that_changes_is_read_anew(tmp_path: Path) -> None:
    made(tmp_path, PICTURES)
    path = zipped(tmp_path / "again.zip", PICTURES, TABLE)
    masks = found_at(tmp_path, path)
    assert read(masks) == RIGHT
    zipped(path, {name: labels[::-1] for name, labels in PICTURES.items()}, TABLE, x=b"more")
    assert read(masks) == {"a": RIGHT["sub/b c"], "sub/b c": RIGHT["a"]}
