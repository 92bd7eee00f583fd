"""Way in: instances JSON, as COCO has it and as tools export it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.kinds.coco import CocoData, CocoPhotos
from puzzlecam_cli.errors import UserError
from tests.instances import Json, annotation, changed, document, each, ids, opened, tags_of

TAGS = {"a": ("cat",), "b": ("cat", "dog"), "c": ()}

LIKE_THE_PLAIN_ONE = {
    "COCO's own": document(),
    "images last": dict(reversed(document().items())),
    "unknown keys, nested": {"info": {"a": [1, [2, {"b": 3}]]}, "licenses": [[], {}], **document(), "x": [[1], "]"]},
    "indented": json.dumps(document(), indent=2).encode(),
    "lines of Windows": json.dumps(document(), indent=1).replace("\n", "\r\n").encode(),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(document()).encode(),
    "ids that are text": ids("images", lambda n: f"image {n}", "image_id"),
    "ids that are numbers in text, in one list only": each("images", lambda row: row.update(id=str(row["id"]))),
    "ids with a point, as pandas writes them": each(
        "annotations", lambda row: row.update(image_id=float(row["image_id"]))
    ),
    "large ids": ids("images", lambda n: n + 2**60, "image_id"),
    "ids from 0, as labelme's converters count": ids("images", lambda n: n - 1, "image_id"),
    "negative ids": ids("images", lambda n: -n, "image_id"),
    "categories from 0": ids("categories", lambda n: n - 17, "category_id"),
    "categories with gaps": ids("categories", lambda n: 17 + (n - 17) * 70, "category_id"),
    "categories with ids of text": ids("categories", lambda n: "xyz"[n - 17], "category_id"),
    "paths of folders": each("images", lambda row: row.update(file_name=f"images/default/{row['file_name']}")),
    "paths of Windows": each("images", lambda row: row.update(file_name=f"images\\{row['file_name']}")),
    "paths of another machine": each("images", lambda row: row.update(file_name=f"/home/me/set/{row['file_name']}")),
    "a drive of Windows": each("images", lambda row: row.update(file_name=f"C:\\set\\{row['file_name']}")),
    "addresses": each("images", lambda row: row.update(file_name=f"https://x.org/y/{row['file_name']}?v=1")),
    "Label Studio's local files": each(
        "images", lambda row: row.update(file_name=f"/data/local-files/?d=set/{row['file_name']}")
    ),
    "suffixes in capitals": each("images", lambda row: row.update(file_name=row["file_name"].upper())),
    "another suffix": each("images", lambda row: row.update(file_name=row["file_name"].replace("jpg", "png"))),
    "no iscrowd": each("annotations", lambda row: row.pop("iscrowd")),
    "iscrowd false": each("annotations", lambda row: row.update(iscrowd=False)),
    "boxes only": each("annotations", lambda row: row.update(segmentation=[])),
    "no segmentation": each("annotations", lambda row: row.pop("segmentation")),
    "segmentation null": each("annotations", lambda row: row.update(segmentation=None)),
    "no height and width": each("images", lambda row: (row.pop("height"), row.pop("width"))),
    "height and width 0": each("images", lambda row: row.update(height=0, width=0)),
    "annotations without id": each("annotations", lambda row: row.pop("id")),
    "annotations of one id": each("annotations", lambda row: row.update(id=1)),
    "keypoints of some categories": changed(lambda found: found["categories"][0].update(keypoints=["nose"])),
    "empty keypoints, as COCO Annotator has them": each("categories", lambda row: row.update(keypoints=[])),
    "Roboflow's first category": changed(
        lambda found: (
            [row.update(supercategory="pets") for row in found["categories"]],
            found["categories"].insert(0, {"id": 0, "name": "pets", "supercategory": "none"}),
        )
    ),
    "background as a category": changed(lambda found: found["categories"].insert(0, {"id": 0, "name": "_background_"})),
    "categories in another order": changed(lambda found: found["categories"].reverse()),
    "blanks around names": each("categories", lambda row: row.update(name=f" {row['name']}\n")),
    "a crowd of dogs on a": changed(
        lambda found: found["annotations"].append(
            {"id": 9, "image_id": 1, "category_id": 18, "iscrowd": 1, "segmentation": {"counts": [80], "size": [8, 10]}}
        )
    ),
    "escapes and text in other scripts": changed(lambda found: found.update(info={"café": '牛 \\u00e9 ]} " \\'})),
    "NaN in a box": each("annotations", lambda row: row.update(bbox=[float("nan")] * 4)),
}


@pytest.mark.parametrize("written", LIKE_THE_PLAIN_ONE.values(), ids=LIKE_THE_PLAIN_ONE)
def test_forms_of_one_document_give_the_same_tags(tmp_path: Path, written: Json | bytes) -> None:
    photos = opened(tmp_path, written)
    assert photos.classes == ("cat", "dog")
    assert tags_of(photos) == TAGS


OTHERS: dict[str, tuple[Json, dict[str, Any], tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "categories never used are classes": (
        changed(lambda found: found["categories"].append({"id": 1, "name": "bird"})), {}, ("bird", "cat", "dog"), TAGS,
    ),
    "two categories of one name are one class": (
        each("categories", lambda row: row.update(name="pet")), {}, ("pet",), {"a": ("pet",), "b": ("pet",), "c": ()},
    ),
    "numbers as names": (
        each("categories", lambda row: row.update(name=row["id"])), {}, ("17", "18"),
        {"a": ("17",), "b": ("17", "18"), "c": ()},
    ),
    "empty images left out": (document(), {"empty": "left_out"}, ("cat", "dog"), {"a": ("cat",), "b": ("cat", "dog")}),
    "no annotation at all": (document(annotations=[]), {}, ("cat", "dog"), {"a": (), "b": (), "c": ()}),
    "a photo with crowds only is not empty": (
        changed(lambda found: [row.update(iscrowd=1) for row in found["annotations"]]),
        {"empty": "left_out"}, ("cat", "dog"), {"a": (), "b": ()},
    ),
    "images that are not there are left out": (
        changed(lambda found: found["images"][2].update(file_name="z.jpg")),
        {"on_error": "skip"}, ("cat", "dog"), {"a": ("cat",), "b": ("cat", "dog")},
    ),
    "a class that means void": (
        changed(lambda found: found["categories"][1].update(name="void")), {}, ("cat",),
        {"a": ("cat",), "b": ("cat",), "c": ()},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("written", "settings", "classes", "tags"), OTHERS.values(), ids=OTHERS)
def test_a_document_gives_its_classes_and_tags(
    tmp_path: Path, written: Json, settings: Json, classes: tuple[str, ...], tags: dict[str, tuple[str, ...]]
) -> None:
    photos = opened(tmp_path, written, **settings)
    assert photos.classes == classes
    assert tags_of(photos) == tags


def test_val_has_the_classes_of_train_by_name(tmp_path: Path) -> None:
    """Other ids and another order."""
    other = document(images=[{"id": 5, "file_name": "c.jpg", "height": 8, "width": 10}])
    other["categories"] = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    other["annotations"] = [{"id": 1, "image_id": 5, "category_id": 1}]
    mine = document(images=document()["images"][:2])
    photos = opened(tmp_path, mine, val=other)
    assert photos.classes == ("cat", "dog")
    assert tags_of(photos) == {"a": ("cat",), "b": ("cat", "dog")}
    assert tags_of(photos, "val") == {"c": ("dog",)}


def test_other_classes_in_val_are_refused_by_name(tmp_path: Path) -> None:
    other = document(categories=[{"id": 17, "name": "cat"}, {"id": 18, "name": "Dog"}])
    with pytest.raises(UserError) as refusal:
        opened(tmp_path, document(), val=other).photos("val")
    assert [line.split(": ")[1] for line in refusal.value.where] == ["`dog`", "`Dog`; did you mean `dog`?"]


def test_photos_that_two_documents_tag_differently_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="say different things of 2 photos"):
        opened(tmp_path, document(), val=document(annotations=[])).photos("train")


def test_one_document_may_be_both_parts(tmp_path: Path) -> None:
    photos = opened(tmp_path, document(), val=document())
    assert tags_of(photos) == tags_of(photos, "val") == TAGS


def test_given_classes_order_and_filter_categories(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("dog\nbird\n")
    with pytest.raises(UserError, match="not in"):
        opened(tmp_path, document(), classes=tmp_path / "classes.txt").photos("train")
    photos = opened(tmp_path, document(), classes=tmp_path / "classes.txt", unlisted="ignore")
    assert photos.classes == ("dog", "bird")
    assert tags_of(photos) == {"a": (), "b": ("dog",), "c": ()}


NAMED_BY_THE_PLACE = {
    "the document's own folder": ("train/_annotations.coco.json", "a.jpg", "train/a"),
    "a folder the document is called after": ("annotations/instances_val.json", "a.jpg", "val/a"),
    "a path": ("annotations/instances_val.json", "train/a.jpg", "train/a"),
    "a folder below the document's": ("x/labels.json", "images/b.jpg", "x/images/b"),
}


@pytest.mark.parametrize(("document_at", "name", "image_id"), NAMED_BY_THE_PLACE.values(), ids=NAMED_BY_THE_PLACE)
def test_photos_of_one_name_are_told_apart_by_the_place_of_the_document(
    tmp_path: Path, document_at: str, name: str, image_id: str
) -> None:
    for place in ("train/a.jpg", "val/a.jpg", "x/images/b.jpg", "y/b.jpg", document_at):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 8)).save(tmp_path / f"{Path(place).with_suffix('.jpg')}")
    written = document(images=[{"id": 1, "file_name": name}], annotations=document()["annotations"][:1])
    (tmp_path / document_at).write_text(json.dumps(written))
    photos = CocoPhotos(CocoData(kind="coco", root=tmp_path, train=document_at), tmp_path / "run", 0)
    assert [photo.id for photo in photos.photos("train")] == [image_id]


def test_names_that_may_be_several_photos_are_refused(tmp_path: Path) -> None:
    for place in ("train/a.jpg", "val/a.jpg"):
        (tmp_path / place).parent.mkdir()
        Image.new("RGB", (10, 8)).save(tmp_path / place)
    (tmp_path / "all.json").write_text(json.dumps(document(images=document()["images"][:1], annotations=[])))
    with pytest.raises(UserError) as refusal:
        CocoPhotos(CocoData(kind="coco", root=tmp_path, train="all.json"), tmp_path / "run", 0).photos("train")
    assert refusal.value.where == ("`a.jpg` may be `train/a` or `val/a`",)


FACTS = {
    "images without annotations": (document(), "1 of 3 images without an annotation: background"),
    "boxes written as outlines": (
        each("annotations", lambda row: row.update(segmentation=[[2, 2, 6, 2, 6, 6, 2, 6]])), "all outlines are boxes"),
    "some boxes only": (
        changed(lambda found: found["annotations"][0].update(segmentation=[])),
        "1 image with objects that have no outline"),
    "no size": (changed(lambda found: found["images"][0].pop("width")), "1 image without height and width"),
    "names that are one class": (
        each("categories", lambda row: row.update(name="pet")), "categories 17, 18 are all called `pet`"),
    "photos that are in no document": (changed(lambda found: found["images"].pop()), "1 photo below"),
    "crowds only": (
        changed(lambda found: found["annotations"][0].update(iscrowd=1)), "1 image with crowds only"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "fact"), FACTS.values(), ids=FACTS)
def test_what_a_person_should_know_is_told(tmp_path: Path, written: Json, fact: str) -> None:
    photos = opened(tmp_path, written)
    photos.photos("train")
    assert any(fact in told for told in photos.facts("train"))


def test_tags_do_not_depend_on_unrelated_changes_of_the_document(tmp_path: Path) -> None:
    first = opened(tmp_path, document()).fingerprint("train", tags=True)
    assert opened(tmp_path, document(info={"a": 1})).fingerprint("train", tags=True) == first
    other = opened(tmp_path, annotation(image_id=3)).fingerprint("train", tags=True)
    assert other != first


def test_boxes_alone_give_no_masks_and_crowds_and_void_are_255(tmp_path: Path) -> None:
    written = changed(lambda found: found["annotations"][1].update(segmentation=[], category_id=17))
    written["annotations"][0]["iscrowd"] = 1
    masks = {photo.id: photo.mask for photo in opened(tmp_path, written).photos("train")}
    assert masks["b"] is None
    assert masks["a"] is not None
    assert masks["c"] is not None
    assert set(np.unique(masks["a"].read())) == {0, 255}
    assert not masks["c"].read().any()


@pytest.mark.parametrize("side", [str, float], ids=["text", "numbers with a point"])
def test_sizes_are_read_as_ids_are(tmp_path: Path, side: type) -> None:
    written = each("images", lambda row: row.update(height=side(row["height"]), width=side(row["width"])))
    assert opened(tmp_path, written).count("train") == opened(tmp_path, document()).count("train")
    assert opened(tmp_path, written).count("train")[1]


def test_a_photo_that_is_not_there_is_left_out_of_train_alone_before_it_is_divided(tmp_path: Path) -> None:
    written = changed(lambda found: found["images"].append({"id": 9, "file_name": "gone.jpg"}))
    photos = opened(tmp_path, written, on_error="skip", val=0.3)
    assert (list(photos.left_out("train")), list(photos.left_out("val"))) == (["gone.jpg"], [])
