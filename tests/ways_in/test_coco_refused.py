"""Way in: what is no instances JSON, or holds what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from puzzlecam_cli.data.kinds.coco import CocoData, CocoPhotos
from puzzlecam_cli.errors import UserError
from tests.instances import Json, annotation, category, document, each, image, opened

REFUSED: dict[str, tuple[Json | bytes, str]] = {
    "nothing": (b"", "line 1, byte 1: no object begins here"),
    "blanks": (b" \n\n ", "no object begins here"),
    "a web page": (b"<!DOCTYPE html>", "line 1, byte 1"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "line 1, byte 1"),
    "UTF-16": (json.dumps(document()).encode("utf-16"), "is in UTF-16-LE, not in UTF-8"),
    "Latin-1": (
        json.dumps(category(name="vélo"), ensure_ascii=False).encode("latin-1"),
        "byte 751: byte 0xE9 after `{\"id\": 19, \"name\": \"v`"),
    "a list of results": (b'[{"image_id": 1, "category_id": 18, "score": 0.2}]', "is a list, as files of results are"),
    "a comma too many": (b'{"images": [{"id": 1},]}', "line 1, byte 23: expecting value"),
    "a comma too many at the end": (b'{"images": [],}', "line 1, byte 15: the name of a value is missing"),
    "a comma that is missing": (b'{"images": [{"id": 1} {"id": 2}]}', "`]` is missing"),
    "a line that is torn": (b'{\n"images": [{"id": 1, "file_n', "line 2, byte 22: unterminated string"),
    "an end too early": (b'{"images": [{"id": 1}', "it ends too early"),
    "two documents": (json.dumps(document()).encode() * 2, "more follows after the end"),
    "a key without quotation marks": (b"{images: []}", "line 1, byte 2"),
    "lists nested 100,000 deep": (b'{"x": ' + b"[" * 100_000, "nested too deeply"),
    "a number of 10,000 digits": (b'{"x": ' + b"1" * 10_000 + b"}", "a number is too long"),
    "no images": ({"annotations": [], "categories": []}, "has no `images`"),
    "no annotations, as image_info_test": ({"images": [], "categories": []}, "has no `annotations`"),
    "captions": (
        {"images": document()["images"], "annotations": [{"image_id": 1, "id": 1, "caption": "a cat"}]},
        "is of captions"),
    "panoptic": (
        document(annotations=[{"image_id": 1, "file_name": "a.png", "segments_info": [{"category_id": 17}]}]),
        "is of panoptic"),
    "images that are a map": (document(images={"1": "a.jpg"}), "`images` is no list"),
    "images twice": (
        json.dumps(document()).replace('"categories"', '"images": [{"id": 5}], "categories"').encode(),
        "holds `images` twice"),
    "an image that is a name": (document(images=["a.jpg"]), "images[0] is no object"),
    "an image without id": (image(id=None), "images[3] (id `nothing`) has no id"),
    "an id that is true": (image(id=True), "images[3] (id `True`) has no id: `True`"),
    "an id that is a fraction": (image(id=1.5), "images[3] (id `1.5`) has no id: `1.5`"),
    "an id that is a list": (image(id=[1]), "has no id: `[1]`"),
    "an id twice": (image(id=1), "images[3] (id `1`) has the id of images[0]"),
    "an id twice, once as text": (image(id="1"), "images[3] (id `1`) has the id of images[0]"),
    "a name twice": (image(file_name="b.jpg"), "images[3] (id `9`) is the photo of images[1], too"),
    "a photo twice by other names": (image(file_name="x/b.jpg"), "`x/b.jpg` and `b.jpg`"),
    "no file_name, as LVIS": (image(file_name=None), "images[3] (id `9`) has no file_name"),
    "a photo that is not there": (image(), "`z.jpg` is not there"),
    "a way out": (image(file_name="../../etc/passwd"), "`../../etc/passwd` is not there"),
    "an image_id that is not there": (
        annotation(image_id=99), "annotations[3] (id `77`) has image_id `99`, which none of the images has"),
    "a category_id that is not there": (
        annotation(category_id=1), "annotations[3] (id `77`) has category_id `1`, which none of the categories has"),
    "no image_id": (annotation(image_id=None), "annotations[3] (id `77`) has no image_id"),
    "no category_id": (annotation(category_id={}), "annotations[3] (id `77`) has no category_id"),
    "iscrowd 2": (annotation(iscrowd=2), "annotations[3] (id `77`) has iscrowd `2`"),
    "iscrowd as text": (annotation(iscrowd="0"), "has iscrowd `0`, which is neither 0 nor 1"),
    "an annotation that is a number": (document(annotations=[5]), "annotations[0] is no object"),
    "a category without name": (category(name=" "), "categories[2] (id `19`) has no name"),
    "a category whose name is a list": (category(name=["bird"]), "categories[2] (id `19`) has no name: `['bird']`"),
    "a category with an escape code": (category(name="b\x1b[31m"), "category 19: `b\\x1b[31m`"),
    "a category twice": (category(id=18), "categories[2] (id `18`) has the id of categories[1]"),
    "categories that are all background": (
        each("categories", lambda row: row.update(name="background")), "name no class"),
    "no categories": (document(categories=[], annotations=[]), "name no class"),
    "300 categories": (
        document(annotations=[], categories=[{"id": n, "name": f"c{n}"} for n in range(300)]), "name 300 classes"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_instances_json_is_refused_by_index_and_id(tmp_path: Path, written: Json | bytes, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        opened(tmp_path, written).photos("train", tags=True)
    error = refusal.value
    assert said in " ".join((error.problem, *error.where))
    assert "train.json" in str(error)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    written = document(annotations=[{"id": n, "image_id": 50 + n, "category_id": 17} for n in range(20)])
    with pytest.raises(UserError) as refusal:
        opened(tmp_path, written).photos("train")
    assert refusal.value.problem.startswith("20 items of")
    assert len(refusal.value.where) == 9


def test_a_category_twice_refused_before_its_annotations(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="an item of"):
        opened(tmp_path, category(id=18)).photos("train")


@pytest.mark.parametrize("name", ["nowhere.json", "photos", "a/\0b"])
def test_a_document_that_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    opened(tmp_path, document())
    settings = CocoData(kind="coco", root=tmp_path / "photos", train=name)
    with pytest.raises(UserError, match=r"data\.train"):
        CocoPhotos(settings, tmp_path / "run", 0).photos("train")
